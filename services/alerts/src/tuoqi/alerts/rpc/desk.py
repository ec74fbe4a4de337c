"""What the servicers about alerts share: finding one within the caller's sight, acting on it, showing it afterwards."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from tuoqi.alerts import store
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.rules import AlertPolicy
from tuoqi.alerts.jobs.sight import require_sight
from tuoqi.alerts.store import NoteSeal, Seen
from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.handlers import Handler
from tuoqi.kit.rights import current_actor


@dataclass(frozen=True, slots=True)
class Desk:
    """The tools of every act on an alert."""

    database: Database
    clock: BusinessClock
    commander: Commander
    policy: AlertPolicy
    seal: NoteSeal

    async def find(self, alert_id: str) -> Seen:
        """The alert, if the caller may see it. Raises state.not_found, auth.no_region."""
        seen = await self.stored(alert_id)
        require_sight(seen, current_actor())
        return seen

    async def stored(self, alert_id: str) -> Seen:
        """The alert, whoever asks. Raises state.not_found."""
        async with self.database.begin() as tx:
            seen = await store.one(tx, alert_id)
        if seen is None:
            raise TuoqiError("state.not_found", what=f"预警 {alert_id}")
        return seen

    async def act(self, seen: Seen, name: str, handler: Handler, command: Any) -> Seen:
        """One act of the caller on the alert; the alert afterwards. Raises what the handler refuses."""
        actor, now = current_actor(), self.clock.now()
        call = Call(seen.book, handler, command, self.cause(name, seen), now, actor.user)
        await self.commander.run(AlertBook, [call])
        return await self.stored(seen.alert.alert_id)

    def cause(self, name: str, seen: Seen) -> str:
        """What the ids of an act derive from: the act, the alert, the moment and, without naming him, who acts."""
        who = hashlib.sha256(current_actor().user.encode()).hexdigest()[:8]
        return f"{name}:{seen.alert.alert_id}:{self.clock.now().isoformat()}:{who}"
