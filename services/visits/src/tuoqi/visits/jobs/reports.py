"""What counting and freezing share: whose regions count, and a report that is kept for ever."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime

from google.protobuf.message import Message

from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.database import Tx
from tuoqi.kit.ids import IdMaker
from tuoqi.kit.rights import Actor
from tuoqi.visits.store.reports import Report, keep_report


@dataclass(frozen=True, slots=True)
class Freezer:
    """Keeps answers for ever. `county` is the code of the whole county: nobody freezes a part of it."""

    clock: BusinessClock
    ids: IdMaker
    county: str

    def county_actor(self, actor: Actor) -> Actor:
        """Raises auth.no_region for whoever may not act in the whole county."""
        actor.require_region(self.county)
        return actor

    async def keep(
        self,
        tx: Tx,
        kind: str,
        answer: Message,
        *,
        title: str,
        days: tuple[date, date],
        by: str,
        hashed: str,
        user: str,
    ) -> Report:
        """A report of this answer. The same asked for again at the same moment is the same report."""
        at: datetime = self.clock.now()
        content = answer.SerializeToString(deterministic=True)
        first, last = days
        report = Report(
            report_id=self.ids(at, f"{kind}|{title}|{first}|{last}|{by}|{user}", 0),
            kind=kind,
            title=title,
            first_day=first,
            last_day=last,
            broken_down_by=by,
            frozen_at=at,
            frozen_by=user,
            definitions_hash=hashed,
            content_hash=hashlib.sha256(content).hexdigest(),
            content=content.hex(),
        )
        await keep_report(tx, report)
        return report
