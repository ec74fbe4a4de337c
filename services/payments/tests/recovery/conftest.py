"""People who owe, and those who see to it that it comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from tuoqi.contracts.payments.v1 import recovery_pb2 as events
from tuoqi.contracts.payments.v1 import recovery_service_pb2 as pb
from tuoqi.payments.jobs.recoveries import RecoveryDesk, RecoveryTimer
from tuoqi.payments.rpc.recoveries import RecoveryServicer

Office = Any
CLERK = "clerk.li"


@dataclass
class Recovering:
    """An office with its recovery files; every act ends with a proof that the money closes to zero."""

    office: Office

    def __post_init__(self) -> None:
        self.desk = RecoveryDesk(self.office.tools)
        self.service = RecoveryServicer(self.office.tools, self.desk)
        self.timer = RecoveryTimer(self.desk)
        self.receipts = 0

    async def owing(self, number: int = 1, yuan: int = 400, *, months: int = 2) -> str:
        """An adult who was paid for so many months and whose dibao was then found to have ended before the second."""
        person = await self.paid(number, yuan, months=months)
        await self.office.status(person, "dibao", "2023-12-01", yuan=yuan, ended="2024-01-31")
        await self.office.pay(f"2024-{months + 1:02d}")
        return person

    async def lowered(self, number: int = 1, *, months: int = 2) -> str:
        """An adult paid 400 for so many months, of which 100 a month were too much; 300 go on."""
        person = await self.paid(number, 400, months=months)
        await self.office.status(person, "dibao", "2023-12-01", yuan=300)
        await self.office.pay(f"2024-{months + 1:02d}")
        return person

    async def paid(self, number: int = 1, yuan: int = 400, *, months: int = 2) -> str:
        """An adult on dibao, paid from January on."""
        person = await self.office.on_dibao(number, yuan, account=f"A{number}")
        for month in range(1, months + 1):
            self.office.go_to(f"2024-{month:02d}-20")
            await self.office.pay(f"2024-{month:02d}")
        self.office.go_to(f"2024-{months + 1:02d}-20")
        return person

    async def files(self, **wanted: Any) -> list[pb.Recovery]:
        """Files as the list has them."""
        with self.office.by(CLERK):
            return list((await self.service.ListRecoveries(pb.ListRecoveriesRequest(**wanted), None)).recoveries)

    async def file(self, person: str) -> pb.Recovery:
        """The only file of a person."""
        (found,) = await self.files(person_id=person)
        return found

    async def whole(self, recovery_id: str, purpose: str = "核对") -> pb.GetRecoveryResponse:
        """One file with everything."""
        with self.office.by(CLERK, purpose):
            return await self.service.GetRecovery(pb.GetRecoveryRequest(recovery_id=recovery_id), None)

    async def act(self, method: str, recovery_id: str, by: str = CLERK, **fields: Any) -> Any:
        """One act, and the proof after it."""
        request = getattr(pb, f"{method}Request")(recovery_id=recovery_id, **fields)
        with self.office.by(by):
            answer = await getattr(self.service, method)(request, None)
        assert await self.office.findings() == []
        return answer

    async def repay(self, recovery_id: str, yuan: int, **fields: Any) -> Any:
        """A repayment of today with a new receipt."""
        self.receipts += 1
        given = {
            "amount_fen": yuan * 100,
            "paid_on": self.desk.today.isoformat(),
            "receipt_no": f"R{self.receipts}",
            "payer": "self",
        }
        return await self.act("RecordRepayment", recovery_id, **(given | fields))

    async def said(self) -> list[tuple[str, dict[str, Any]]]:
        """The events of recovery files so far: short name and content."""
        rows = await self.office.fetch(
            "SELECT ce_type, value FROM outbox WHERE topic = 'tuoqi.payments.recovery.v1' ORDER BY seq"
        )
        told = []
        for row in rows:
            name = row.ce_type.rsplit(".", 1)[1]
            message = getattr(events, name)()
            message.ParseFromString(bytes(row.value))
            told.append((name, MessageToDict(message, preserving_proto_field_name=True)))
        return told

    async def names(self) -> list[str]:
        """Only the short names."""
        return [name for name, _ in await self.said()]

    async def followed(self) -> None:
        """Files and cases agree, case by case, and no file's sum is another than that of its items."""
        assert (
            await self.office.fetch(
                "SELECT r.* FROM recovery_cases r LEFT JOIN recovery_items i USING (person_id, programme, benefit_month)"
                " WHERE r.amount_fen <> coalesce(i.owed_fen, 0)"
            )
            == []
        )
        assert (
            await self.office.fetch(
                "SELECT f.recovery_id FROM recovery_files f WHERE f.owed_fen <> (SELECT sum(i.owed_fen)"
                " FROM recovery_items i WHERE i.recovery_id = f.recovery_id)"
                " OR (f.owed_fen = 0) <> (f.closed_on IS NOT NULL)"
            )
            == []
        )


@pytest.fixture
def recovering(office: Office) -> Recovering:
    """An office that recovers."""
    return Recovering(office)
