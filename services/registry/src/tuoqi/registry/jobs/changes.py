"""Change requests 变更申请: drafted, submitted, checked, applied by the very importer of their file kind, taken back.

A request of no more rows than a transaction takes is applied in one; a larger one is approved once and then applied
chunk by chunk, and goes on by itself where its service was stopped in the middle.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.tables import Importer
from tuoqi.kit.tables import Problem
from tuoqi.registry.domain import change as states
from tuoqi.registry.domain.change import Change, ChangeRow, refusal_of
from tuoqi.registry.domain.change_views import NAMES
from tuoqi.registry.jobs.act import Act, Desk
from tuoqi.registry.jobs.change_applying import Applier, step, transaction
from tuoqi.registry.jobs.change_rows import Preview, RowReader
from tuoqi.registry.store.changes import (
    add_change,
    applying,
    load_change,
    load_rows,
    pending_undo,
    regions_of,
    save_rows,
)

Cells = Mapping[int, Mapping[str, str]]
"""Row number → column key → cell."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """What became of rows that somebody wants as a request."""

    preview: Preview
    change: Change | None = None
    """None where a row would be rejected, or where it was only a trial."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants."""

    kind: str
    cells: Cells
    note: str = field(default="", repr=False)
    undoes: str = ""


class ChangeDesk:
    """Takes the steps of requests, each in a transaction of its own."""

    def __init__(self, desk: Desk, commander: Commander, importers: Sequence[Importer]) -> None:
        self._desk = desk
        self._commander = commander
        self._policy = desk.policy.changes
        self._readers = {one.kind: RowReader(desk, one) for one in importers if one.kind in self._policy.kinds}
        self._applier = Applier(desk, commander, self.reader)

    def reader(self, kind: str) -> RowReader:
        """How rows of a kind are read. Raises change.kind_unknown for one of which the county takes no requests."""
        if kind not in self._readers:
            raise TuoqiError("change.kind_unknown", kind=kind, allowed="、".join(sorted(self._readers)))
        return self._readers[kind]

    async def draft(self, actor: Actor, wanted: Wanted, *, dry_run: bool = False) -> Drafted:
        """Keep rows as a draft, unless one of them would be rejected. Raises change.no_rows, change.too_many_rows."""
        self.check_size(len(wanted.cells))

        async def body(tx: Tx) -> Drafted:
            act = await self._desk.begin(tx, actor)
            return await self.draft_within(tx, act, wanted, dry_run=dry_run)

        return await transaction(self._commander, body)

    async def draft_within(self, tx: Tx, act: Act, wanted: Wanted, *, dry_run: bool = False) -> Drafted:
        """The same inside a transaction that is open already."""
        reader = self.reader(wanted.kind)
        change_id = act.new_id(f"draft|{act.actor.user}|{_digest(wanted)}", "change")
        rows, preview = await self._look(tx, act, reader, wanted.cells, change_id)
        if dry_run or preview.rejected:
            return Drafted(preview)
        change = await self._new_change(tx, act, wanted, change_id, rows)
        if not await add_change(tx, change, rows, act.ring):
            stored = await load_change(tx, change_id, act.ring, lock=False)
            return Drafted(preview, stored)
        return Drafted(preview, change)

    async def submit(self, actor: Actor, change_id: str) -> AsyncIterator[Change]:
        """Hand a draft over; where nobody else need look at it, apply it."""

        async def body(tx: Tx) -> Change:
            act, change = await self._open(tx, actor, change_id, "submit")
            if not change.needs_checker:
                return await self._applier.begin(tx, act, change)
            return await step(tx, act, change, state=states.SUBMITTED)

        change = await transaction(self._commander, body)
        yield change
        if change.state == states.APPLYING:
            async for change in self._applier.rest(actor, change_id):
                yield change

    async def approve(self, actor: Actor, change_id: str) -> AsyncIterator[Change]:
        """Apply a submitted request, or set it in conflict; told after each chunk. Raises change.rows_rejected."""

        async def body(tx: Tx) -> Change:
            act, change = await self._open(tx, actor, change_id, "approve")
            if change.state == states.APPLYING:
                return change
            return await self._applier.begin(tx, act, replace(change, checked_by=actor.user))

        change = await transaction(self._commander, body)
        yield change
        if change.state == states.APPLYING:
            async for change in self._applier.rest(actor, change_id):
                yield change

    async def refuse(self, actor: Actor, change_id: str, reason: str) -> Change:
        """End a submitted request."""

        async def body(tx: Tx) -> Change:
            act, change = await self._open(tx, actor, change_id, "refuse")
            checked = {"checked_by": actor.user, "checked_at": act.at, "refused_because": reason}
            return await step(tx, act, change, state=states.REFUSED, **checked)

        return await transaction(self._commander, body)

    async def withdraw(self, actor: Actor, change_id: str) -> Change:
        """End a request that is not applied."""

        async def body(tx: Tx) -> Change:
            act, change = await self._open(tx, actor, change_id, "withdraw")
            return await step(tx, act, change, state=states.WITHDRAWN)

        return await transaction(self._commander, body)

    async def rebase(self, actor: Actor, change_id: str) -> Change:
        """Make a request in conflict a draft again, on what stands in the files now."""

        async def body(tx: Tx) -> Change:
            act, change = await self._open(tx, actor, change_id, "rebase")
            reader = self.reader(change.kind)
            async for rows in self._applier.chunks(tx, act, change):
                parsed, _ = reader.parse({row.number: row.cells for row in rows})
                files = await reader.files(tx, parsed, act.ring)
                fresh = reader.new_rows(act, {row.number: row.cells for row in rows}, parsed, files)
                await save_rows(tx, change_id, fresh, act.ring)
            return await step(tx, act, change, state=states.DRAFT, checked_by="", checked_at=None)

        return await transaction(self._commander, body)

    async def undo(self, actor: Actor, change_id: str, note: str) -> tuple[Change, list[Problem]]:
        """Submit the rows that put back what an applied request changed; with it, the rows that cannot be put back.

        Raises change.undone_already and change.nothing_to_undo.
        """

        async def body(tx: Tx) -> tuple[Change, list[Problem]]:
            act, change = await self._open(tx, actor, change_id, "undo")
            if await pending_undo(tx, change_id):
                raise TuoqiError("change.undone_already")
            rows = await self._undo_rows(tx, act, change)
            skipped = [Problem(row.number, "", "", row.reason) for row in rows if row.state != states.WAITING]
            if len(skipped) == len(rows):
                raise TuoqiError("change.nothing_to_undo")
            undo_id = act.new_id(f"undo|{change_id}|{change.revision}|{actor.user}", "change")
            wanted = Wanted(change.kind, {row.number: row.cells for row in rows}, note, change_id)
            undo = await self._new_change(tx, act, wanted, undo_id, rows)
            regions = tuple(sorted({*undo.regions, *change.regions}))
            undo = replace(undo, state=states.SUBMITTED, needs_checker=True, regions=regions)
            await add_change(tx, undo, rows, act.ring)
            return undo, skipped

        return await transaction(self._commander, body)

    async def resume(self, until: datetime) -> int:
        """Go on with approved requests whose rows are not all in; how many chunks were taken."""
        chunks = 0
        waiting = await transaction(self._commander, applying)
        for change_id, approved_at, user in waiting:
            if approved_at <= until:
                chunks += len([one async for one in self._applier.rest(Actor(user=user), change_id)])
        return chunks

    def check_size(self, rows: int) -> None:
        """Raises change.no_rows and change.too_many_rows."""
        if not rows:
            raise TuoqiError("change.no_rows")
        if rows > self._policy.rows_max:
            raise TuoqiError("change.too_many_rows", most=self._policy.rows_max)

    async def _open(self, tx: Tx, actor: Actor, change_id: str, name: str) -> tuple[Act, Change]:
        """Begin a step: the request locked, and the actor allowed to take it."""
        act = await self._desk.begin(tx, actor)
        change = await load_change(tx, change_id, act.ring, lock=True)
        if change is None or not all(actor.may_act_in(region) for region in change.regions):
            raise TuoqiError("change.unknown")
        if slug := refusal_of(change, name, actor.user):
            raise TuoqiError(slug, state=change.state)
        return act, change

    async def _look(
        self, tx: Tx, act: Act, reader: RowReader, cells: Cells, change_id: str
    ) -> tuple[list[ChangeRow], Preview]:
        """The rows with what stands in the files, and what the importer would make of them."""
        preview, rows = Preview(), list[ChangeRow]()
        for chunk in _split(list(cells), self._policy.chunk_rows):
            parsed, flawed = reader.parse({number: cells[number] for number in chunk})
            files = await reader.files(tx, parsed, act.ring)
            rows += reader.new_rows(act, {number: cells[number] for number in chunk}, parsed, files)
            preview.problems += [*flawed, *reader.repeated(act, parsed, files)]
            done = await reader.try_out(tx, act, parsed, change_id)
            preview.problems += done.problems
            preview.changed += done.changed
            preview.unchanged += done.unchanged
            preview.events += done.events
        preview.problems.sort(key=lambda one: one.row_number)
        return rows, preview

    async def _new_change(self, tx: Tx, act: Act, wanted: Wanted, change_id: str, rows: Sequence[ChangeRow]) -> Change:
        touched = {column for row in rows for column in row.seen if column not in NAMES or column in row.now}
        given = dict.fromkeys(column for row in rows for column in row.cells)
        people = {row.person_id for row in rows if row.person_id}
        regions = await regions_of(tx, people) if people else set()
        regions |= {row.cells["hukou_region"] for row in rows if row.registers and "hukou_region" in row.cells}
        return Change(
            change_id=change_id,
            kind=wanted.kind,
            state=states.DRAFT,
            columns=tuple(given),
            regions=tuple(sorted(regions)),
            made_by=act.actor.user,
            made_at=act.at,
            needs_checker=self._policy.needs_checker(wanted.kind, len(rows), touched or set(given)),
            rows_total=len(rows),
            undoes=wanted.undoes,
            note=wanted.note,
        )

    async def _undo_rows(self, tx: Tx, act: Act, change: Change) -> list[ChangeRow]:
        """For each row that changed something the one that puts it back, or why there is none."""
        reader = self.reader(change.kind)
        found: list[ChangeRow] = []
        after = 0
        while rows := await load_rows(
            tx, change.change_id, act.ring, after=after, size=self._policy.chunk_rows, state=states.CHANGED
        ):
            after = rows[-1].number
            found += await reader.inverse(tx, act, rows)
        return found


def _split(numbers: Sequence[int], size: int) -> list[Sequence[int]]:
    return [numbers[first : first + size] for first in range(0, len(numbers), size)]


def _digest(wanted: Wanted) -> str:
    plain = json.dumps([wanted.kind, wanted.note, list(wanted.cells.items())], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()
