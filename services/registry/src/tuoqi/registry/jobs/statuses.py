"""statuses.csv 身份认定: one row is one status interval of one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import ParsedRow
from tuoqi.registry.domain.categories import allowed_words, find_code
from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.status import Interval, apply_row, read_interval
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.care import CareFiles
from tuoqi.registry.jobs.chunk import Chunk, People, cells_by_present_number, open_chunk
from tuoqi.registry.jobs.columns import STATUSES
from tuoqi.registry.jobs.cuts import Cuts
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.statuses import save_intervals


class StatusImporter:
    """Takes statuses.csv, with the categories of the county."""

    kind = "statuses"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._persons = PersonStore(desk.vault)
        self._categories = desk.policy.categories
        self._words = {key: category.names for key, category in self._categories.items()}
        self.columns = STATUSES

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows in the file's order; each is loaded later than the one before it."""
        chunk = await open_chunk(self._desk, tx, self.columns, ctx)
        cells = [cells_by_present_number(row) for row in rows]
        people = People(self._persons)
        await people.load(tx, cells, chunk.ring)
        care = CareFiles()
        await care.load(tx, people.loaded.keys(), chunk.ring)
        saved: dict[str, tuple[str, Interval]] = {}
        cuts = Cuts(self._categories)
        for row, row_cells in zip(rows, cells, strict=True):
            flaws = Flaws()
            person, read = self._read(chunk, people, row_cells, flaws)
            chunk.report(row, flaws)
            if person is None or read is None:
                continue
            order = person.loaded_order + 1
            intervals = care.of(person.person_id).intervals
            applied = apply_row(intervals, read, new_id=chunk.new_id(row, "interval"), order=order)
            if applied.saved is None:
                chunk.outcome.unchanged += 1
                continue
            chunk.outcome.changed += 1
            if self._categories[read.category].hearing:
                cuts.note(row, person, intervals, applied.saved)
            care.put_intervals(person.person_id, applied.intervals)
            saved[applied.saved.interval_id] = (person.person_id, applied.saved)
            if applied.is_told:
                after = replace(person, status_version=person.status_version + 1, loaded_order=order)
                people.put(after)
                event = care.event(person.person_id, chunk.known_at)
                chunk.tell(row, event, key=person.person_id, version=after.status_version)
        if saved:
            await save_intervals(tx, list(saved.values()), chunk.at, chunk.ring, by=chunk.act.actor.user)
            await self._persons.save_status_versions(tx, people.loaded, people.changed_persons())
            await cuts.warn(tx, chunk)
        return await chunk.close(tx)

    def _read(self, chunk: Chunk, people: People, cells: Cells, flaws: Flaws) -> tuple[Person | None, Interval | None]:
        person = people.find_known(cells, flaws)
        if person is None:
            return None, None
        chunk.check_regions(flaws, "id_number", person.region)
        named = cells.text("category")
        category = self._categories.get(find_code(named, self._words))
        if category is None:
            flaws.reject("category", named, f"不在允许的范围内，可填：{allowed_words(self._words)}。")
            return None, None
        return person, read_interval(cells, category, flaws, today=chunk.today, born=person.birth_date)
