"""persons.csv 人员花名册: registers people, updates them, forms households, keeps payee accounts by version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow
from tuoqi.kit.turns import slices
from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.household import Household, follow_head
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.person_rows import Regions, apply_person_row, normalise
from tuoqi.registry.handlers import household_event, person_event
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.chunk import Chunk, People, cells_of, open_chunk
from tuoqi.registry.jobs.columns import PERSONS
from tuoqi.registry.jobs.duplicates import likely_owners, name_owner
from tuoqi.registry.store.accounts import AccountVersion, add_accounts
from tuoqi.registry.store.duplicates import note_twins
from tuoqi.registry.store.households import HouseholdStore
from tuoqi.registry.store.persons import PersonStore, members_of
from tuoqi.registry.store.regions import region_codes

_NO_ACCOUNT: Final = ("", "", "", "")


class PersonImporter:
    """Takes persons.csv."""

    kind = "persons"
    columns: Sequence[Column] = PERSONS

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._persons = PersonStore(desk.vault)
        self._households = HouseholdStore(desk.vault)

    def prepare(self, rows: Sequence[ParsedRow]) -> Sequence[ParsedRow]:
        """The rows with their cells as the domain reads them, numbers checked."""
        prepared = []
        for row in rows:
            flaws = Flaws()
            prepared.append(_Row(row.number, row.values, normalise(cells_of(row), flaws), flaws))
        return prepared

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows in the file's order; a row may be about the person of an earlier one."""
        prepared = [row if isinstance(row, _Row) else self.prepare((row,))[0] for row in rows]
        ready = [row for row in prepared if isinstance(row, _Row)]
        chunk = await open_chunk(self._desk, tx, self.columns, ctx)
        cells = [row.cells for row in ready]
        people = People(self._persons)
        await people.load(tx, cells, chunk.ring)
        regions = Regions(await region_codes(tx), self._desk.policy.county)
        homes = _Homes(await self._households.load(tx, _household_numbers(cells, people)))
        accounts: list[AccountVersion] = []
        rejected = [row.cells.text("id_number") for row in ready if row.flaws.is_rejected()]
        owners = await likely_owners(tx, self._persons, rejected) if rejected else {}
        async for some in slices(ready):
            for row in some:
                _take(chunk, people, homes, accounts, row, regions, owners)
        changed = people.changed_persons()
        ctx.decided()
        await self._persons.save(tx, people.loaded, changed, chunk.at, chunk.ring)
        await self._save_households(tx, chunk, homes, changed)
        await add_accounts(tx, accounts, chunk.at, self._desk.vault, chunk.ring)
        await note_twins(tx, self._desk.vault, changed, chunk.at, before=people.loaded)
        return await chunk.close(tx)

    async def _save_households(self, tx: Tx, chunk: Chunk, homes: _Homes, persons: Sequence[Person]) -> None:
        if not homes.touched:
            return
        changed = [
            replace(homes.now[number], version=homes.now[number].version + 1) for number in sorted(homes.touched)
        ]
        await self._households.save(tx, changed)
        members = await _members(tx, changed, persons)
        for household in changed:
            event = household_event(household, members.get(household.household_id, []))
            row = homes.touched[household.number]
            chunk.tell(row, event, key=household.household_id, version=household.version)


@dataclass(frozen=True, slots=True)
class _Row(ParsedRow):
    """A row whose cells were checked ahead."""

    cells: Cells
    flaws: Flaws
    """Copied before anything is added: a chunk that loses a race is taken again."""


class _Homes:
    """The households that a chunk's rows name. Each is told once a chunk, as it stands at its end."""

    def __init__(self, loaded: dict[str, Household]) -> None:
        self.now = loaded
        self.touched: dict[str, ParsedRow] = {}
        """Household number → the last row that changed it."""

    def follow(self, chunk: Chunk, row: ParsedRow, before: Person | None, after: Person) -> str:
        """The id of the household that the row names; households that somebody joins or leaves are touched."""
        old = before.private.get("household_no", "") if before else ""
        number = after.private.get("household_no", "")
        if old and old != number:
            self._put(row, follow_head(self.now[old], after.person_id, ""), joined=True)
        if not number:
            return ""
        if number not in self.now:
            self.now[number] = Household(chunk.new_id(row, "household"), number)
        home = self.now[number]
        self._put(
            row,
            follow_head(home, after.person_id, after.private.get("relation_to_head", "")),
            joined=old != number,
        )
        return home.household_id

    def _put(self, row: ParsedRow, household: Household, *, joined: bool) -> None:
        if joined or household != self.now[household.number]:
            self.touched[household.number] = row
        self.now[household.number] = household


def _take(
    chunk: Chunk,
    people: People,
    homes: _Homes,
    accounts: list[AccountVersion],
    row: _Row,
    regions: Regions,
    owners: Mapping[str, str],
) -> None:
    """One row: what it changes, or what is wrong with it."""
    flaws = row.flaws.copy()
    if owners:
        name_owner(flaws, row.cells.text("id_number"), owners)
    before, after = _decide(chunk, people, row, flaws, regions)
    chunk.report(row, flaws)
    if after is None:
        return
    if after is before:
        chunk.outcome.unchanged += 1
        return
    chunk.outcome.changed += 1
    household_id = homes.follow(chunk, row, before, after)
    after = replace(after, household_id=household_id, version=after.version + 1)
    people.put(after)
    if after.account != (before.account if before else _NO_ACCOUNT):
        accounts.append(_account(chunk, row, after))
    chunk.tell(row, person_event(before, after, chunk.known_at), key=after.person_id, version=after.version)


def _decide(
    chunk: Chunk, people: People, row: _Row, flaws: Flaws, regions: Regions
) -> tuple[Person | None, Person | None]:
    if flaws.is_rejected():
        return None, None
    before = people.find(row.cells, flaws)
    if flaws.is_rejected():
        return None, None
    new_id = "" if before else chunk.new_id(row, "person")
    cells = people.own_cells(before, row.cells) if before else row.cells
    after = apply_person_row(before, cells, flaws, new_id=new_id, today=chunk.today, regions=regions)
    if after is not None:
        chunk.check_regions(flaws, "hukou_region", after.region, before.region if before else "")
    return before, None if flaws.is_rejected() else after


def _account(chunk: Chunk, row: ParsedRow, person: Person) -> AccountVersion:
    number, name, bank, _ = person.account
    return AccountVersion(
        account_version_id=chunk.new_id(row, "account"),
        person_id=person.person_id,
        facility_code="",
        number=number,
        name=name,
        bank=bank,
        held_by_guardian=person.account_held_by_guardian,
    )


async def _members(tx: Tx, households: Sequence[Household], persons: Sequence[Person]) -> dict[str, list[str]]:
    """The members of each household. Those of a new one are all among the chunk's persons."""
    known = await members_of(tx, [one.household_id for one in households if one.version > 1])
    members: dict[str, list[str]] = {one.household_id: [] for one in households if one.version == 1}
    for person in persons:
        if person.household_id in members:
            members[person.household_id].append(person.person_id)
    return known | {household_id: sorted(ids) for household_id, ids in members.items()}


def _household_numbers(cells: Sequence[Cells], people: People) -> set[str]:
    named = {one.text("household_no") for one in cells}
    left = {person.private.get("household_no", "") for person in people.loaded.values()}
    return {number for number in named | left if number}
