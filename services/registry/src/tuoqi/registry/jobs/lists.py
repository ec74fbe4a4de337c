"""deaths.csv, moves.csv and comparison.csv 比对名单: what other offices say of people on the register."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow
from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.comparison import DEATH, MOVE, RETURN
from tuoqi.registry.domain.lists import apply_death_row, apply_move_row
from tuoqi.registry.domain.person import Person
from tuoqi.registry.handlers import person_event
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.chunk import Chunk, People, cells_by_present_number, open_chunk
from tuoqi.registry.jobs.columns import COMPARISON, DEATHS, MOVES
from tuoqi.registry.jobs.comparison import FindingBook, Said
from tuoqi.registry.store.persons import PersonStore

Says = Callable[[Cells], tuple[str, date | None]]
"""What a row says: the kind of it, and its day."""


class ListImporter:
    """Takes one kind of list that changes people."""

    def __init__(
        self, desk: Desk, kind: str, columns: Sequence[Column], apply: Callable[..., Person | None], says: Says
    ) -> None:
        self.kind = kind
        self.columns = columns
        self._apply = apply
        self._says = says
        self._desk = desk
        self._persons = PersonStore(desk.vault)
        self._book = FindingBook(desk, kind)

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows in the file's order; a later row for the same person replaces an earlier one."""
        chunk = await open_chunk(self._desk, tx, self.columns, ctx)
        cells = [cells_by_present_number(row) for row in rows]
        people = People(self._persons)
        await people.load(tx, cells, chunk.ring)
        said: list[Said] = []
        for row, row_cells in zip(rows, cells, strict=True):
            flaws = Flaws()
            person = people.find_known(row_cells, flaws)
            after: Person | None = None
            if person is not None:
                chunk.check_regions(flaws, "id_number", person.region)
                after = self._apply(person, row_cells, flaws, today=chunk.today)
            chunk.report(row, flaws)
            if person is None or after is None:
                continue
            said.append(Said(row.number, after, *self._says(row_cells), row_cells.text("source"), after is person))
            if after is person:
                chunk.outcome.unchanged += 1
            else:
                chunk.outcome.changed += 1
                after = replace(after, version=after.version + 1)
                people.put(after)
                event = person_event(person, after, chunk.known_at)
                chunk.tell(row, event, key=after.person_id, version=after.version)
        await self._persons.save(tx, people.loaded, people.changed_persons(), chunk.at, chunk.ring)
        await _note(self._book, tx, chunk, rows, said)
        return await chunk.close(tx)


class ComparisonImporter:
    """Takes comparison.csv: it changes nobody, what it says waits for a clerk."""

    kind = "comparison"
    columns: Sequence[Column] = COMPARISON

    def __init__(self, desk: Desk) -> None:
        self._words = {word: code for code, words in desk.policy.comparison.kinds.items() for word in (code, *words)}
        self._desk = desk
        self._persons = PersonStore(desk.vault)
        self._book = FindingBook(desk, self.kind)

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows in the file's order; a later row of a person and kind replaces an earlier one nobody decided."""
        chunk = await open_chunk(self._desk, tx, self.columns, ctx)
        cells = [cells_by_present_number(row) for row in rows]
        people = People(self._persons)
        await people.load(tx, cells, chunk.ring)
        said: list[Said] = []
        for row, row_cells in zip(rows, cells, strict=True):
            flaws = Flaws()
            person = people.find_known(row_cells, flaws)
            kind = self._words.get(row_cells.text("kind"), "")
            if not kind:
                allowed = "、".join(f"{words[0]}[{code}]" for code, words in self._desk.policy.comparison.kinds.items())
                flaws.reject("kind", row_cells.text("kind"), f"不在允许的范围内，可填：{allowed}。")
            if person is not None:
                chunk.check_regions(flaws, "id_number", person.region)
                flaws.check_days(row_cells, ("date",), today=chunk.today, born=person.birth_date)
            chunk.report(row, flaws)
            if person is not None and not flaws.is_rejected():
                source = row_cells.text("source")
                said.append(Said(row.number, person, kind, row_cells.day("date"), source, is_known=False))
        chunk.outcome.changed = await _note(self._book, tx, chunk, rows, said)
        chunk.outcome.unchanged = len(said) - chunk.outcome.changed
        return await chunk.close(tx)


async def _note(book: FindingBook, tx: Tx, chunk: Chunk, rows: Sequence[ParsedRow], said: Sequence[Said]) -> int:
    ids = {row.number: chunk.new_id(row, "finding") for row in rows}
    return await book.note(tx, chunk.act, said, ids, content_hash=chunk.ctx.content_hash, attempt=chunk.ctx.attempt)


def death_importer(desk: Desk) -> ListImporter:
    """Takes deaths.csv."""
    return ListImporter(desk, "deaths", DEATHS, apply_death_row, lambda cells: (DEATH, cells.day("death_date")))


def move_importer(desk: Desk) -> ListImporter:
    """Takes moves.csv."""
    return ListImporter(desk, "moves", MOVES, apply_move_row, _says_move)


def _says_move(cells: Cells) -> tuple[str, date | None]:
    back = cells.day("returned_on")
    return (RETURN, back) if back else (MOVE, cells.day("moved_out_on"))
