"""What comes after the payment, on top of the payments office of tests: the same tools, and the visits that arrive."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import voucher_service_pb2
from tuoqi.contracts.visits.v1 import record_pb2
from tuoqi.kit.commands import Commander
from tuoqi.kit.pipeline import Pipeline
from tuoqi.kit.stamps import stamp_of
from tuoqi.kit.testing.playing import origin_of
from tuoqi.kit.testing.records import record_of
from tuoqi.payments.__main__ import SERVICE
from tuoqi.payments.consumer import VISITS
from tuoqi.payments.jobs.certification import CampaignDesk, CertificationTimer
from tuoqi.payments.jobs.policies import read_verification, read_vouchers
from tuoqi.payments.jobs.verification import VerificationDesk
from tuoqi.payments.jobs.voucher_spends import SpendDesk
from tuoqi.payments.jobs.vouchers import VoucherDesk, VoucherTimer
from tuoqi.payments.rpc.certification import CertificationServicer
from tuoqi.payments.rpc.verification import VerificationServicer
from tuoqi.payments.rpc.vouchers import VoucherServicer


@dataclass
class After:
    """The parts of the service that come after the payment."""

    office: Any
    told: int = field(default=0)

    def __post_init__(self) -> None:
        office = self.office
        origin = origin_of("payments", office.tools.policy)
        self.commander = Commander(SERVICE.stores, office.database, origin, lambda: None)
        self.tools = replace(office.tools, commander=self.commander)
        checks, vouchers = read_verification(office.county), read_vouchers(office.county)
        self.checks = VerificationDesk(self.tools, checks)
        self.campaigns = CampaignDesk(self.tools, checks)
        self.issuing, self.spending = VoucherDesk(self.tools, vouchers), SpendDesk(self.tools, vouchers)
        self.verification = VerificationServicer(self.checks)
        self.certification = CertificationServicer(self.campaigns)
        self.vouchers = VoucherServicer(self.issuing, self.spending)
        self.reminders, self.expiry = CertificationTimer(self.campaigns), VoucherTimer(self.issuing)
        self.visits = Pipeline(VISITS, SERVICE.stores, office.database, origin, lambda: None)

    async def visit(self, person: str, day: str, *, channel: str = "IN_PERSON", result: str = "MET") -> None:
        """A visit record arrives by Kafka."""
        self.told += 1
        event = record_pb2.VisitRecorded(
            visit_id=f"00000000-0000-4000-9000-{self.told:012d}",
            person_id=person,
            started_at=stamp_of(self.office.clock.now()),
            counts_on=day,
            channel=channel,
            result=result,
        )
        record = record_of(event, ce_id=f"visit-{self.told}", key=person, at=self.office.clock.now())
        await self.visits.process([record])

    async def disabled(self, number: int, born: str, level: str, *, decided: str = "2025-12-01") -> str:
        """A person with an assessed disability."""
        person = await self.office.register(number, born)
        await self.office.status(person, "disabled_elder", decided, level=level)
        return person

    async def issue(self, month: str) -> voucher_service_pb2.VoucherIssue:
        """Issue a month; the issue that the last answer has."""
        with self.office.by("clerk.li"):
            request = voucher_service_pb2.IssueVouchersRequest(month=month)
            answers = [answer async for answer in self.vouchers.IssueVouchers(request, None)]
        return answers[-1].issue

    async def spend(
        self, person: str, yuan: int, receipt: str, **more: str
    ) -> voucher_service_pb2.SpendVoucherResponse:
        """A bill of the facility HC-01, unless another is named."""
        request = voucher_service_pb2.SpendVoucherRequest(
            person_id=person, facility=more.pop("facility", "HC-01"), bill_fen=yuan * 100, receipt_no=receipt, **more
        )
        with self.office.by("clerk.li"):
            return await self.vouchers.SpendVoucher(request, None)

    async def enable(self, facility: str = "HC-01") -> None:
        """A facility may take vouchers."""
        self.office.registry.facilities[facility] = (f"version-{facility}", f"no-{facility}")
        with self.office.by("clerk.li"):
            await self.vouchers.SetProvider(
                voucher_service_pb2.SetProviderRequest(facility=facility, enabled=True), None
            )


@pytest.fixture
async def after(office: Any) -> After:
    """What comes after the payment, in an office on the demo county's rules."""
    return After(office)
