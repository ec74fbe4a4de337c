"""Who may see whose alert: alerts knows no regions, so it asks the registry where a person lives."""

from __future__ import annotations

from collections.abc import Sequence

from tuoqi.alerts.domain.alert import Alert
from tuoqi.alerts.peers import Registry
from tuoqi.kit.rights import Actor

COUNTY = ""
"""The region prefix of one who acts everywhere."""


class Sight:
    """What an actor may see, by the regions that the county's files give him."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def visible(self, alerts: Sequence[Alert], actor: Actor) -> list[Alert]:
        """Those about people in his regions, in the same order. Asks nobody where he acts everywhere."""
        if actor.may_act_in(COUNTY):
            return list(alerts)
        people = await self._registry.describe(alert.person_id for alert in alerts)
        return [one for one in alerts if one.person_id in people and actor.may_act_in(people[one.person_id].region)]

    async def require(self, alert: Alert, actor: Actor) -> None:
        """Raises auth.no_region where the person lives outside his regions."""
        if not await self.visible([alert], actor):
            actor.require_region(COUNTY)
