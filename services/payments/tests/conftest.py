"""A payments office of tests: the service's own pipeline, jobs and answers on PostgreSQL, and a registry in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb
from tuoqi.contracts.registry.v1 import facility_service_pb2, person_pb2, registry_service_pb2, status_pb2
from tuoqi.kit.clock import SettableClock, county_day
from tuoqi.kit.commands import Commander
from tuoqi.kit.county import County
from tuoqi.kit.database import Database
from tuoqi.kit.ids import id_maker
from tuoqi.kit.pipeline import Pipeline
from tuoqi.kit.rights import Actor, Rights, acting
from tuoqi.kit.rpc.tables import ChunkOutcome, Exporter, Importer, LoadContext
from tuoqi.kit.signing import Signer
from tuoqi.kit.stamps import stamp_of
from tuoqi.kit.tables import Header, parse_rows
from tuoqi.kit.testing.playing import KEY, origin_of
from tuoqi.kit.testing.records import record_of
from tuoqi.payments.__main__ import read_banks, read_funding, read_policy
from tuoqi.payments.consumer import PERSON, STATUS, SUBSCRIPTION
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.months import moment
from tuoqi.payments.domain.recovery import RecoveryFile
from tuoqi.payments.jobs.exports import BankInstructions, PaymentLines, Recoveries, WaitingMoney
from tuoqi.payments.jobs.results import BankResults
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.peers import FenceSet
from tuoqi.payments.rpc.payments import PaymentsServicer
from tuoqi.payments.store.cycles import CycleStore
from tuoqi.payments.store.ledger import findings
from tuoqi.payments.store.recoveries import RecoveryStore

DEMO = Path(__file__).parents[3] / "deploy" / "counties" / "990101"
PARTITIONS = 6
START = moment(date(2023, 12, 1), 9)
VILLAGE = "990101101001"


def person_id(number: int) -> str:
    """The id of a test's person."""
    return f"00000000-0000-4000-8000-{number:012d}"


