"""Figures of what was paid: what counts, what no longer counts, and reports that stay as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tuoqi.contracts.payments.v1 import paid_figure_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.__main__ import read_figures
from tuoqi.payments.domain.figures import Figure, Tally, parse_figures, told
from tuoqi.payments.domain.policy_fields import PolicyError
from tuoqi.payments.rpc.figures import PaidFigureServicer

if TYPE_CHECKING:
    from conftest import Office

YEAR = pb.PaidPeriod(first_day="2024-01-01", last_day="2024-12-31")


class Counter:
    """The figures of an office, asked by its auditor."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.service = PaidFigureServicer(office.tools, read_figures(office.county))

    async def values(self, *ids: str, by: str = "", period: pb.PaidPeriod = YEAR) -> dict[str, dict[str, int]]:
        """Figure → key of the cell (`` = the whole) → value."""
        request = pb.ComputePaidFiguresRequest(figure_ids=ids, period=period, by=by)
        with self.office.by("auditor.zhou", "核对"):
            answer = await self.service.ComputePaidFigures(request, None)
        return {
            one.figure_id: {"": one.total.value} | {cell.key or "rest": cell.value for cell in one.cells}
            for one in answer.figures
        }

    async def rows(self, figure: str) -> list[tuple[str, str, int]]:
        """What a figure counted."""
        with self.office.by("auditor.zhou", "核对"):
            request = pb.ListPaidFigureRowsRequest(figure_id=figure, period=YEAR)
            answer = await self.service.ListPaidFigureRows(request, None)
        return [(row.person_id[-2:], row.benefit_month, row.amount_fen) for row in answer.rows]


async def settle_all(office: Office, cycle: str, day: str, *, but: str = "") -> None:
    """The bank credits every instruction of a cycle, but for one account, which comes back."""
    rows = await office.instructions(cycle)
    results = [
        (row["instruction_id"], "RETURNED", "销户", "") if row["account_no"] == but
        else (row["instruction_id"], "SUCCESS", "", day)
        for row in rows
    ]  # fmt: skip
    office.go_to(day, 18)
    assert not (await office.results(*results)).problems


@pytest.fixture
async def counter(office: Office) -> Counter:
    """Two adults on dibao: one month paid to both but one instruction came back; then one month to both."""
    office.go_to("2023-12-15")
    await office.on_dibao(1, 400, account="629999001")
    await office.on_dibao(2, 300, account="629999002")
    office.go_to("2024-01-20", 18)
    await office.pay("2024-01")
    await settle_all(office, "2024-01", "2024-01-30", but="629999002")
    return Counter(office)


async def test_only_what_the_bank_credited_counts(counter: Counter) -> None:
    assert (await counter.values("IND-094", "IND-095")) == {"IND-094": {"": 40_000}, "IND-095": {"": 1}}
    assert await counter.rows("IND-094") == [("01", "2024-01", 40_000)]


async def test_money_that_goes_out_again_counts_when_it_arrives_and_for_its_own_month(counter: Counter) -> None:
    office = counter.office
    office.go_to("2024-02-20", 18)
    await office.pay("2024-02")
    await settle_all(office, "2024-02", "2024-02-29")
    assert (await counter.values("IND-094", "IND-095")) == {"IND-094": {"": 140_000}, "IND-095": {"": 4}}
    february = pb.PaidPeriod(first_day="2024-02-01", last_day="2024-02-29")
    assert (await counter.values("IND-095", period=february))["IND-095"][""] == 3


async def test_a_breakdown_sums_to_the_whole(counter: Counter) -> None:
    village = (await counter.values("IND-094", by="village"))["IND-094"]
    assert village == {"": 40_000, "990101101001": 40_000}
    assert (await counter.values("IND-094", by="programme"))["IND-094"] == {"": 40_000, "dibao": 40_000}


async def test_a_frozen_report_stays_as_it_was_whatever_is_paid_afterwards(counter: Counter) -> None:
    office = counter.office
    with office.by("reviewer.zhao"):
        request = pb.FreezePaidReportRequest(period=YEAR, title="2024年报")
        frozen = (await counter.service.FreezePaidReport(request, None)).report
    office.go_to("2024-02-20", 18)
    await office.pay("2024-02")
    await settle_all(office, "2024-02", "2024-02-29")
    with office.by("auditor.zhou"):
        request = pb.GetPaidReportRequest(report_id=frozen.report_id)
        again = (await counter.service.GetPaidReport(request, None)).report
    assert again == frozen
    assert next(one for one in again.figures if one.figure_id == "IND-094").total.value == 40_000


async def test_a_county_cannot_ask_for_a_figure_it_does_not_have(counter: Counter) -> None:
    with pytest.raises(TuoqiError, match=r"payments\.figure_unknown"):
        await counter.values("IND-999")


async def test_a_period_that_ends_before_it_begins_is_refused(counter: Counter) -> None:
    turned = pb.PaidPeriod(first_day="2024-02-01", last_day="2024-01-01")
    with pytest.raises(TuoqiError, match=r"payments\.figure_period"):
        await counter.values("IND-094", period=turned)


def test_of_a_sensitive_figure_few_people_are_told_together_or_not_at_all() -> None:
    figure = Figure("IND-046", "甲", "人次", "person_months", (), None, (), is_sensitive=True)
    parts = {"a": Tally(30, 9), "b": Tally(4, 2), "c": Tally(6, 3)}
    cells = [(cell.key, cell.value, cell.is_rest) for cell in told(figure, parts)]
    assert cells == [("a", 30, False), ("", 10, True)]
    assert [cell.value for cell in told(figure, {"b": Tally(4, 2)})] == [None]


def test_a_definition_with_an_unknown_programme_names_the_place() -> None:
    rows = [{"id": "IND-001", "name": "甲", "unit": "元", "count": "amount", "programmes": ["nothing"]}]
    with pytest.raises(PolicyError, match=r"figures\.yaml: figures\[0\]\.programmes"):
        parse_figures({"figures.yaml": {"county": "990101", "figures": rows}}, ["dibao"])
