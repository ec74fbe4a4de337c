"""guardianship.csv 监护: one row is one guardian of one child, from a day to a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import ParsedRow
from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.guardianship import (
    Guardianship,
    guardian_number,
    place_guardianship,
    read_guardianship,
    warn_of_child,
    warn_of_guardian,
)
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.status import Interval
from tuoqi.registry.handlers import guardianship_event
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.chunk import Chunk, People, cells_by_present_number, open_chunk
from tuoqi.registry.jobs.columns import GUARDIANSHIP
from tuoqi.registry.store.guardianships import load_guardianships, save_guardianships
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.statuses import load_intervals


class GuardianshipImporter:
    """Takes guardianship.csv."""

    kind = "guardianship"
    columns = GUARDIANSHIP

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._persons = PersonStore(desk.vault)

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows in the file's order; what is doubtful in a guardian only warns."""
        chunk = await open_chunk(self._desk, tx, self.columns, ctx)
        cells = [cells_by_present_number(row) for row in rows]
        people, guardians = People(self._persons), _Guardians()
        await people.load(tx, cells, chunk.ring)
        await guardians.load(tx, cells, self._persons, chunk)
        known = await load_guardianships(tx, people.loaded.keys(), chunk.ring)
        now = {child: tuple(ones) for child, ones in known.items()}
        saved: dict[str, tuple[str, Guardianship]] = {}
        for row, row_cells in zip(rows, cells, strict=True):
            flaws = Flaws()
            child = people.find_known(row_cells, flaws)
            read = _read(chunk, row, row_cells, child, now, guardians, flaws) if child else None
            chunk.report(row, flaws)
            if child is None or read is None:
                continue
            after, before = read
            if after == before:
                chunk.outcome.unchanged += 1
                continue
            chunk.outcome.changed += 1
            now[child.person_id] = _with(now.get(child.person_id, ()), after)
            saved[after.guardianship_id] = (child.person_id, after)
            told = replace(child, status_version=child.status_version + 1)
            people.put(told)
            event = guardianship_event(child.person_id, now[child.person_id], chunk.known_at)
            chunk.tell(row, event, key=child.person_id, version=told.status_version)
        if saved:
            await save_guardianships(tx, list(saved.values()), chunk.at, chunk.ring)
            await self._persons.save_status_versions(tx, people.loaded, people.changed_persons())
        return await chunk.close(tx)


class _Guardians:
    """Those guardians of a chunk's rows whom the register knows, and what it says of their health. Only read."""

    def __init__(self) -> None:
        self._by_number: dict[str, Person] = {}
        self._intervals: Mapping[str, Sequence[Interval]] = {}

    async def load(self, tx: Tx, rows: Sequence[Cells], persons: PersonStore, chunk: Chunk) -> None:
        """Look them up by the numbers that rows give."""
        by_number, _ = await persons.find(tx, {guardian_number(cells) for cells in rows}, ())
        found = await persons.load(tx, by_number.values(), chunk.ring, lock=False)
        self._by_number = {number: found[one] for number, one in by_number.items()}
        self._intervals = await load_intervals(tx, found.keys(), chunk.ring)

    def find(self, number: str) -> Person | None:
        """The guardian of this number."""
        return self._by_number.get(number)

    def intervals_of(self, guardian: Person | None) -> Sequence[Interval]:
        """His status intervals."""
        return self._intervals.get(guardian.person_id, ()) if guardian else ()


def _read(
    chunk: Chunk,
    row: ParsedRow,
    cells: Cells,
    child: Person,
    now: Mapping[str, tuple[Guardianship, ...]],
    guardians: _Guardians,
    flaws: Flaws,
) -> tuple[Guardianship, Guardianship | None] | None:
    """The guardianship after the row and the one before it; None where the row is rejected."""
    chunk.check_regions(flaws, "id_number", child.region)
    read = read_guardianship(cells, child, flaws, today=chunk.today)
    if read is None or flaws.is_rejected():
        return None
    all_of = now.get(child.person_id, ())
    after, before = place_guardianship(all_of, read, new_id=chunk.new_id(row, "guardianship"))
    guardian = guardians.find(after.private.get("guardian_id_number", ""))
    known_as = guardian.person_id if guardian else before.guardian_person_id if before else ""
    after = replace(after, guardian_person_id=known_as)
    warn_of_child(after, _with(all_of, after), child, flaws, today=chunk.today)
    warn_of_guardian(after, guardian, guardians.intervals_of(guardian), flaws, today=chunk.today)
    return after, before


def _with(all_of: Sequence[Guardianship], after: Guardianship) -> tuple[Guardianship, ...]:
    others = [one for one in all_of if one.guardianship_id != after.guardianship_id]
    return tuple(sorted([*others, after], key=lambda one: (one.began_on, one.guardianship_id)))
