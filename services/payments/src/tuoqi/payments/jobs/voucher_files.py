"""Files of care vouchers: what the bank is to pay to facilities for a month."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.kit.rights import Actor
from tuoqi.kit.tables import Column
from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.months import Month
from tuoqi.payments.jobs.exports import AMOUNT, Values
from tuoqi.payments.jobs.tools import refusing
from tuoqi.payments.jobs.voucher_spends import CONFIRMED, SpendDesk, known_settlement


class VoucherSettlement:
    """`voucher_settlement` of a month: one row a facility, with its account in full for whoever may see it."""

    kind = "voucher_settlement"
    columns: Sequence[Column] = (
        Column("month", "月份"),
        Column("facility", "设施编号"),
        Column("spends", "笔数"),
        Column("bill", "账单金额", "money"),
        AMOUNT,
        Column("account_name", "收款人"),
        Column("account_no", "账号"),
        Column("bank", "开户行"),
    )

    def __init__(self, desk: SpendDesk) -> None:
        self._desk = desk

    async def rows(self, request: table_pb2.ExportRowsRequest, actor: Actor) -> AsyncIterator[Sequence[Values]]:
        """All facilities. Raises auth.no_right, auth.no_region, payments.voucher_not_confirmed."""
        actor.require("voucher.settle")
        actor.require_region(self._desk.tools.policy.county)
        tools, month = self._desk.tools, _month(request.subject)
        async with tools.database.begin() as tx:
            settlement = await known_settlement(tx, month)
        with refusing():
            if settlement.state != CONFIRMED:
                raise PaymentsError("payments.voucher_not_confirmed", month=month)
        payees = await tools.registry.facility_payees([one.facility for one in settlement.shares], tools.clock.now())
        versions = sorted({payee.account_version_id for payee in payees.values() if payee.account_version_id})
        accounts = await tools.registry.accounts(versions) if versions else {}
        rows: list[Values] = []
        for one in settlement.shares:
            account = accounts.get(payees[one.facility].account_version_id) if one.facility in payees else None
            rows.append(
                {
                    "month": str(month),
                    "facility": one.facility,
                    "spends": one.spends,
                    "bill": one.bill_fen,
                    "amount": one.amount_fen,
                    "account_name": account.account_name if account else "",
                    "account_no": account.account_no if account else "",
                    "bank": account.bank if account else "",
                }
            )
        yield rows


def _month(text: str) -> Month:
    with refusing():
        try:
            return Month.parse(text)
        except ValueError:
            raise PaymentsError("payments.voucher_month_unknown", month=text) from None
