"""The whole register looked through for files that may be one person's, with progress; and what people decide of them.

New rows are looked at as they are loaded (`store.duplicates.note_twins`); this finds what was loaded before, and slips
of numbers. Run again, it finds only what is new.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tuoqi.kit.commands import Commander
from tuoqi.kit.context import Emission
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain.cells import Flaws
from tuoqi.registry.domain.duplicates import NUMBER_SLIP, likely_numbers, slips
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.merges import Merges, Why
from tuoqi.registry.store.duplicates import (
    count_files,
    note_names,
    note_twins,
    person_ids_after,
    queue_pairs,
    same_names,
    settle_pair,
)
from tuoqi.registry.store.persons import PersonStore

RUN: Final = 2_000
"""Files looked at in one transaction."""
NAMES: Final = 500
"""Names looked at in one transaction; of a common one all files at once."""
_FIRST_KEY: Final = -(2**63)
MERGE, DIFFERENT, LATER = "merge", "different", "later"


@dataclass(frozen=True, slots=True)
class Step:
    """How far a scan has come."""

    step: str
    """`twins` or `numbers`."""
    done: int
    total: int
    found: int


class Duplicates:
    """Scans and decides."""

    def __init__(self, desk: Desk, database: Database, commander: Commander, merges: Merges) -> None:
        self._desk = desk
        self._database = database
        self._commander = commander
        self._merges = merges
        self._persons = PersonStore(desk.vault)

    async def scan(self) -> AsyncIterator[Step]:
        """Look through everything, twins first, then slips of numbers within one name."""
        async with self._database.begin() as tx:
            total = await count_files(tx)
        done = found = 0
        after = ""
        while True:
            async with self._database.begin() as tx:
                ids = await person_ids_after(tx, after, RUN)
                found += await self._note(tx, ids)
            if not ids:
                break
            after, done = ids[-1], done + len(ids)
            yield Step("twins", done, total, found)
        done, key = 0, _FIRST_KEY
        while True:
            async with self._database.begin() as tx:
                named = await same_names(tx, key, NAMES)
                for files in named.values():
                    found += await self._compare(tx, files)
                    done += len(files)
            if not named:
                break
            key = max(named)
            yield Step("numbers", done, total, found)
        yield Step("numbers", total, total, found)

    async def decide(
        self, actor: Actor, person_id: str, file_id: str, decision: str, why: Why
    ) -> tuple[str, Sequence[Emission]]:
        """Settle a pair; its state and what a merge told. Raises the slugs of `merge.` and registry.person_unknown."""
        if decision == MERGE:
            return "merged", await self._merges.merge(actor, person_id, file_id, why)
        if decision == DIFFERENT and not why.text.strip():
            raise TuoqiError("merge.reason_missing")
        if person_id == file_id:
            raise TuoqiError("merge.same_file")

        async def body(tx: Tx) -> None:
            act = await self._desk.begin(tx, actor)
            loaded = await self._persons.load(tx, [person_id, file_id], act.ring, lock=False)
            if len(loaded) != 2 or not all(actor.may_act_in(one.region) for one in loaded.values()):  # noqa: PLR2004  a pair
                raise TuoqiError("registry.person_unknown")
            await settle_pair(tx, person_id, file_id, decision, at=act.at, by=actor.user, ring=act.ring, why=why.text)

        await self._commander.transaction(body)
        return decision, ()

    async def _note(self, tx: Tx, ids: Sequence[str]) -> int:
        persons = await self._persons.load(tx, ids, self._desk.vault.ring(), lock=False)
        own = [person for person in persons.values() if not person.merged_into]
        await note_names(tx, self._desk.vault, own)
        return await note_twins(tx, self._desk.vault, own, self._desk.clock.now())

    async def _compare(self, tx: Tx, files: Sequence[str]) -> int:
        persons = await self._persons.load(tx, files, self._desk.vault.ring(), lock=False)
        numbers = {one.person_id: one.number for one in persons.values() if one.number and not one.merged_into}
        return await queue_pairs(tx, list(slips(numbers)), NUMBER_SLIP, self._desk.clock.now())


async def likely_owners(tx: Tx, store: PersonStore, rejected: Sequence[str]) -> dict[str, str]:
    """Rejected number → the person on the register whose number somebody may have meant."""
    meant = {number: likely_numbers(number) for number in rejected}
    by_number, _ = await store.find(tx, {one for likely in meant.values() for one in likely}, ())
    owners = {
        number: next((by_number[one] for one in likely if one in by_number), "") for number, likely in meant.items()
    }
    return {number: owner for number, owner in owners.items() if owner}


def name_owner(flaws: Flaws, number: str, owners: Mapping[str, str]) -> None:
    """Say beside a rejected number whose it may be."""
    owner = owners.get(number)
    if owner:
        hint = f"与在册人员 {owner} 的号码只差一处，疑为误录，请核对。"
        flaws.found[:] = [
            replace(flaw, reason=flaw.reason + hint) if flaw.column == "id_number" else flaw for flaw in flaws.found
        ]
