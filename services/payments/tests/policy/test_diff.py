"""Two policies over everybody: who gains, who loses, how much, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import policy_service_pb2 as pb
from tuoqi.kit.county import County
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.__main__ import check_files
from tuoqi.payments.jobs import policy_diff
from tuoqi.payments.rpc.policy import PolicyServicer

DEMO = Path(__file__).parents[4] / "deploy" / "counties" / "990101"
pytestmark = pytest.mark.postgres


def folder(*changes: tuple[str, str]) -> pb.PolicyFiles:
    """The shipped files with some texts of the programmes replaced."""
    county = County.load(DEMO)
    texts = {name: county.text(name) for name in county.names()}
    for before, after in changes:
        assert texts["payments/programmes.yaml"].count(before) == 1
        texts["payments/programmes.yaml"] = texts["payments/programmes.yaml"].replace(before, after)
    return pb.PolicyFiles(texts=texts)


OLDER = ("{ from_age: 80, monthly_yuan: 50 }", "{ from_age: 81, monthly_yuan: 65 }")
NO_SERVICE = ("        amounts:\n          - { yuan: 50 }", "        amounts:\n          - { yuan: 40 }")


@pytest.fixture
async def answers(office: Any) -> Any:
    """A few people on the shipped rules, and the service's answers about them in 2024-05."""
    office.go_to("2024-04-10")
    gains = await office.register(1, "1935-01-01")
    loses = await office.register(2, "1943-06-30")
    for person in (gains, loses):
        await office.status(person, "old_age_accepted", "2024-01-10")
    shifted = await office.on_dibao(3, 400)
    both = await office.register(4, "1930-01-01")
    await office.status(both, "dibao", "2024-01-10", yuan=300)
    await office.status(both, "elder_service_accepted", "2024-01-10")
    service = PolicyServicer(office.tools, office.county, check_files)

    async def ask(**request: Any) -> tuple[pb.PolicyDiff, list[pb.PolicyPersonChange], list[tuple[int, int]]]:
        with office.by("reviewer.zhao"):
            found = [one async for one in service.DiffPolicy(pb.DiffPolicyRequest(month="2024-05", **request), None)]
        assert all(not one.HasField("diff") for one in found[:-1])
        persons = [person for one in found for person in one.persons]
        return found[-1].diff, persons, [(one.persons_done, one.persons_total) for one in found]

    ask.people = (gains, loses, shifted, both)  # type: ignore[attr-defined]
    ask.service = service  # type: ignore[attr-defined]
    return ask


async def test_who_gains_and_who_loses_how_much_by_programme(answers: Any) -> None:
    """Eighty becomes eighty-one and fifty sixty-five: one gains fifteen, one loses fifty, dibao stays."""
    gains, loses, _, _ = answers.people
    diff, persons, _ = await answers(new=folder(OLDER), with_persons=True)
    assert (diff.persons, diff.gaining, diff.losing, diff.shifted) == (4, 1, 1, 0)
    rows = {one.programme: one for one in diff.programmes}
    age = rows["old_age_allowance"]
    assert (age.persons_before, age.persons_after, age.fen_before, age.fen_after) == (2, 1, 10_000, 6_500)
    assert (age.gaining, age.gain_fen, age.losing, age.loss_fen) == (1, 1_500, 1, 5_000)
    assert (rows["dibao"].fen_before, rows["dibao"].fen_after, rows["dibao"].presence) == (70_000, 70_000, "BOTH")
    assert [(one.person_id, one.net_fen) for one in persons] == [(gains, 1_500), (loses, -5_000)]
    assert [one.person_id for one in diff.biggest] == [loses, gains]
    (lost,) = persons[1].changes
    assert (lost.before_fen, lost.after_fen, lost.reason, lost.because) == (5_000, 0, "below_age", "")


async def test_the_same_files_change_nothing_and_without_asking_nobody_is_listed(answers: Any) -> None:
    diff, persons, _ = await answers(old=folder(), new=folder(), with_persons=True)
    assert (diff.gaining, diff.losing, persons, list(diff.biggest)) == (0, 0, [], [])
    diff, persons, progress = await answers(new=folder(OLDER))
    assert (diff.losing, persons) == (1, [])
    assert progress[-1] == (4, 4)


