"""The office with its desk for one-off aid and for batches of other systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import aid_service_pb2 as aid_pb
from tuoqi.contracts.payments.v1 import disbursement_service_pb2 as pb
from tuoqi.contracts.registry.v1 import registry_service_pb2
from tuoqi.kit.commands import Commander
from tuoqi.kit.testing.playing import origin_of
from tuoqi.payments.__main__ import SERVICE
from tuoqi.payments.jobs.aid import AidDesk
from tuoqi.payments.jobs.following import Follower
from tuoqi.payments.jobs.policies import read_aid_policy
from tuoqi.payments.rpc.aid import AidServicer
from tuoqi.payments.rpc.disbursements import DisbursementServicer
from tuoqi.payments.rpc.payments import PaymentsServicer

TOWN = "990101101001"


@dataclass
class Names:
    """Where people live, and what they are called in files; everybody in one village unless said otherwise."""

    office: Any
    region_of: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)

    async def describe(
        self, person_ids: Sequence[str], *, reveal: bool
    ) -> Mapping[str, registry_service_pb2.PersonDescription]:
        assert not reveal, "aid never asks for numbers in full"
        return {
            one: registry_service_pb2.PersonDescription(
                person_id=one, region=self.region_of.get(one, TOWN) if one in self.office.people else ""
            )
            for one in person_ids
        }

    async def identify(self, names: Sequence[registry_service_pb2.PersonName]) -> list[str]:
        return [self.numbers.get(name.id_number or name.temp_id, "") for name in names]


class Desk:
    """People act by the same methods that gRPC serves."""

    def __init__(self, office: Any) -> None:
        self.office = office
        policy = read_aid_policy(office.county)
        origin = origin_of("payments", office.tools.policy)
        commander = Commander(SERVICE.stores, office.database, origin, lambda: None)
        self.tools = office.tools = replace(office.tools, commander=commander)
        office.service = PaymentsServicer(self.tools)
        self.policy = policy
        self.names = Names(office)
        self.keys = count(1)
        self.aid = AidServicer(AidDesk(self.tools, policy, self.names))
        self.batches = DisbursementServicer(self.tools, policy)
        self.follower = Follower(self.tools)

    async def submit(
        self, key: str, *lines: tuple[str, str, int], by: str = "system.edu", month: str = "2024-01",
        programme: str = "education_grant",
    ) -> pb.SubmitBatchResponse:  # fmt: skip
        """A batch of (reference, person, yuan)."""
        request = pb.SubmitBatchRequest(
            idempotency_key=key,
            programme=programme,
            benefit_month=month,
            lines=[
                pb.DisbursementLine(line_ref=ref, person_id=person, amount_fen=yuan * 100)
                for ref, person, yuan in lines
            ],
        )
        with self.office.by(by):
            return await self.batches.SubmitBatch(request, None)

    async def release(self, batch_id: str, by: str = "reviewer.zhao") -> pb.DisbursementBatch:
        """The county lets a batch be paid."""
        with self.office.by(by):
            return (await self.batches.ReleaseBatch(pb.ReleaseBatchRequest(batch_id=batch_id), None)).batch

    async def void(self, batch_id: str, *refs: str, by: str = "reviewer.zhao") -> int:
        """Lines are taken back."""
        request = pb.VoidLinesRequest(batch_id=batch_id, line_refs=refs, reason="名单有误")
        with self.office.by(by):
            return (await self.batches.VoidLines(request, None)).voided

    async def state(self, ref: str, client: str = "system.edu") -> str:
        """Where a line is: state, cycle, what it waits for."""
        request = pb.GetDisbursementRequest(line_ref=ref, client=client)
        with self.office.by("reviewer.zhao"):
            found = (await self.batches.GetDisbursement(request, None)).disbursement
        return " ".join(filter(None, (found.state, found.cycle, found.waits_for)))

    async def apply(
        self, person: str, yuan: int = 0, *, by: str = "clerk.li", key: str = "", **more: Any
    ) -> aid_pb.AidApplication:
        """An application, of temporary assistance unless said otherwise."""
        given = {"programme": "temporary_assistance", "type": "expenditure", "items": ["illness"], **more}
        request = aid_pb.ApplyAidRequest(
            idempotency_key=key or f"k{next(self.keys)}", person_id=person, amount_fen=yuan * 100, **given
        )
        with self.office.by(by):
            return (await self.aid.ApplyAid(request, None)).application

    async def decide(
        self, *ids: str, by: str = "reviewer.zhao", grant: bool = True, **more: Any
    ) -> list[aid_pb.AidApplication]:
        """A decision."""
        request = aid_pb.DecideAidRequest(application_ids=ids, grant=grant, **more)
        with self.office.by(by):
            return list((await self.aid.DecideAid(request, None)).applications)

    async def take_back(self, application_id: str, by: str = "reviewer.zhao") -> aid_pb.AidApplication:
        """An application is voided."""
        request = aid_pb.VoidAidRequest(application_id=application_id, reason="重复申请")
        with self.office.by(by):
            return (await self.aid.VoidAid(request, None)).application

    async def follow(self) -> int:
        """Submitters are told what happened."""
        return await self.follower.run(self.office.clock.now())

    async def told(self) -> list[str]:
        """What submitters were told: event, state and references, in order."""
        from tuoqi.contracts.payments.v1 import disbursement_pb2 as events  # noqa: PLC0415

        found = []
        rows = await self.office.fetch(
            "SELECT ce_type, value FROM outbox WHERE topic = 'tuoqi.payments.disbursement.v1' ORDER BY seq"
        )
        for row in rows:
            name = row.ce_type.rsplit(".", 1)[1]
            message = getattr(events, name).FromString(bytes(row.value))
            refs = ",".join(getattr(message, "line_refs", ()))
            found.append(" ".join(filter(None, (name, getattr(message, "state", ""), refs))))
        return found


@pytest.fixture
async def desk(office: Any) -> Desk:
    """A desk on the demo county's rules with an empty database."""
    return Desk(office)
