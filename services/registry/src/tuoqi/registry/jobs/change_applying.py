"""How an approved change request goes in: whole in one transaction, or chunk by chunk with nothing taken twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain import change as states
from tuoqi.registry.domain.change import Change, ChangeRow
from tuoqi.registry.handlers import change_applied_event, change_undone_event
from tuoqi.registry.jobs.act import Act, Desk
from tuoqi.registry.jobs.change_rows import RowReader
from tuoqi.registry.store.changes import applying, load_change, load_rows, save_change, save_rows

Result = TypeVar("Result")


async def transaction(commander: Commander, body: Callable[[Tx], Awaitable[Result]]) -> Result:
    """Run a body in one transaction, again where it loses a race."""
    result: Result = await commander.transaction(body)
    return result


async def step(tx: Tx, act: Act, change: Change, **values: Any) -> Change:
    """The request after a step, written."""
    after = replace(change, revision=change.revision + 1, **values)
    await save_change(tx, after, act.ring)
    return after


class Applier:
    """Puts the rows of approved requests in."""

    def __init__(self, desk: Desk, commander: Commander, reader: Callable[[str], RowReader]) -> None:
        self._desk = desk
        self._commander = commander
        self._reader = reader
        self._chunk_rows = desk.policy.changes.chunk_rows

    async def begin(self, tx: Tx, act: Act, change: Change) -> Change:
        """Apply a request that fits in one transaction; let a larger one begin. One in conflict changes nothing.

        Raises change.rows_rejected where a row cannot be taken any more; then the request stays as it was.
        """
        change = replace(change, checked_at=act.at)
        if change.rows_total <= self._chunk_rows:
            rows = await self._look(tx, act, change, await self._load(tx, act, change))
            if self._stops(change, rows):
                return await self._stop(tx, act, change, rows)
            return await self._take(tx, act, change, rows)
        stopped, left_out = False, 0
        async for rows in self.chunks(tx, act, change):
            left_out += sum(row.state != states.WAITING for row in rows)
            looked = await self._look(tx, act, change, rows)
            if self._stops(change, looked):
                await save_rows(tx, change.change_id, looked, act.ring)
                stopped = True
        state = states.CONFLICT if stopped else states.APPLYING
        return await step(tx, act, change, state=state, rows_done=left_out, rows_skipped=left_out)

    async def rest(self, actor: Actor, change_id: str) -> AsyncIterator[Change]:
        """Take what is left of a request that has begun, a chunk at a time; the request after each."""

        async def body(tx: Tx) -> Change:
            act = await self._desk.begin(tx, actor)
            change = await load_change(tx, change_id, act.ring, lock=True)
            if change is None:
                raise TuoqiError("change.unknown")
            if change.state != states.APPLYING:
                return change
            rows = await self._load(tx, act, change, state=states.WAITING)
            return await self._take(tx, act, change, await self._look(tx, act, change, rows))

        while True:
            change = await transaction(self._commander, body)
            yield change
            if change.state != states.APPLYING:
                return

    async def chunks(self, tx: Tx, act: Act, change: Change) -> AsyncIterator[list[ChangeRow]]:
        """All rows of a request, so many at a time."""
        after = 0
        while rows := await self._load(tx, act, change, after=after):
            after = rows[-1].number
            yield rows

    async def _load(self, tx: Tx, act: Act, change: Change, *, after: int = 0, state: str = "") -> list[ChangeRow]:
        return await load_rows(tx, change.change_id, act.ring, after=after, size=self._chunk_rows, state=state)

    async def _look(self, tx: Tx, act: Act, change: Change, rows: Sequence[ChangeRow]) -> list[ChangeRow]:
        reader = self._reader(change.kind)
        parsed, _ = reader.parse({row.number: row.cells for row in rows if row.state == states.WAITING})
        return reader.look(act, rows, await reader.files(tx, parsed, act.ring), parsed)

    @staticmethod
    def _stops(change: Change, rows: Sequence[ChangeRow]) -> bool:
        """An undo leaves out what was changed later; anything else stops."""
        return not change.undoes and any(row.state == states.IN_CONFLICT for row in rows)

    @staticmethod
    async def _stop(tx: Tx, act: Act, change: Change, rows: Sequence[ChangeRow]) -> Change:
        await save_rows(tx, change.change_id, rows, act.ring)
        return await step(tx, act, change, state=states.CONFLICT)

    async def _take(self, tx: Tx, act: Act, change: Change, rows: Sequence[ChangeRow]) -> Change:
        taken = await self._reader(change.kind).take(tx, act, change, rows)
        rejected = [row for row in taken if row.state == states.REJECTED]
        if rejected and change.state != states.APPLYING and not change.undoes:
            raise TuoqiError(
                "change.rows_rejected", count=len(rejected), row=rejected[0].number, reason=rejected[0].reason
            )
        await save_rows(tx, change.change_id, taken, act.ring)
        changed = sum(row.state == states.CHANGED for row in taken)
        unchanged = sum(row.state == states.UNCHANGED for row in taken)
        change = replace(
            change,
            rows_done=change.rows_done + len(taken),
            rows_changed=change.rows_changed + changed,
            rows_unchanged=change.rows_unchanged + unchanged,
            rows_skipped=change.rows_skipped + len(taken) - changed - unchanged,
        )
        if change.rows_done < change.rows_total:
            return await step(tx, act, change)
        return await self._finish(tx, act, change)

    async def _finish(self, tx: Tx, act: Act, change: Change) -> Change:
        """All rows are in: told once, with the request that it takes back, where it does."""
        after = await step(tx, act, change, state=states.APPROVED, version=change.version + 1)
        cause = f"apply|{change.change_id}|{change.revision}|{act.actor.user}"
        applied = change_applied_event(after, act.known_at)
        act.tell(cause, applied, key=after.change_id, version=after.version)
        if change.undoes and after.rows_changed:
            undone = await load_change(tx, change.undoes, act.ring, lock=True)
            if undone is None:
                raise TuoqiError("change.unknown")
            undone = await step(tx, act, undone, state=states.UNDONE, version=undone.version + 1)
            event = change_undone_event(undone, after, act.known_at)
            act.tell(cause, event, key=undone.change_id, version=undone.version)
        await act.send(tx)
        return after


class ChangeTimer:
    """Goes on with requests whose service was stopped while they went in."""

    def __init__(self, resume: Callable[[datetime], Awaitable[int]]) -> None:
        self._resume = resume

    async def next_due(self, tx: Tx) -> datetime | None:
        """When the oldest of them was approved."""
        waiting = await applying(tx)
        return waiting[0][1] if waiting else None

    async def run(self, until: datetime) -> int:
        """Put in what is left of them."""
        return await self._resume(until)