async def test_the_running_policy_is_the_new_one_where_no_files_are_sent(answers: Any) -> None:
    """What one direction loses the other gains."""
    diff, _, _ = await answers(old=folder(OLDER))
    assert (diff.gaining, diff.losing) == (1, 1)
    assert next(one for one in diff.programmes if one.programme == "old_age_allowance").gain_fen == 5_000


async def test_a_programme_that_is_taken_out_is_named_and_its_people_lose_it(answers: Any) -> None:
    _, _, _, both = answers.people
    text = folder().texts["payments/programmes.yaml"]
    start, end = text.index("  - key: elder_service_subsidy"), text.index("  - key: elder_nursing_subsidy")
    files = folder((text[start:end], ""))
    programmes = files.texts["payments/programmes.yaml"].replace(", elder_service_subsidy]", "]")
    step = "  - step: take_higher # 服务与护理就高\n    of: [elder_nursing_subsidy]\n"
    files.texts["payments/programmes.yaml"] = programmes.replace(step, "")
    for name in ("payments/figures.yaml", "payments/funding.yaml"):
        del files.texts[name]
    diff, persons, _ = await answers(new=files, with_persons=True)
    gone = next(one for one in diff.programmes if one.programme == "elder_service_subsidy")
    assert (gone.presence, gone.name, gone.losing, gone.loss_fen) == ("REMOVED", "经济困难老年人服务补贴", 1, 5_000)
    assert [(one.person_id, one.changes[0].reason) for one in persons] == [(both, "not_in_force")]


async def test_names_and_reasons_are_shown_where_they_are_asked_for(answers: Any) -> None:
    _, persons, _ = await answers(new=folder(OLDER), with_persons=True, with_names=True)
    assert [(one.name, one.id_number) for one in persons] == [("甲01", "masked"), ("甲02", "masked")]
    assert persons[1].changes[0].because == "出生日期为1943年6月30日，满81周岁的次月是2024年7月，该月尚未到龄"
    _, persons, _ = await answers(new=folder(OLDER), with_persons=True, reveal=True)
    assert persons[0].id_number == "full"


async def test_people_are_read_chunk_by_chunk_with_the_same_outcome(
    answers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await answers(new=folder(OLDER, NO_SERVICE), with_persons=True)
    monkeypatch.setattr(policy_diff, "CHUNK", 1)
    pieces = await answers(new=folder(OLDER, NO_SERVICE), with_persons=True)
    assert pieces[:2] == whole[:2]
    assert [done for done, _ in pieces[2]] == [1, 2, 3, 4, 4]


async def test_nothing_is_written_by_comparing(answers: Any, office: Any) -> None:
    before = await office.fetch("SELECT count(*) AS n FROM outbox")
    await answers(new=folder(OLDER), with_persons=True)
    assert await office.fetch("SELECT count(*) AS n FROM outbox") == before
    assert await office.fetch("SELECT 1 AS n FROM payment_lines") == []


async def test_files_with_a_fault_are_not_compared_and_the_first_fault_is_named(answers: Any) -> None:
    with pytest.raises(TuoqiError) as refused:
        await answers(new=folder(("monthly_yuan: 50 }", "monthly_yuan: 5.5 }")))
    assert refused.value.slug == "payments.policy_files"
    assert "payments/programmes.yaml 第 " in str(refused.value)


async def test_files_are_checked_and_described_without_being_switched_on(answers: Any) -> None:
    service = answers.service
    running = await service.CheckPolicy(pb.CheckPolicyRequest(), None)
    assert (running.county, list(running.faults)) == ("990101", [])
    raised = await service.CheckPolicy(pb.CheckPolicyRequest(files=folder(OLDER)), None)
    youngest = raised.programmes[0].versions[0].amounts[0]
    assert (youngest.who, youngest.monthly_fen) == ("81–89 周岁", 6_500)
    spoilt = await service.CheckPolicy(pb.CheckPolicyRequest(files=folder(("from_age: 80,", "from_ag: 80,"))), None)
    assert {(one.file, one.place.rpartition(".")[2]) for one in spoilt.faults} == {
        ("payments/programmes.yaml", "from_ag"),
        ("payments/programmes.yaml", "from_age"),
    }
    assert not spoilt.programmes
