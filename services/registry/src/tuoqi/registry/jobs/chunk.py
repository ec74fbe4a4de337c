"""What all imports of the registry share: one chunk of a file in one transaction, its problems, its events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import CLEAR, Column, ParsedRow
from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.identity import normalise_number, number_flaw
from tuoqi.registry.domain.person import Person
from tuoqi.registry.jobs.act import Act, Desk
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.seals import KeyRing

NO_REGION = "经办人无权管理区划 {region}。"


async def open_chunk(desk: Desk, tx: Tx, columns: Sequence[Column], ctx: LoadContext) -> Chunk:
    """Begin a chunk; it must be the transaction's first statement."""
    return Chunk(await desk.begin_load(tx, ctx), columns, ctx)


class Chunk:
    """One chunk under way: an act whose causes are the rows of a file."""

    def __init__(self, act: Act, columns: Sequence[Column], ctx: LoadContext) -> None:
        self.ctx = ctx
        self.act = act
        self.outcome = ChunkOutcome()
        self._columns = {column.key: column for column in columns}

    @property
    def at(self) -> datetime:
        """When its facts become known."""
        return self.act.at

    @property
    def known_at(self) -> Timestamp:
        """The same, as events carry it."""
        return self.act.known_at

    @property
    def ring(self) -> KeyRing:
        """The keys of the chunk's people."""
        return self.act.ring

    @property
    def today(self) -> date:
        """The county's day of the load."""
        return self.act.today

    def new_id(self, row: ParsedRow, what: str) -> str:
        """The derived id of something that a row brings about; `what` is unique within the row."""
        return self.act.new_id(self.ctx.cause(row.number), what)

    def tell(self, row: ParsedRow, message: Message, *, key: str, version: int) -> None:
        """An event that this row brings about."""
        self.act.tell(self.ctx.cause(row.number), message, key=key, version=version)

    def report(self, row: ParsedRow, flaws: Flaws) -> None:
        """The flaws of a row, values masked as their columns want it."""
        for flaw in flaws.found:
            column = self._columns[flaw.column]
            self.outcome.problems.append(
                column.problem(row.number, flaw.value, flaw.reason, only_warning=flaw.only_warning)
            )

    def check_regions(self, flaws: Flaws, column: str, *regions: str) -> None:
        """The user acts only where he may."""
        for region in regions:
            if region and not self.ctx.actor.may_act_in(region):
                flaws.reject(column, "", NO_REGION.format(region=region))
                return

    async def close(self, tx: Tx) -> ChunkOutcome:
        """Write the events; what the chunk did."""
        await self.act.send(tx)
        self.outcome.events = self.act.events
        return self.outcome


def cells_of(row: ParsedRow) -> Cells:
    """The row as the domain reads it."""
    given = {key: value for key, value in row.values.items() if value is not None}
    if CLEAR not in given.values():
        return Cells(given)
    cleared = frozenset(key for key, value in given.items() if value is CLEAR)
    return Cells({key: value for key, value in given.items() if value is not CLEAR}, cleared)


class People:
    """The persons whom a chunk's rows name: loaded and locked at once, changed row by row."""

    def __init__(self, store: PersonStore) -> None:
        self._store = store
        self._by_number: dict[str, str] = {}
        self._by_temp: dict[str, str] = {}
        self.loaded: dict[str, Person] = {}
        """As they were before the chunk."""
        self.now: dict[str, Person] = {}
        self.changed: dict[str, None] = {}
        """The ids of those that changed, in the order in which they first did."""

    async def load(self, tx: Tx, rows: Sequence[Cells], ring: KeyRing) -> None:
        """Find and lock the persons whom the rows name by numbers in their present form."""
        numbers = {cells.text("id_number") for cells in rows}
        temps = {cells.text("temp_id") for cells in rows}
        self._by_number, self._by_temp = await self._store.find(tx, numbers, temps)
        ids = {*self._by_number.values(), *self._by_temp.values()}
        self.loaded = await self._store.load(tx, ids, ring, lock=True)
        self.now = dict(self.loaded)

    def find(self, cells: Cells, flaws: Flaws) -> Person | None:
        """The person whom a row names, None where there is none or the row names two."""
        number, temp = cells.text("id_number"), cells.text("temp_id")
        if not number and not temp:
            flaws.reject("id_number", "", "证件号码和临时编号至少填写一项。")
            return None
        by_number, by_temp = self._by_number.get(number), self._by_temp.get(temp)
        if by_number and by_temp and not self._are_one(by_number, by_temp):
            flaws.reject("temp_id", temp, "该临时编号属于另一人；确为同一人的，请先并档。")
            return None
        person_id = by_number or by_temp
        return self.now[person_id] if person_id else None

    def find_known(self, cells: Cells, flaws: Flaws) -> Person | None:
        """The person whom a row of another file names; who is not on the register is a flaw, and so is a wrong pair."""
        person = self.find(cells, flaws)
        number, temp = cells.text("id_number"), cells.text("temp_id")
        if flaws.is_rejected():
            return None
        if person is None:
            column = "id_number" if number else "temp_id"
            wrong = number_flaw(number) if number else ""
            flaws.reject(column, number or temp, wrong or "人员花名册中没有此人，请先导入人员。")
        elif (number and person.number and person.number != number) or (
            temp and person.temp_id and person.temp_id != temp and not self._by_temp.get(temp)
        ):
            flaws.reject("temp_id", temp, "证件号码与临时编号不是同一人。")
        return None if flaws.is_rejected() else person

    def own_cells(self, person: Person, cells: Cells) -> Cells:
        """The cells of a row without a temporary id that belongs to a merged file of the person."""
        by_temp = self._by_temp.get(cells.text("temp_id"), person.person_id)
        if by_temp == person.person_id:
            return cells
        return Cells({key: value for key, value in cells.given.items() if key != "temp_id"}, cells.cleared)

    def _are_one(self, one: str, other: str) -> bool:
        """Whether two files are the same, or merged."""
        roots = {self.now[file].merged_into or file for file in (one, other)}
        return len(roots) == 1

    def put(self, person: Person) -> None:
        """A person as he is after a row."""
        before = self.now.get(person.person_id)
        if before is not None and before.temp_id and before.temp_id != person.temp_id:
            self._by_temp.pop(before.temp_id, None)
        self.now[person.person_id] = person
        self.changed[person.person_id] = None
        if person.number:
            self._by_number[person.number] = person.person_id
        if person.temp_id:
            self._by_temp[person.temp_id] = person.person_id

    def changed_persons(self) -> list[Person]:
        """Those that changed, as they are now."""
        return [self.now[person_id] for person_id in self.changed]


def cells_by_present_number(row: ParsedRow) -> Cells:
    """The row as the domain reads it, its identity number in its present form; nobody is found by a wrong one."""
    cells = cells_of(row)
    number = cells.given.get("id_number")
    if number is None:
        return cells
    return Cells({**cells.given, "id_number": normalise_number(number)}, cells.cleared)
