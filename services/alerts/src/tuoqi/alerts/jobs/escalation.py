"""The clock behind every alert: steps of escalation 升级 are taken when they are due, each once, missed ones later.

The due-table is the alerts themselves (`due_at`, an index over open ones). A step is taken under the lock of the
alert's book, so it does not matter how often or how late this runs, or which event arrives meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from tuoqi.alerts import store
from tuoqi.alerts.domain import book as books
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.rules import AlertPolicy
from tuoqi.alerts.handlers.acts import EscalationDue, on_escalation_due
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Tx

BOOKS_MAX = 250
"""Books in one transaction: about 50 ms of work, so that events and calls are not kept waiting."""
ACTOR = "timer:escalation"


class EscalationTimer:
    """Takes what is due, in order of time within each book, in chunks that each commit."""

    def __init__(self, commander: Commander, books_store: store.AlertBookStore, policy: AlertPolicy) -> None:
        self._commander = commander
        self._store = books_store
        self._policy = policy

    async def next_due(self, tx: Tx) -> datetime | None:
        """When the next step of any open alert is due."""
        return await store.next_due(tx)

    async def run(self, until: datetime) -> int:
        """Take every step due by `until`, that moment included; how many moments of alerts were handled."""
        done = 0
        while taken := await self._commander.transaction(partial(self._chunk, until=until)):
            done += taken
        return done

    async def _chunk(self, tx: Tx, *, until: datetime) -> int:
        """All steps due by `until` of the books that are due first; 0 where none is."""
        loaded = await self._store.load(tx, await store.due_books(tx, until, BOOKS_MAX))
        calls = [call for book in loaded.values() for call in self._calls(book, until)]
        calls.sort(key=lambda call: call.at)
        if calls:
            await self._commander.within(tx, AlertBook, calls)
        return len(calls)

    def _calls(self, book: AlertBook, until: datetime) -> Iterator[Call]:
        """One call for each moment of each alert, under a key of its own: late or punctual, the ids are the same.

        A book without any step gets one call all the same: its due times came from other rules and are written anew.
        """
        for at, alert_id in books.due_steps(book, until, self._policy) or [(until, "")]:
            cause = f"escalate:{alert_id}:{at.astimezone(UTC).isoformat()}"
            yield Call(book.key, on_escalation_due, EscalationDue(alert_id), cause, at, ACTOR)
