"""assessments.csv 评估: one row is one scale applied to one person on one day; a later one takes its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import ParsedRow
from tuoqi.registry.domain.assessment import Assessment, is_repeated, read_assessment
from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.person import Person
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.care import CareFiles
from tuoqi.registry.jobs.chunk import Chunk, People, cells_by_present_number, open_chunk
from tuoqi.registry.jobs.columns import assessment_columns
from tuoqi.registry.store.assessments import add_assessments
from tuoqi.registry.store.persons import PersonStore


class AssessmentImporter:
    """Takes assessments.csv, with the scales of the county."""

    kind = "assessments"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._persons = PersonStore(desk.vault)
        self.columns = assessment_columns({key: scale.name for key, scale in desk.policy.scales.items()})

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows in the file's order; each is loaded later than the one before it."""
        chunk = await open_chunk(self._desk, tx, self.columns, ctx)
        cells = [cells_by_present_number(row) for row in rows]
        people = People(self._persons)
        await people.load(tx, cells, chunk.ring)
        care = CareFiles()
        await care.load(tx, people.loaded.keys(), chunk.ring)
        added: list[tuple[str, Assessment]] = []
        for row, row_cells in zip(rows, cells, strict=True):
            flaws = Flaws()
            person = people.find_known(row_cells, flaws)
            read = self._read(chunk, row, row_cells, person, flaws) if person else None
            chunk.report(row, flaws)
            if person is None or read is None:
                continue
            known = care.of(person.person_id).assessments
            if is_repeated(known, read):
                chunk.outcome.unchanged += 1
                continue
            chunk.outcome.changed += 1
            care.put_assessments(person.person_id, (*known, read))
            added.append((person.person_id, read))
            after = replace(person, status_version=person.status_version + 1, loaded_order=read.loaded_order)
            people.put(after)
            event = care.event(person.person_id, chunk.known_at)
            chunk.tell(row, event, key=person.person_id, version=after.status_version)
        if added:
            await add_assessments(tx, added, chunk.at, chunk.ring)
            await self._persons.save_status_versions(tx, people.loaded, people.changed_persons())
        return await chunk.close(tx)

    def _read(self, chunk: Chunk, row: ParsedRow, cells: Cells, person: Person, flaws: Flaws) -> Assessment | None:
        chunk.check_regions(flaws, "id_number", person.region)
        return read_assessment(
            cells,
            self._desk.policy.scales[cells.text("scale")],
            flaws,
            today=chunk.today,
            born=person.birth_date,
            new_id=chunk.new_id(row, "assessment"),
            order=person.loaded_order + 1,
        )
