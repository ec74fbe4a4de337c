"""Weather warnings: taken over once, ended by hand or by the clock, their alerts raised and closed in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.rules import AlertPolicy
from tuoqi.alerts.domain.warning_rules import WarningRules
from tuoqi.alerts.domain.warnings import WeatherWarning, outermost
from tuoqi.alerts.handlers.warnings import (
    AlertRegions,
    End,
    Issue,
    WarningOver,
    on_alert_regions,
    on_end,
    on_issue,
    on_warning_over,
)
from tuoqi.alerts.store import warnings as store
from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.ids import IdMaker
from tuoqi.kit.rights import Actor

CLOCK = "timer:warnings"


@dataclass(frozen=True, slots=True)
class Bulletin:
    """What the weather service says; `key` is its number."""

    key: str
    kind: str
    colour: str
    regions: tuple[str, ...]
    begins_at: datetime | None = None
    ends_at: datetime | None = None


class WarningDesk:
    """Takes warnings over and ends them."""

    def __init__(self, commander: Commander, clock: BusinessClock, policy: AlertPolicy, ids: IdMaker) -> None:
        if policy.warnings is None:
            raise ValueError("the county has no rules about weather warnings")
        self._commander = commander
        self._clock = clock
        self._rules: WarningRules = policy.warnings
        self._ids = ids

    async def issue(self, bulletin: Bulletin, actor: Actor) -> tuple[WeatherWarning, bool]:
        """The warning, and whether it had been taken over before. Raises alerts.unknown_warning_kind, auth.no_region."""
        for code in bulletin.regions:
            actor.require_region(code)
        kind = self._rules.kind(bulletin.kind)
        if kind is None:
            allowed = "、".join(f"{one.kind} {one.name}" for one in self._rules.kinds)
            raise TuoqiError("alerts.unknown_warning_kind", kind=bulletin.kind, allowed=allowed)
        now = self._clock.now()
        begins = bulletin.begins_at or now
        if bulletin.ends_at is not None and bulletin.ends_at <= max(begins, now):
            raise TuoqiError("alerts.warning_times")
        warning = WeatherWarning(
            warning_id=self._ids(now, f"warning|{bulletin.key}", 0),
            version=0,
            source_key=bulletin.key,
            kind=bulletin.kind,
            colour=bulletin.colour,
            regions=outermost(bulletin.regions),
            begins_at=begins,
            ends_at=bulletin.ends_at,
            tasks_due_at=self._rules.due(now) if kind.visits(bulletin.colour) else None,
            issued_at=now,
            issued_by=actor.user,
        )
        done: tuple[WeatherWarning, bool] = await self._commander.transaction(
            partial(self._issue, warning=warning, alerts=kind.alerts(bulletin.colour))
        )
        return done

    async def end(self, warning_id: str, actor: Actor) -> WeatherWarning:
        """End a warning now. Raises state.not_found, auth.no_region, alerts.warning_ended."""

        async def body(tx: Tx) -> WeatherWarning:
            warning = await store.read_warning(tx, warning_id)
            if warning is None:
                raise TuoqiError("state.not_found", what=f"气象预警 {warning_id}")
            for code in warning.regions:
                actor.require_region(code)
            return await self._over(tx, warning, self._clock.now(), by=actor.user)

        ended: WeatherWarning = await self._commander.transaction(body)
        return ended

    async def end_due(self, until: datetime) -> bool:
        """End the warning that the clock ends first, at its own moment; False where none is due by `until`."""

        async def body(tx: Tx) -> bool:
            warning = await store.next_ending(tx, lock=True)
            if warning is None or warning.ends_at is None or warning.ends_at > until:
                return False
            await self._over(tx, warning, warning.ends_at, by="")
            return True

        done: bool = await self._commander.transaction(body)
        return done

    async def _issue(self, tx: Tx, *, warning: WeatherWarning, alerts: bool) -> tuple[WeatherWarning, bool]:
        known = await store.of_source(tx, warning.source_key)
        if known is not None:
            return known, True
        cause, at, by = f"warning:{warning.source_key}", warning.issued_at, warning.issued_by
        call = Call(warning.warning_id, on_issue, Issue(warning), cause, at, by)
        states = await self._commander.within(tx, WeatherWarning, [call])
        if alerts:
            command = AlertRegions(self._rules.alert_kind, warning.regions)
            await self._commander.within(tx, AlertBook, [Call(warning.book, on_alert_regions, command, cause, at, by)])
        return states[warning.warning_id], False

    async def _over(self, tx: Tx, warning: WeatherWarning, at: datetime, *, by: str) -> WeatherWarning:
        cause = f"warning-over:{warning.warning_id}"
        actor = by or CLOCK
        call = Call(warning.warning_id, on_end, End(by), cause, at, actor)
        states = await self._commander.within(tx, WeatherWarning, [call])
        calls: Sequence[Call] = [Call(warning.book, on_warning_over, WarningOver(by), cause, at, actor)]
        await self._commander.within(tx, AlertBook, calls)
        ended: WeatherWarning = states[warning.warning_id]
        return ended


class WarningTimer:
    """Warnings end when they were expected to; missed ones are caught up in order of time, each at its own moment."""

    def __init__(self, desk: WarningDesk) -> None:
        self._desk = desk

    async def next_due(self, tx: Tx) -> datetime | None:
        """When the next warning ends."""
        warning = await store.next_ending(tx)
        return None if warning is None else warning.ends_at

    async def run(self, until: datetime) -> int:
        """End every warning that is over by `until`."""
        done = 0
        while await self._desk.end_due(until):
            done += 1
        return done
