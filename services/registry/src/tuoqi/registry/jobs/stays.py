"""stays.csv 入住: one row is one stay of one person in one facility. Never more people than beds, on no day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import ParsedRow
from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.facility import Facility
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.stay import Beds, Stay, occupied_by, place_stay, read_stay, with_stay
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.care import CareFiles
from tuoqi.registry.jobs.chunk import Chunk, People, cells_by_present_number, open_chunk
from tuoqi.registry.jobs.columns import STAYS
from tuoqi.registry.store.facilities import load_facilities
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.seals import KeyRing
from tuoqi.registry.store.stays import occupied_beds, save_stays


class Houses:
    """The facilities that rows name, locked, and who has their beds from the earliest day that rows speak of."""

    def __init__(self) -> None:
        self._facilities: dict[str, Facility] = {}
        self._beds: dict[str, Beds] = {}

    async def load(self, tx: Tx, rows: Sequence[Cells], ring: KeyRing) -> None:
        """Lock the facilities that exist; the people's rows are locked already."""
        codes = {cells.text("facility") for cells in rows}
        since = min((day for cells in rows if (day := cells.day("from"))), default=None)
        self._facilities = await load_facilities(tx, codes, ring)
        taken = await occupied_beds(tx, self._facilities.keys(), since) if since else {}
        self._beds = {code: Beds(one.beds, taken.get(code, ())) for code, one in self._facilities.items()}

    def check(self, person: Person, stay: Stay, flaws: Flaws) -> None:
        """The facility exists, is open as long as the stay goes on, and has a bed on each day of it."""
        facility = self._facilities.get(stay.facility)
        if facility is None:
            flaws.reject("facility", stay.facility, "没有这个设施编号，请先导入设施。")
            return
        closed = facility.closed_on
        if closed is not None and (stay.ended_on is None or stay.ended_on > closed):
            flaws.reject("facility", stay.facility, f"该设施自 {closed.isoformat()} 后不再收住，入住不能晚于此日。")
            return
        beds = self._beds[stay.facility]
        day = beds.first_day_short(occupied_by(person.merged_into or person.person_id, stay, person.died_on))
        if day is not None:
            reason = f"床位不足：该设施共 {beds.beds} 张床位，{day.isoformat()} 已住 {beds.count(day)} 人。"
            flaws.reject("facility", stay.facility, reason)

    def take(self, person: Person, stay: Stay) -> None:
        """A stay was taken: its bed is gone for the rows that follow."""
        occupant = person.merged_into or person.person_id
        self._beds[stay.facility].take(occupied_by(occupant, stay, person.died_on))


class StayImporter:
    """Takes stays.csv."""

    kind = "stays"
    columns = STAYS

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._persons = PersonStore(desk.vault)

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows in the file's order; a bed that an earlier row gives free can be taken by a later one."""
        chunk = await open_chunk(self._desk, tx, self.columns, ctx)
        cells = [cells_by_present_number(row) for row in rows]
        people, houses, care = People(self._persons), Houses(), CareFiles()
        await people.load(tx, cells, chunk.ring)
        await houses.load(tx, cells, chunk.ring)
        await care.load(tx, people.loaded.keys(), chunk.ring)
        saved: dict[str, tuple[str, Stay]] = {}
        for row, row_cells in zip(rows, cells, strict=True):
            flaws = Flaws()
            person = people.find_known(row_cells, flaws)
            stays = care.of(person.person_id).stays if person else ()
            read = _read(chunk, houses, row, row_cells, person, stays, flaws) if person else None
            chunk.report(row, flaws)
            if person is None or read is None:
                continue
            after, before = read
            if after == before:
                chunk.outcome.unchanged += 1
                continue
            chunk.outcome.changed += 1
            houses.take(person, after)
            care.put_stays(person.person_id, with_stay(stays, after))
            saved[after.stay_id] = (person.person_id, after)
            told = replace(person, status_version=person.status_version + 1)
            people.put(told)
            chunk.tell(
                row,
                care.event(person.person_id, chunk.known_at),
                key=person.person_id,
                version=told.status_version,
            )
        if saved:
            await save_stays(tx, list(saved.values()), chunk.at)
            await self._persons.save_status_versions(tx, people.loaded, people.changed_persons())
        return await chunk.close(tx)


def _read(
    chunk: Chunk,
    houses: Houses,
    row: ParsedRow,
    cells: Cells,
    person: Person,
    stays: Sequence[Stay],
    flaws: Flaws,
) -> tuple[Stay, Stay | None] | None:
    """The stay after the row and the one before it; None where the row is rejected."""
    chunk.check_regions(flaws, "id_number", person.region)
    read = read_stay(cells, flaws, today=chunk.today, born=person.birth_date, died_on=person.died_on)
    if read is None:
        return None
    after, before = place_stay(stays, read, new_id=chunk.new_id(row, "stay"))
    houses.check(person, after, flaws)
    if flaws.is_rejected():
        return None
    for other in stays:
        if other.stay_id != after.stay_id and other.overlaps(after):
            until = f"至 {other.ended_on.isoformat()}" if other.ended_on else "尚未离开"
            reason = f"此人同时登记住在设施 {other.facility}（{other.began_on.isoformat()} 起，{until}），请核对。"
            flaws.warn("from", after.began_on, reason)
    return after, before