class FakeRegistry:
    """The registry as payments sees it: fences through the same pipeline, accounts and names from dictionaries."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self.accounts_of: dict[str, tuple[str, str]] = {}
        """Person → account version and account number."""
        self.by_guardian: set[str] = set()
        self.lost: set[tuple[str, int]] = set()
        """Places whose fence never arrives."""
        self.facilities: dict[str, tuple[str, str]] = {}
        """Facility → account version and account number."""
        self.changed_at: dict[str, datetime] = {}
        """Account version → when it became known; now where nothing is said."""
        self.fences = 0

    async def fence(self, cut_off: datetime) -> FenceSet:
        self.fences += 1
        fence_id = person_id(900_000 + self.fences)
        places = frozenset((topic.name, n) for topic in (PERSON, STATUS) for n in range(PARTITIONS))
        for name, partition in sorted(places - self.lost):
            fenced = person_pb2.RegistryFenced(
                fence_id=fence_id, partition=partition, partitions=PARTITIONS, cutoff=stamp_of(cut_off)
            )
            await self._office.deliver(fenced, key=f"{fence_id}-{partition}", version=1, topic=name)
        return FenceSet(fence_id, places)

    async def payees(self, person_ids: Sequence[str], as_of: datetime) -> dict[str, registry_service_pb2.Payee]:
        return {person: self._payee(person, as_of) for person in person_ids}

    def _payee(self, person: str, as_of: datetime) -> registry_service_pb2.Payee:
        version, number = self.accounts_of.get(person, ("", ""))
        return registry_service_pb2.Payee(
            person_id=person,
            account_version_id=version,
            account_key=hashlib.blake2b(number.encode()).hexdigest()[:16] if number else "",
            held_by_guardian=person in self.by_guardian,
            known_at=stamp_of(self.changed_at.get(version, as_of)),
        )

    async def facility_payees(
        self, codes: Sequence[str], as_of: datetime
    ) -> dict[str, facility_service_pb2.FacilityPayee]:
        found = {}
        for code in codes:
            version, number = self.facilities.get(code, ("", ""))
            found[code] = facility_service_pb2.FacilityPayee(
                code=code,
                account_version_id=version,
                account_key=hashlib.blake2b(number.encode()).hexdigest()[:16] if number else "",
                known_at=stamp_of(as_of),
            )
        return found

    async def describe(
        self, person_ids: Sequence[str], *, reveal: bool
    ) -> dict[str, registry_service_pb2.PersonDescription]:
        return {
            person: registry_service_pb2.PersonDescription(
                person_id=person, name=f"甲{person[-2:]}", id_number="full" if reveal else "masked"
            )
            for person in person_ids
        }

    async def identify(self, names: Sequence[registry_service_pb2.PersonName]) -> list[str]:
        known = self._office.people
        return [name.person_id if name.person_id in known else "" for name in names]

    async def open_facility(self, code: str) -> str:
        return "home_care_center" if code in self.facilities else ""

    async def region_names(self, codes: Sequence[str], on: date) -> dict[str, str]:
        return {code: f"示范县/某镇/{code[-3:]}村" for code in codes if on >= START.date()}

    async def accounts(self, version_ids: Sequence[str]) -> dict[str, registry_service_pb2.Account]:
        numbers = {**dict(self.accounts_of.values()), **dict(self.facilities.values())}
        return {
            version: registry_service_pb2.Account(
                account_version_id=version,
                account_no=numbers.get(version, version.removeprefix("version-")),
                account_name="某人",
                bank="示范银行",
            )
            for version in version_ids
        }


@dataclass
class Office:
    """One payments service without its network: facts come by events, people act, the clock stands where it is put."""

    database: Database
    county: County
    clock: SettableClock = field(default_factory=lambda: SettableClock(START))
    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    loaded: Iterator[int] = field(default_factory=lambda: count(1))
    intervals: dict[str, dict[tuple[str, str], status_pb2.StatusInterval]] = field(default_factory=dict)
    stays: dict[str, list[status_pb2.Stay]] = field(default_factory=dict)
    people: dict[str, person_pb2.PersonFacts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rights = Rights.from_county(self.county)
        policy = read_policy(self.county)
        origin = origin_of("payments", policy)
        stores: dict[type, Any] = {Cycle: CycleStore(), RecoveryFile: RecoveryStore()}
        self.pipeline = Pipeline(SUBSCRIPTION, stores, self.database, origin, lambda: None)
        self.registry = FakeRegistry(self)
        self.tools = Tools(
            database=self.database,
            commander=Commander(stores, self.database, origin, lambda: None),
            clock=self.clock,
            ids=id_maker(KEY),
            policy=policy,
            policy_version=self.county.version,
            registry=self.registry,
            banks=read_banks(self.county),
            funding=read_funding(self.county),
            signer=Signer(KEY, "bank files"),
            facts_wait_s=0.3,
            chunk_persons=2,
        )
        self.service = PaymentsServicer(self.tools)

    # What the registry tells.

    async def deliver(self, message: Message, *, key: str, version: int, topic: str) -> None:
        """One event arrives by Kafka."""
        ce_id = f"{topic}|{key}|{version}"
        record = record_of(message, ce_id=ce_id, key=key, at=self.clock.now(), version=version, topic=topic)
        await self.pipeline.process([record])

    async def _tell(self, person: str, message: Message, topic: str) -> None:
        version = self.versions[topic, person] = self.versions.get((topic, person), 0) + 1
        await self.deliver(message, key=person, version=version, topic=topic)

    async def register(self, number: int, born: str, *, account: str = "") -> str:
        """A person with the register in the county and, where one is given, an account."""
        person = person_id(number)
        hukou = person_pb2.HukouSince(region=VILLAGE, known_on="2023-12-01")
        facts = person_pb2.PersonFacts(person_id=person, birth_date=born, sex="F", hukou=[hukou])
        self.people[person] = facts
        event = person_pb2.PersonRegistered(person=facts, known_at=stamp_of(self.clock.now()))
        await self._tell(person, event, PERSON.name)
        if account:
            self.registry.accounts_of[person] = (f"version-{account}", account)
        return person

    async def lives_in(self, person: str, region: str) -> None:
        """Somebody lives in another region than that of the register."""
        facts = self.people[person]
        facts.residence_region = region
        await self._tell(
            person, person_pb2.PersonChanged(person=facts, known_at=stamp_of(self.clock.now())), PERSON.name
        )

    async def died(self, person: str, on: str) -> None:
        """A death becomes known; an empty day withdraws it."""
        facts = self.people[person]
        facts.died_on = on
        kind = person_pb2.PersonDeceased if on else person_pb2.PersonDeathWithdrawn
        await self._tell(person, kind(person=facts, known_at=stamp_of(self.clock.now())), PERSON.name)

    async def status(
        self,
        person: str,
        category: str,
        decided: str,
        *,
        yuan: int = 0,
        ended: str = "",
        subtype: str = "",
        level: str = "",
    ) -> None:
        """A row of a status file: one interval, by category and day of decision."""
        order = next(self.loaded)
        rows = self.intervals.setdefault(person, {})
        rows[category, decided] = status_pb2.StatusInterval(
            interval_id=person_id(500_000 + order),
            category=category,
            subtype=subtype,
            level=level,
            applied_on=decided,
            decided_on=decided,
            ended_on=ended,
            amount_fen=yuan * 100,
            loaded_order=order,
        )
        await self._tell_status(person)

    async def stay(self, person: str, facility: str, began: str, ended: str = "") -> None:
        """A row of a stays file."""
        rows = self.stays.setdefault(person, [])
        rows[:] = [one for one in rows if (one.facility, one.began_on) != (facility, began)]
        rows.append(status_pb2.Stay(facility=facility, began_on=began, ended_on=ended))
        rows.sort(key=lambda one: one.began_on)
        await self._tell_status(person)

    async def _tell_status(self, person: str) -> None:
        event = status_pb2.PersonStatusChanged(
            person_id=person,
            intervals=self.intervals.get(person, {}).values(),
            stays=self.stays.get(person, []),
            known_at=stamp_of(self.clock.now()),
        )
        await self._tell(person, event, STATUS.name)

    async def on_dibao(self, number: int, yuan: int, *, decided: str = "2023-12-01", account: str = "") -> str:
        """An adult on dibao."""
        person = await self.register(number, "1970-01-01", account=account)
        await self.status(person, "dibao", decided, yuan=yuan)
        return person

    # What people do.

    @contextmanager
    def by(self, user: str, purpose: str = "") -> Iterator[Actor]:
        """Within it this user acts."""
        actor = self.rights.actor(user, purpose)
        with acting(actor):
            yield actor

    def go_to(self, day: str, hour: int = 9) -> None:
        """The clock moves forward."""
        self.clock.move_to(moment(date.fromisoformat(day), hour))

    async def open(self, month: str) -> pb.Cycle:
        """A cycle whose cut-off is now."""
        with self.by("clerk.li"):
            request = pb.OpenCycleRequest(month=month, cutoff=stamp_of(self.clock.now()))
            return (await self.service.OpenCycle(request, None)).cycle

    async def compute(self, named: str) -> pb.Cycle:
        """Compute; the cycle that the last answer has."""
        with self.by("clerk.li"):
            request = pb.ComputeCycleRequest(cycle=named)
            answers = [answer async for answer in self.service.ComputeCycle(request, None)]
        assert all(not answer.HasField("cycle") for answer in answers[:-1])
        return answers[-1].cycle

    async def review_and_post(self, named: str) -> pb.Cycle:
        """Reviewed and posted by county civil affairs."""
        with self.by("reviewer.zhao"):
            await self.service.ReviewCycle(pb.ReviewCycleRequest(cycle=named), None)
            return (await self.service.PostCycle(pb.PostCycleRequest(cycle=named), None)).cycle

    async def approve(self, named: str, user: str = "finance.qian", *, cut_short: bool = False) -> pb.Cycle:
        """One approval of finance."""
        with self.by(user):
            request = pb.ApproveCycleRequest(cycle=named, posting_cut_short=cut_short)
            return (await self.service.ApproveCycle(request, None)).cycle

    async def instruct(self, named: str) -> pb.Cycle:
        """The instructions are written."""
        with self.by("finance.qian"):
            return (await self.service.InstructCycle(pb.InstructCycleRequest(cycle=named), None)).cycle

    async def cancel(self, named: str, because: str = "名单有误") -> Sequence[pb.Cycle]:
        """A cycle is cancelled, with a reason."""
        with self.by("reviewer.zhao", because):
            return (await self.service.CancelCycle(pb.CancelCycleRequest(cycle=named), None)).cycles

    async def show(self, named: str) -> pb.Cycle:
        """A cycle with its control sums."""
        with self.by("auditor.zhou"):
            return (await self.service.GetCycle(pb.GetCycleRequest(cycle=named), None)).cycle

    async def pay(self, month: str) -> pb.Cycle:
        """A whole cycle up to INSTRUCTED, its cut-off now; eight days pass."""
        cycle = (await self.open(month)).ref.cycle_id
        await self.compute(cycle)
        await self.review_and_post(cycle)
        self.clock.move_to(self.clock.now() + timedelta(days=8))
        await self.approve(cycle)
        return await self.instruct(cycle)

    async def load(
        self, importer: Importer, columns: Sequence[str], *rows: Sequence[str], by: str = "finance.qian"
    ) -> ChunkOutcome:
        """A file is loaded."""
        header = Header.match(columns, importer.columns)
        good, flawed = parse_rows(header, list(enumerate(rows, start=2)))
        now = self.clock.now()
        content_hash = hashlib.sha256(f"{rows}".encode()).hexdigest()
        with self.by(by) as actor:
            context = LoadContext(
                now, county_day(now), actor, content_hash, 1, dry_run=False, traceparent="", correlation_id=""
            )
            async with self.database.begin() as tx:
                outcome = await importer.load(tx, good, context)
        outcome.problems[:0] = flawed
        return outcome

    async def results(self, *rows: Sequence[str], by: str = "finance.qian") -> ChunkOutcome:
        """The bank's answers: rows of instruction, result, reason, day."""
        columns = ["指令号", "结果", "退票原因", "入账日期"]
        return await self.load(BankResults(self.tools), columns, *rows, by=by)

    # What can be seen.

    async def export(self, exporter: Exporter, cycle: str = "", user: str = "finance.qian") -> list[dict[str, Any]]:
        """All rows of a file."""
        request = table_pb2.ExportRowsRequest(kind=exporter.kind, cycle_id=cycle)
        with self.by(user) as actor:
            return [dict(row) async for run in exporter.rows(request, actor) for row in run]

    async def lines(self, cycle: str) -> set[str]:
        """The lines of a cycle as `03 dibao REGULAR 2024-05 400`."""
        rows = await self.export(PaymentLines(self.tools), cycle)
        return {
            f"{row['person_id'][-2:]} {row['programme']} {row['line_type']} {row['benefit_month']} {row['amount'] // 100}"
            for row in rows
        }

    async def instructions(self, cycle: str) -> list[dict[str, Any]]:
        """The bank's list of a cycle."""
        return await self.export(BankInstructions(self.tools), cycle)

    async def recoveries(self) -> set[str]:
        """Open cases as `03 dibao 2024-05 400`."""
        rows = await self.export(Recoveries(self.tools))
        return {f"{r['person_id'][-2:]} {r['programme']} {r['benefit_month']} {r['amount'] // 100}" for r in rows}

    async def waiting(self) -> set[str]:
        """Waiting money as `03 dibao 2024-05 400 HEIR`."""
        rows = await self.export(WaitingMoney(self.tools))
        return {
            f"{r['person_id'][-2:]} {r['programme']} {r['benefit_month']} {r['amount'] // 100} {r['reason']}"
            for r in rows
        }

    async def fetch(self, sql: str, **params: Any) -> Sequence[Any]:
        """Rows of a statement."""
        async with self.database.begin() as tx:
            return await tx.fetch(sql, **params)

    async def findings(self) -> list[str]:
        """What does not close to zero."""
        async with self.database.begin() as tx:
            return await findings(tx, "")

    async def said(self) -> list[str]:
        """The short names of the events so far, in order."""
        return [row.ce_type.rsplit(".", 1)[1] for row in await self.fetch("SELECT ce_type FROM outbox ORDER BY seq")]


@pytest.fixture
async def office(database_for: Callable[..., Awaitable[Database]]) -> Office:
    """An office on the demo county's rules with an empty database."""
    return Office(await database_for("payments"), County.load(DEMO))
