"""Care contracts: signed and ended by people, ended by themselves at midnight when nobody needs them any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.visits.domain.contracts import (
    LEVELS,
    PARTIES,
    CareContract,
    ContractKind,
    ContractRules,
    EndedAs,
    ends_by_itself,
    lacking,
)
from tuoqi.visits.domain.days import ONE_DAY, day_of, midnight_of
from tuoqi.visits.domain.facts import PersonFacts
from tuoqi.visits.handlers.contracts import End, on_end, on_sign
from tuoqi.visits.peers import Places
from tuoqi.visits.store import contracts as store
from tuoqi.visits.store.private import PrivateWords

PURPOSE: Final = "contracts.words"
ACTOR: Final = "clock:contracts"
AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A contract as somebody brings it. An empty kind is the only one, an empty level the one of the status."""

    person_id: str
    signed_on: date
    begins_on: date
    ends_on: date
    kind: str = ""
    care_level: str = ""
    facility: str = ""
    team: tuple[str, ...] = ()
    relative_id: str = ""
    relative_name: str = ""
    duties: str = ""


@dataclass(frozen=True, slots=True)
class Around:
    """What a contract must agree with, read once for many."""

    people: dict[str, tuple[str, PersonFacts | None]]
    contracts: dict[str, list[CareContract]]
    workers: set[str]
    facilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class ContractDesk:
    """Takes contracts within the actor's regions."""

    database: Database
    commander: Commander
    clock: BusinessClock
    rules: ContractRules
    words: PrivateWords
    places: Places

    async def sign(self, actor: Actor, wanted: Wanted) -> tuple[Any, bool]:
        """The contract's row, and whether it was kept before. Raises what `fitting` raises."""
        now = self.clock.now()
        facilities = await self.open_facilities([wanted])

        async def body(tx: Tx) -> tuple[Any, bool]:
            around = await self.around(tx, [wanted], facilities)
            contract, known = self.fitting(actor, wanted, around, now)
            if not known:
                await self.keep(tx, [contract], now, actor.user)
            return await store.find_contract(tx, contract.contract_id), known

        signed: tuple[Any, bool] = await self.commander.transaction(body)
        return signed

    async def open_facilities(self, wanted: Sequence[Wanted]) -> frozenset[str]:
        """Which of the facilities named are open, by the registry with the caller's rights."""
        return await self.places.open_facilities({one.facility for one in wanted if one.facility})

    @staticmethod
    async def around(tx: Tx, wanted: Sequence[Wanted], facilities: frozenset[str]) -> Around:
        """Everything to judge these by; the people's files are locked, so that two contracts cannot cross."""
        people = {one.person_id for one in wanted} | {one.relative_id for one in wanted if one.relative_id}
        return Around(
            people=await store.facts_of(tx, people),
            contracts=await store.contracts_of(tx, {one.person_id for one in wanted}),
            workers=await store.workers_known(tx, {worker for one in wanted for worker in one.team}),
            facilities=facilities,
        )

    def fitting(self, actor: Actor, wanted: Wanted, around: Around, now: datetime) -> tuple[CareContract, bool]:
        """The contract as it is kept, and whether it was kept before. Raises visits.contract_…, auth.no_region."""
        today = day_of(now)
        region, facts = around.people.get(wanted.person_id, ("", None))
        if facts is None:
            raise TuoqiError("visits.person_unknown")
        actor.require_region(region)
        kind = self._kind(wanted, today)
        level = self._level(wanted, kind, facts, today)
        self._check_days(wanted, kind, today)
        self._check_parties(wanted, kind, around)
        mine = [one for one in around.contracts.get(wanted.person_id, ()) if one.kind == kind.key]
        contract = self._contract(wanted, kind, level, mine, now, actor.user)
        for one in mine:
            if one.ended_as is None and _same(one, contract):
                return one, True
        if any(one.overlaps(contract.begins_on, contract.ends_on) for one in mine if one.ended_as is None):
            raise TuoqiError("visits.contract_overlaps")
        return contract, False

    async def keep(self, tx: Tx, contracts: Sequence[CareContract], at: datetime, by: str) -> None:
        """Write new contracts and tell of them."""
        if not await store.any_contract(tx):
            # Whoever begins to look begins with today: what lies before was judged at the signing.
            await store.note_looked(tx, day_of(at))
        calls = [Call(one.contract_id, on_sign, one, f"contract|{one.contract_id}", at, by) for one in contracts]
        await self.commander.within(tx, CareContract, calls)

    async def end(self, actor: Actor, contract_id: str, ended_on: date | None, reason: str) -> Any:
        """End one by hand; the row afterwards. Raises visits.contract_unknown, _ended, _day."""
        now = self.clock.now()
        day = ended_on or day_of(now)

        async def body(tx: Tx) -> Any:
            row = await self.known(tx, actor, contract_id)
            if not row.begins_on <= day <= max(day_of(now), row.begins_on) or day > row.ends_on + ONE_DAY:
                raise TuoqiError("visits.contract_day")
            said = {**(self.words.open(row.person_id, row.sealed) or {}), "reason": reason.strip()}
            command = End(EndedAs.BY_HAND, day, self.words.seal(row.person_id, said))
            cause = f"contract-end|{contract_id}|{row.version}"
            await self.commander.within(tx, CareContract, [Call(contract_id, on_end, command, cause, now, actor.user)])
            return await store.find_contract(tx, contract_id)

        return await self.commander.transaction(body)

    async def show(self, actor: Actor, contract_id: str) -> tuple[Any, dict[str, str]]:
        """The row and its sealed words."""
        async with self.database.begin() as tx:
            row = await self.known(tx, actor, contract_id)
        return row, self.words.open(row.person_id, row.sealed) or {}

    @staticmethod
    async def known(tx: Tx, actor: Actor, contract_id: str) -> Any:
        """The row of a contract within the actor's regions. Raises visits.contract_unknown."""
        row = await store.find_contract(tx, contract_id)
        if row is None or not actor.may_act_in(row.region):
            raise TuoqiError("visits.contract_unknown")
        return row

    def _kind(self, wanted: Wanted, today: date) -> ContractKind:
        kind = self.rules.kind(wanted.kind, today)
        if kind is None:
            raise TuoqiError("visits.contract_kind", kind=wanted.kind, allowed="、".join(self.rules.kinds))
        return kind

    @staticmethod
    def _level(wanted: Wanted, kind: ContractKind, facts: PersonFacts, today: date) -> str:
        status = kind.status(facts, today)
        if status is None:
            raise TuoqiError("visits.contract_not_needed", name=kind.name)
        level = wanted.care_level or status.level
        if level not in LEVELS or (status.level in LEVELS and level != status.level):
            raise TuoqiError("visits.contract_level", level=LEVELS.get(status.level, "未评定"))
        return level

    @staticmethod
    def _check_days(wanted: Wanted, kind: ContractKind, today: date) -> None:
        if wanted.signed_on > today or wanted.ends_on < max(wanted.begins_on, today):
            raise TuoqiError("visits.contract_day")
        if wanted.ends_on - wanted.begins_on >= timedelta(days=kind.days_max):
            raise TuoqiError("visits.contract_too_long", days=kind.days_max)

    @staticmethod
    def _check_parties(wanted: Wanted, kind: ContractKind, around: Around) -> None:
        relative = bool(wanted.relative_id or wanted.relative_name.strip())
        lacks = lacking(kind, facility=wanted.facility, team=wanted.team, relative=relative)
        if lacks:
            raise TuoqiError("visits.contract_lacks", party=PARTIES[lacks])
        if wanted.facility and wanted.facility not in around.facilities:
            raise TuoqiError("visits.facility_unknown", facility=wanted.facility)
        if set(wanted.team) - around.workers:
            raise TuoqiError("visits.worker_unknown")
        if wanted.relative_id and wanted.relative_id not in around.people:
            raise TuoqiError("visits.relative_unknown")
        if wanted.relative_id == wanted.person_id:
            raise TuoqiError("visits.relative_unknown")

    def _contract(
        self,
        wanted: Wanted,
        kind: ContractKind,
        level: str,
        mine: Sequence[CareContract],
        now: datetime,
        by: str,
    ) -> CareContract:
        # One that was ended and is signed again for the same days is another one.
        again = sum(one.begins_on == wanted.begins_on and one.ended_as is not None for one in mine)
        said = {"relative": wanted.relative_name.strip(), "duties": wanted.duties.strip()}
        return CareContract(
            contract_id=str(uuid5(UUID(wanted.person_id), f"contract|{kind.key}|{wanted.begins_on}|{again}")),
            person_id=wanted.person_id,
            kind=kind.key,
            care_level=level,
            signed_on=wanted.signed_on,
            begins_on=wanted.begins_on,
            ends_on=wanted.ends_on,
            rules_from=kind.effective_from,
            signed_by=by,
            signed_at=now,
            facility=wanted.facility,
            team=tuple(sorted(set(wanted.team))),
            relative_id=wanted.relative_id,
            sealed=self.words.seal(wanted.person_id, said) if any(said.values()) else None,
        )


