"""persons.csv 人员花名册: registers people, updates them, forms households, keeps payee accounts by version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow
from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.person_rows import Regions, apply_person_row, normalise
from tuoqi.registry.domain.place import Household, follow_head
from tuoqi.registry.handlers import household_event, person_event
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.chunk import Chunk, People, cells_of, open_chunk
from tuoqi.registry.jobs.columns import PERSONS
from tuoqi.registry.store.accounts import AccountVersion, add_accounts
from tuoqi.registry.store.persons import PersonStore, members_of
from tuoqi.registry.store.places import HouseholdStore, region_codes

_NO_ACCOUNT: Final = ("", "", "", "")


class PersonImporter:
    """Takes persons.csv."""

    kind = "persons"
    columns: Sequence[Column] = PERSONS

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._persons = PersonStore(desk.vault)
        self._households = HouseholdStore(desk.vault)

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows in the file's order; a row may be about the person of an earlier one."""
        chunk = await open_chunk(self._desk, tx, self.columns, ctx)
        flaws = [Flaws() for _ in rows]
        cells = [normalise(cells_of(row), flaw) for row, flaw in zip(rows, flaws, strict=True)]
        people = People(self._persons)
        await people.load(tx, cells, chunk.ring)
        regions = Regions(await region_codes(tx), self._desk.policy.county)
        homes = _Homes(await self._households.load(tx, _household_numbers(cells, people)))
        accounts: list[AccountVersion] = []
        for row, row_cells, row_flaws in zip(rows, cells, flaws, strict=True):
            before, after = _decide(chunk, people, row, row_cells, row_flaws, regions)
            chunk.report(row, row_flaws)
            if after is None:
                continue
            if after is before:
                chunk.outcome.unchanged += 1
                continue
            chunk.outcome.changed += 1
            after = replace(homes.follow(chunk, row, before, after), version=after.version + 1)
            people.put(after)
            if after.account != (before.account if before else _NO_ACCOUNT):
                accounts.append(_account(chunk, row, after))
            chunk.tell(row, person_event(before, after, chunk.known_at), key=after.person_id, version=after.version)
        await self._persons.save(tx, people.loaded, people.changed_persons(), chunk.at, chunk.ring)
        await self._save_households(tx, chunk, homes)
        await add_accounts(tx, accounts, chunk.at, self._desk.vault, chunk.ring)
        return await chunk.close(tx)

    async def _save_households(self, tx: Tx, chunk: Chunk, homes: _Homes) -> None:
        if not homes.touched:
            return
        changed = [
            replace(homes.now[number], version=homes.now[number].version + 1) for number in sorted(homes.touched)
        ]
        await self._households.save(tx, changed)
        members = await members_of(tx, [household.household_id for household in changed])
        for household in changed:
            event = household_event(household, members.get(household.household_id, []))
            row = homes.touched[household.number]
            chunk.tell(row, event, key=household.household_id, version=household.version)


class _Homes:
    """The households that a chunk's rows name. Each is told once a chunk, as it stands at its end."""

    def __init__(self, loaded: dict[str, Household]) -> None:
        self.now = loaded
        self.touched: dict[str, ParsedRow] = {}
        """Household number → the last row that changed it."""

    def follow(self, chunk: Chunk, row: ParsedRow, before: Person | None, after: Person) -> Person:
        """The person with the household that the row names; households that somebody joins or leaves are touched."""
        old = before.private.get("household_no", "") if before else ""
        number = after.private.get("household_no", "")
        if old and old != number:
            self._put(row, follow_head(self.now[old], after.person_id, ""), joined=True)
        if not number:
            return replace(after, household_id="")
        if number not in self.now:
            self.now[number] = Household(chunk.new_id(row, "household"), number)
        home = self.now[number]
        self._put(
            row,
            follow_head(home, after.person_id, after.private.get("relation_to_head", "")),
            joined=old != number,
        )
        return replace(after, household_id=home.household_id)

    def _put(self, row: ParsedRow, household: Household, *, joined: bool) -> None:
        if joined or household != self.now[household.number]:
            self.touched[household.number] = row
        self.now[household.number] = household


def _decide(
    chunk: Chunk, people: People, row: ParsedRow, cells: Cells, flaws: Flaws, regions: Regions
) -> tuple[Person | None, Person | None]:
    if flaws.is_rejected():
        return None, None
    before = people.find(cells, flaws)
    if flaws.is_rejected():
        return None, None
    new_id = "" if before else chunk.new_id(row, "person")
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


def _household_numbers(cells: Sequence[Cells], people: People) -> set[str]:
    named = {one.text("household_no") for one in cells}
    left = {person.private.get("household_no", "") for person in people.loaded.values()}
    return {number for number in named | left if number}
