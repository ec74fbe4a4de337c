"""deaths.csv and moves.csv 比对名单: what other offices say of people on the register."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow
from tuoqi.registry.domain.cells import Flaws
from tuoqi.registry.domain.lists import apply_death_row, apply_move_row
from tuoqi.registry.domain.person import Person
from tuoqi.registry.handlers import person_event
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.chunk import People, cells_by_present_number, open_chunk
from tuoqi.registry.jobs.columns import DEATHS, MOVES
from tuoqi.registry.store.persons import PersonStore


class ListImporter:
    """Takes one kind of list."""

    def __init__(self, desk: Desk, kind: str, columns: Sequence[Column], apply: Callable[..., Person | None]) -> None:
        self.kind = kind
        self.columns = columns
        self._apply = apply
        self._desk = desk
        self._persons = PersonStore(desk.vault)

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows in the file's order; a later row for the same person replaces an earlier one."""
        chunk = await open_chunk(self._desk, tx, self.columns, ctx)
        cells = [cells_by_present_number(row) for row in rows]
        people = People(self._persons)
        await people.load(tx, cells, chunk.ring)
        for row, row_cells in zip(rows, cells, strict=True):
            flaws = Flaws()
            person = people.find_known(row_cells, flaws)
            after: Person | None = None
            if person is not None:
                chunk.check_regions(flaws, "id_number", person.region)
                after = self._apply(person, row_cells, flaws, today=chunk.today)
            chunk.report(row, flaws)
            if after is person and after is not None:
                chunk.outcome.unchanged += 1
            elif after is not None:
                chunk.outcome.changed += 1
                after = replace(after, version=after.version + 1)
                people.put(after)
                event = person_event(person, after, chunk.known_at)
                chunk.tell(row, event, key=after.person_id, version=after.version)
        await self._persons.save(tx, people.loaded, people.changed_persons(), chunk.at, chunk.ring)
        return await chunk.close(tx)


def death_importer(desk: Desk) -> ListImporter:
    """Takes deaths.csv."""
    return ListImporter(desk, "deaths", DEATHS, apply_death_row)


def move_importer(desk: Desk) -> ListImporter:
    """Takes moves.csv."""
    return ListImporter(desk, "moves", MOVES, apply_move_row)