def _same(one: CareContract, other: CareContract) -> bool:
    fields = ("care_level", "signed_on", "begins_on", "ends_on", "facility", "team", "relative_id")
    return all(getattr(one, name) == getattr(other, name) for name in fields)


class ContractEnds:
    """The timer of contracts: every midnight all that run are compared with what is known of their people.

    A timer that was away for a week looks at each day that it missed, so the contract ends on the right one.
    """

    def __init__(self, commander: Commander, database: Database, rules: ContractRules) -> None:
        self._commander = commander
        self._database = database
        self._rules = rules

    async def next_due(self, tx: Tx) -> datetime | None:
        """The midnight after the last look, while there is any contract."""
        looked = await store.looked_on(tx)
        return None if looked is None or not await store.any_contract(tx) else midnight_of(looked + ONE_DAY)

    async def run(self, until: datetime) -> int:
        """Look at every contract as of each midnight up to this moment; how many ended."""
        today = day_of(until)
        async with self._database.begin() as tx:
            looked = await store.looked_on(tx)
        if looked is None or looked >= today:
            return 0
        done, after = 0, ""
        while page := await self._page(today, after):
            calls = [call for contract, facts in page if (call := self._judge(contract, facts, looked, today))]
            if calls:
                await self._commander.run(CareContract, calls)
            done, after = done + len(calls), page[-1][0].contract_id
        async with self._database.begin() as tx:
            await store.note_looked(tx, today)
        return done

    async def _page(self, today: date, after: str) -> Sequence[tuple[CareContract, PersonFacts | None]]:
        async with self._database.begin() as tx:
            return await store.running_contracts(tx, today, after, AT_ONCE)

    def _judge(self, contract: CareContract, facts: PersonFacts | None, looked: date, today: date) -> Call | None:
        ended = ends_by_itself(contract, self._rules.kind_of(contract), facts, looked, today)
        if ended is None:
            return None
        why, ended_on, found_on = ended
        return Call(
            key=contract.contract_id,
            handler=on_end,
            message=End(why, ended_on, contract.sealed),
            cause=f"contract-end|{contract.contract_id}",
            at=midnight_of(found_on),
            actor=ACTOR,
        )
