"""Drawing, checking and reporting on a real PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import verification_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import acting
from tuoqi.payments.jobs.verification_files import VerificationFindings, VerificationReport, VerificationSheet

pytestmark = pytest.mark.postgres

COLUMNS = ["样本", "序号", "核查结果", "应发金额", "核查人", "核查日期", "核查方式", "凭证"]


async def slug_of(act: Any) -> str:
    with pytest.raises(TuoqiError) as refused:
        await act
    return refused.value.slug


async def pay_people(office: Any, count: int) -> list[str]:
    people = [await office.on_dibao(n, 400, account=f"A{n}") for n in range(1, count + 1)]
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    return people


async def draw(after: Any, user: str = "auditor.zhou", **wishes: Any) -> pb.DrawSampleResponse:
    request = pb.DrawSampleRequest(**({"cycle": "2024-01", "risk_items": 0} | wishes))
    with after.office.by(user):
        return await after.verification.DrawSample(request, None)


async def record(after: Any, position: int, finding: str, user: str = "clerk.li", **more: Any) -> pb.SampleItem:
    request = pb.RecordFindingRequest(sample="2024-01", position=position, finding=finding, method="VISIT", **more)
    with after.office.by(user):
        return (await after.verification.RecordFinding(request, None)).item


async def report(after: Any) -> pb.GetReportResponse:
    with after.office.by("auditor.zhou"):
        return await after.verification.GetReport(pb.GetReportRequest(sample="2024-01"), None)


async def items(after: Any, user: str = "auditor.zhou") -> list[pb.SampleItem]:
    found: list[pb.SampleItem] = []
    token = ""
    with after.office.by(user):
        while True:
            request = pb.ListSampleItemsRequest(sample="2024-01", page_size=7, page_token=token)
            answer = await after.verification.ListSampleItems(request, None)
            found += answer.items
            if not (token := answer.next_page_token):
                return found


async def test_a_sample_is_frozen_and_can_be_drawn_again_line_by_line(after: Any) -> None:
    await pay_people(after.office, 40)
    drawn = await draw(after, margin_permille=100)
    sample = drawn.sample
    assert (sample.population_lines, sample.population_fen) == (40, 40 * 40_000)
    assert 0 < sample.random_items < 40
    found = await items(after)
    assert [one.position for one in found] == list(range(1, sample.random_items + 1))
    assert len({one.line_id for one in found}) == sample.random_items
    with after.office.by("auditor.zhou"):
        again = await after.verification.RedrawSample(pb.RedrawSampleRequest(sample=sample.sample_id), None)
    assert again.identical
    assert again.content_hash == sample.content_hash


async def test_the_same_wishes_answer_the_same_sample_and_another_key_draws_another(after: Any) -> None:
    await pay_people(after.office, 60)
    first = await draw(after, margin_permille=100)
    after.office.go_to("2024-02-15")
    second = await draw(after, margin_permille=100)
    assert second.drawn_before
    assert second.sample == first.sample
    other = await draw(after, margin_permille=100, key="复查")
    assert not other.drawn_before
    assert other.sample.content_hash != first.sample.content_hash
    assert await slug_of(draw(after, margin_permille=50, key="复查")) == "payments.verification_key_used"
    by_another = await draw(after, user="reviewer.zhao", margin_permille=100)
    assert by_another.sample.seed != first.sample.seed
    with after.office.by("auditor.zhou"):
        listed = await after.verification.ListSamples(pb.ListSamplesRequest(page_size=2), None)
        rest = await after.verification.ListSamples(
            pb.ListSamplesRequest(page_size=2, page_token=listed.next_page_token), None
        )
    assert [len(listed.samples), len(rest.samples)] == [2, 1]


async def test_money_that_waits_is_no_payment_and_the_draw_stays_the_same_when_it_goes_out(after: Any) -> None:
    office = after.office
    await office.on_dibao(1, 400, account="A")
    poor = await office.on_dibao(2, 300)
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    sample = (await draw(after)).sample
    assert sample.population_lines == 1
    office.registry.accounts_of[poor] = ("version-C", "C")
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    with office.by("auditor.zhou"):
        assert (await after.verification.RedrawSample(pb.RedrawSampleRequest(sample=sample.sample_id), None)).identical


async def test_nothing_is_drawn_from_a_cycle_that_has_not_paid_and_the_scope_is_one(after: Any) -> None:
    office = after.office
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    await office.compute("2024-01")
    assert await slug_of(draw(after)) == "payments.verification_nothing_paid"
    assert await slug_of(draw(after, first_month="2024-01", last_month="2024-02")) == "payments.verification_scope"
    assert await slug_of(draw(after, cycle="")) == "payments.verification_scope"
    assert await slug_of(draw(after, programmes=["nothing"])) == "payments.cycle_programme_unknown"


async def test_risks_add_lines_that_count_in_no_rate(after: Any) -> None:
    office = after.office
    people = [await office.on_dibao(n, 400, account=f"A{n}") for n in range(1, 9)]
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    office.registry.accounts_of[people[0]] = ("version-Z", "Z")
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    sample = (await draw(after, cycle="2024-02", margin_permille=400, risk_items=5)).sample
    assert sample.random_items < 8
    with office.by("auditor.zhou"):
        answer = await after.verification.ListSampleItems(pb.ListSampleItemsRequest(sample=sample.sample_id), None)
    risky = {one.person_id: list(one.risks) for one in answer.items if one.part == "RISK"}
    random = {one.person_id for one in answer.items if one.part == "RANDOM"}
    assert people[0] in random or risky == {people[0]: ["ACCOUNT_CHANGED"]}
    first = (await draw(after, cycle="2024-01", margin_permille=400, risk_items=5)).sample
    assert first.risk_items == 5
    with office.by("auditor.zhou"):
        answer = await after.verification.ListSampleItems(pb.ListSampleItemsRequest(sample=first.sample_id), None)
        again = await after.verification.RedrawSample(pb.RedrawSampleRequest(sample=first.sample_id), None)
    assert all("FIRST_PAYMENT" in one.risks for one in answer.items if one.part == "RISK")
    assert again.identical


async def test_nobody_checks_a_cycle_that_he_reviewed_or_approved(after: Any) -> None:
    await pay_people(after.office, 3)
    await draw(after)
    own = "payments.verification_own_cycle"
    assert await slug_of(record(after, 1, "CORRECT", checked_by="reviewer.zhao")) == own
    assert await slug_of(record(after, 1, "CORRECT", checked_by="finance.qian")) == own
    assert await slug_of(record(after, 1, "CORRECT", user="reviewer.zhao", checked_by="村干部")) == own
    assert (await record(after, 1, "CORRECT", checked_by="村干部")).finding == "CORRECT"
    assert await slug_of(record(after, 99, "CORRECT")) == "payments.verification_no_such_line"
    assert await slug_of(record(after, 1, "CORRECT", checked_on="2030-01-01")) == "payments.verification_day_ahead"
    assert await slug_of(record(after, 1, "AMOUNT_WRONG", right_fen=40_000)) == "payments.verification_amount_right"


async def test_a_dead_or_wrong_person_is_told_once_and_corrections_are_kept(after: Any) -> None:
    await pay_people(after.office, 3)
    await draw(after)
    await record(after, 1, "DEAD")
    await record(after, 1, "DEAD", evidence="照片 3")
    await record(after, 2, "NOT_FOUND")
    assert (await after.office.said()).count("VerificationFound") == 1
    await record(after, 1, "WRONG_PERSON")
    assert (await after.office.said()).count("VerificationFound") == 2
    kept = await after.office.fetch("SELECT finding FROM verification_findings WHERE position = 1 ORDER BY revision")
    assert [row.finding for row in kept] == ["DEAD", "DEAD", "WRONG_PERSON"]
    with pytest.raises(Exception, match="append"):
        await after.office.fetch("DELETE FROM verification_findings RETURNING 1")


async def test_the_report_counts_what_was_not_found_as_wrong_and_names_its_limits(after: Any) -> None:
    await pay_people(after.office, 30)
    await draw(after, confidence_percent=90)
    count = len(await items(after))
    for position in range(1, count):
        await record(after, position, "CORRECT")
    assert not (await report(after)).complete
    await record(after, count, "NOT_FOUND")
    found = await report(after)
    assert found.complete
    assert (found.total.wrong, found.total.wrong_fen) == (1, 40_000)
    assert found.total.rate_low_ppm <= found.total.rate_ppm <= found.total.rate_high_ppm
    assert sum(one.drawn for one in found.strata) == count
    assert any("没有找到" in sentence for sentence in found.says)
    assert any("应发而未发" in sentence for sentence in found.cannot_say)
    rows = await after.office.export(VerificationReport(after.checks), "2024-01", user="auditor.zhou")
    assert (rows[0]["programme"], rows[0]["not_found"], rows[0]["wrong_amount"]) == ("合计", 1, 40_000)


async def test_a_worksheet_is_filled_in_and_loaded_back_as_it_is(after: Any) -> None:
    await pay_people(after.office, 6)
    sample = (await draw(after)).sample
    sheet = await after.office.export(VerificationSheet(after.checks), "2024-01", user="clerk.li")
    assert {row["name"][0] for row in sheet} == {"甲"}
    assert all(row["sample"] == sample.sample_id for row in sheet)
    first = (sample.sample_id, "1", "正确", "", "村干部", "2024-01-28", "入户", "照片 1")
    rows = [
        first,
        (sample.sample_id, "2", "AMOUNT_WRONG", "300", "村干部", "2024-01-28", "电话", ""),
        (sample.sample_id, "3", "", "", "", "", "", ""),
        (sample.sample_id, "4", "正确", "", "", "2024-01-28", "入户", ""),
        (sample.sample_id, "5", "正确", "", "reviewer.zhao", "2024-01-28", "入户", ""),
        (sample.sample_id, "77", "正确", "", "村干部", "2024-01-28", "入户", ""),
        ("无此样本", "1", "正确", "", "村干部", "2024-01-28", "入户", ""),
    ]
    outcome = await after.office.load(VerificationFindings(after.checks), COLUMNS, *rows, by="clerk.li")
    assert (outcome.changed, outcome.unchanged) == (2, 1)
    assert sorted(problem.row_number for problem in outcome.problems) == [5, 6, 7, 8]
    assert all(problem.reason.endswith("。") for problem in outcome.problems)
    again = await after.office.load(VerificationFindings(after.checks), COLUMNS, first, by="clerk.li")
    assert (again.changed, again.unchanged) == (0, 1)
    found = await report(after)
    assert (found.total.checked, found.total.wrong_fen) == (2, 10_000)


async def test_a_township_sees_and_records_its_own_lines_only(after: Any) -> None:
    office = after.office
    near = await office.on_dibao(1, 400, account="A")
    far = await office.on_dibao(2, 400, account="B")
    await office.lives_in(far, "990101102001")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    sample = (await draw(after)).sample
    shown = await items(after, user="clerk.feng")
    assert [one.person_id for one in shown] == [near]
    with acting(office.rights.actor("clerk.feng")):
        request = pb.RecordFindingRequest(
            sample=sample.sample_id, position=2 if shown[0].position == 1 else 1, finding="CORRECT", method="VISIT"
        )
        assert await slug_of(after.verification.RecordFinding(request, None)) == "auth.no_region"
