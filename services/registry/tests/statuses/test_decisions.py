"""Decisions one by one, hearings, and what was known when, on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.registry.v1 import status_pb2
from tuoqi.contracts.registry.v1 import status_service_pb2 as pb
from tuoqi.kit.commands import Commander
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.rights import Actor, acting
from tuoqi.registry.domain.errors import REFUSALS
from tuoqi.registry.rpc.statuses import StatusServicer

pytestmark = pytest.mark.postgres
register_errors(REFUSALS)
Row = dict[str, str]
CLERK = Actor(user="clerk.li", purpose="复核", rights=frozenset({"reveal"}))
DIBAO = {"category": "低保", "decided_on": "2026-01-05", "amount": "780", "decision_no": "民〔2026〕1号"}


@pytest.fixture
def statuses(office: Any) -> StatusServicer:
    commander = Commander({}, office.database, office.desk.origin, lambda: None)
    return StatusServicer(office.database, office.desk, commander)


def at(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment.astimezone(UTC))
    return stamp


async def person_of(office: Any, row: Row) -> str:
    await office.load("persons", row)
    (found,) = await office.fetch("SELECT person_id FROM persons ORDER BY known_at DESC, person_id DESC LIMIT 1")
    return str(found.person_id)


def decision(person_id: str, action: str, interval_id: str = "", **content: Any) -> pb.RecordDecisionRequest:
    days = {key: content.pop(key) for key in ("applied_on", "decided_on", "ended_on", "valid_until") if key in content}
    paper = pb.DecisionPaper(particulars=pb.Particulars(**content), **days)
    return pb.RecordDecisionRequest(person_id=person_id, action=action, interval_id=interval_id, decision=paper)


async def open_dibao(statuses: StatusServicer, person_id: str) -> str:
    request = decision(
        person_id,
        "OPEN",
        category="低保",
        amount_fen=78_000,
        reason="本人申请",
        decided_on="2026-01-05",
        decider="县民政局",
    )
    return (await statuses.RecordDecision(request, None)).interval_id


async def test_a_decision_opens_changes_and_ends_as_a_file_would(
    office: Any, statuses: StatusServicer, old: Row
) -> None:
    person_id = await person_of(office, old)
    with acting(CLERK):
        first = await open_dibao(statuses, person_id)
        request = decision(person_id, "CHANGE", first, amount_fen=90_000, reason="reassessed", decided_on="2026-06-01")
        raised = await statuses.RecordDecision(request, None)
        request = decision(person_id, "END", raised.interval_id, reason="死亡", ended_on="2026-11-20")
        await statuses.RecordDecision(request, None)
    said = await office.said(status_pb2.PersonStatusChanged)
    assert [one.version for one in said] == [1, 2, 3]
    last = {one.decided_on: one for one in said[-1].message.intervals}
    assert (last["2026-01-05"].amount_fen, last["2026-01-05"].ended_on) == (78_000, "")
    assert (last["2026-06-01"].amount_fen, last["2026-06-01"].ended_on) == (90_000, "2026-11-20")


async def test_a_cut_waits_for_a_hearing_and_uses_it_up(office: Any, statuses: StatusServicer, old: Row) -> None:
    person_id = await person_of(office, old)
    with acting(CLERK):
        interval_id = await open_dibao(statuses, person_id)
        end = decision(person_id, "END", interval_id, reason="income_over", ended_on="2026-11-22")
        with pytest.raises(TuoqiError, match=r"status\.hearing_missing"):
            await statuses.RecordDecision(end, None)
        hearing = pb.RecordHearingRequest(person_id=person_id, interval_id=interval_id, said="孩子已工作")
        heard = await statuses.RecordHearing(hearing, None)
        lower = decision(person_id, "CHANGE", interval_id, amount_fen=50_000, reason="income_over")
        done = await statuses.RecordDecision(lower, None)
        with pytest.raises(TuoqiError, match=r"status\.hearing_missing"):
            await statuses.RecordDecision(decision(person_id, "END", done.interval_id, reason="income_over"), None)
        history = await statuses.ListHistory(pb.ListHistoryRequest(person_id=person_id, reveal=True), None)
    cut = history.rows[-1]
    assert (cut.decision.hearing_id, cut.decision.said, cut.loaded_by) == (heard.hearing_id, "孩子已工作", "clerk.li")
    (sealed,) = await office.fetch("SELECT private FROM status_hearings")
    assert "孩子".encode() not in bytes(sealed.private)


async def test_a_lower_sum_opened_beside_the_running_one_is_a_cut_too(
    office: Any, statuses: StatusServicer, old: Row
) -> None:
    person_id = await person_of(office, old)
    with acting(CLERK):
        await open_dibao(statuses, person_id)
        sly = decision(person_id, "OPEN", category="dibao", amount_fen=100, reason="applied", decided_on="2026-11-01")
        with pytest.raises(TuoqiError, match=r"status\.hearing_missing"):
            await statuses.RecordDecision(sly, None)


@pytest.mark.parametrize("reason", ["died", "imprisoned", "voluntary"])
async def test_nobody_is_heard_about_death_prison_or_his_own_wish(
    office: Any, statuses: StatusServicer, old: Row, reason: str
) -> None:
    person_id = await person_of(office, old)
    with acting(CLERK):
        interval_id = await open_dibao(statuses, person_id)
        done = await statuses.RecordDecision(decision(person_id, "END", interval_id, reason=reason), None)
    assert (done.interval_id, done.posting_days) == (interval_id, 7)


@pytest.mark.parametrize(
    ("content", "slug"),
    [
        ({"category": "富裕", "reason": "applied"}, "category_unknown"),
        ({"category": "orphan_type_c", "reason": "applied"}, "category_sealed"),
        ({"category": "dibao", "reason": "died", "amount_fen": 1}, "reason_unknown"),
        ({"category": "dibao", "reason": "applied"}, "row_flawed"),
        ({"category": "dibao", "reason": "applied", "amount_fen": 1, "decided_on": "2027-01-01"}, "row_flawed"),
    ],
)
async def test_a_decision_that_says_nothing_sound_is_refused_whole(
    office: Any, statuses: StatusServicer, old: Row, content: dict[str, Any], slug: str
) -> None:
    person_id = await person_of(office, old)
    with acting(CLERK), pytest.raises(TuoqiError, match=rf"status\.{slug}"):
        await statuses.RecordDecision(decision(person_id, "OPEN", **content), None)
    assert await office.fetch("SELECT 1 FROM person_statuses UNION ALL SELECT 1 FROM status_decisions") == []


async def test_who_saw_an_older_state_decides_again(office: Any, statuses: StatusServicer, old: Row) -> None:
    person_id = await person_of(office, old)
    with acting(CLERK):
        interval_id = await open_dibao(statuses, person_id)
        end = decision(person_id, "END", interval_id, reason="voluntary")
        end.seen_version = 9
        with pytest.raises(TuoqiError, match=r"status\.changed_meanwhile"):
            await statuses.RecordDecision(end, None)


async def test_nobody_decides_or_reads_outside_his_regions(office: Any, statuses: StatusServicer, old: Row) -> None:
    person_id = await person_of(office, old)
    elsewhere = Actor(user="clerk.feng", regions=("990101999",))
    with acting(elsewhere):
        for call in (
            statuses.RecordDecision(decision(person_id, "OPEN", category="dibao", reason="applied"), None),
            statuses.RecordHearing(pb.RecordHearingRequest(person_id=person_id, interval_id="x", said="x"), None),
            statuses.ListStatuses(pb.ListStatusesRequest(person_id=person_id), None),
            statuses.ListHistory(pb.ListHistoryRequest(person_id=person_id), None),
        ):
            with pytest.raises(TuoqiError, match=r"registry\.person_unknown"):
                await call
        request = pb.GetSnapshotRequest(person_ids=[person_id], known_at=at(office.clock.now()))
        (nobody,) = (await statuses.GetSnapshot(request, None)).persons
    assert not nobody.HasField("facts")


async def test_both_axes_of_time_are_asked_apart(office: Any, statuses: StatusServicer, old: Row) -> None:
    person_id = await person_of(office, old)
    number = {"id_number": old["id_number"]}
    await office.load("statuses", {**number, **DIBAO})
    before = office.clock.now()
    office.clock.move_to(before + timedelta(days=10))
    await office.load("statuses", {**number, **DIBAO, "ended_on": "2026-06-30"})
    office.clock.move_to(before + timedelta(days=20))

    async def dibao_on(day: str, known: datetime) -> list[tuple[bool, str]]:
        request = pb.ListStatusesRequest(person_id=person_id, true_on=day, known_at=at(known))
        found = await statuses.ListStatuses(request, None)
        return [(one.in_force, one.interval.ended_on) for one in found.intervals]

    with acting(CLERK):
        assert await dibao_on("2026-08-01", before) == [(True, "")]
        assert await dibao_on("2026-08-01", office.clock.now()) == [(False, "2026-06-30")]
        assert await dibao_on("2026-06-30", office.clock.now()) == [(True, "2026-06-30")]
        assert await dibao_on("2026-01-04", before) == [(False, "")]
        assert await dibao_on("2026-08-01", before - timedelta(seconds=1)) == []
        history = await statuses.ListHistory(pb.ListHistoryRequest(person_id=person_id), None)
    assert [(one.interval.ended_on, one.HasField("superseded_at")) for one in history.rows] == [
        ("", True),
        ("2026-06-30", False),
    ]
    assert {one.decision_no for one in history.rows} == {""}


async def test_a_snapshot_is_the_same_whenever_it_is_taken(
    office: Any, statuses: StatusServicer, old: Row, child: Row
) -> None:
    await office.load("persons", old, child)
    ids = [row.person_id for row in await office.fetch("SELECT person_id FROM persons ORDER BY birth_date")]
    await office.load("statuses", {"id_number": old["id_number"], **DIBAO})
    moment = office.clock.now()
    request = pb.GetSnapshotRequest(person_ids=[*ids, "nobody"], known_at=at(moment))
    with acting(CLERK):
        first = await statuses.GetSnapshot(request, None)
        office.clock.move_to(moment + timedelta(hours=1))
        await office.load("statuses", {"id_number": old["id_number"], **DIBAO, "amount": "800"})
        await office.load("persons", {"id_number": child["id_number"], "residence_region": "990101101203"})
        again = await statuses.GetSnapshot(request, None)
        now = await statuses.GetSnapshot(
            pb.GetSnapshotRequest(person_ids=ids, known_at=at(office.clock.now()), with_names=True), None
        )
        later = at(office.clock.now() + timedelta(days=1))
        with pytest.raises(TuoqiError, match="moment_in_future"):
            await statuses.GetSnapshot(pb.GetSnapshotRequest(person_ids=ids, known_at=later), None)
    assert again == first
    assert [one.name for one in now.persons] == [old["name"], child["name"]]
    assert [one.content_hash == other.content_hash for one, other in zip(first.persons, now.persons, strict=False)] == [
        False,
        False,
    ]
    with acting(Actor(user="finance.qian", rights=frozenset())), pytest.raises(TuoqiError, match="purpose"):
        await statuses.GetSnapshot(request, None)


async def test_a_cut_by_file_is_taken_and_the_missing_hearing_is_said(
    office: Any, statuses: StatusServicer, old: Row
) -> None:
    person_id = await person_of(office, old)
    number = {"id_number": old["id_number"]}
    with acting(CLERK):
        interval_id = await open_dibao(statuses, person_id)
    cut = {**number, **DIBAO, "amount": "700"}
    done = await office.load("statuses", cut)
    assert (done.changed, len(office.refused(done))) == (1, 0)
    assert ["听取本人意见" in problem.reason for problem in done.problems] == [True]
    with acting(CLERK):
        hearing = pb.RecordHearingRequest(person_id=person_id, interval_id=interval_id, said="知道了")
        await statuses.RecordHearing(hearing, None)
    assert (await office.load("statuses", {**cut, "amount": "600"})).problems == []
    ended = {**cut, "ended_on": "2026-11-01"}
    assert (await office.load("statuses", {**ended, "end_reason": "服刑在押"})).problems == []


async def test_a_sealed_interval_is_decided_on_like_any_other_and_stays_sealed(
    office: Any, statuses: StatusServicer, child: Row
) -> None:
    person_id = await person_of(office, child)
    row = {"id_number": child["id_number"], "category": "orphan_type_c", "decided_on": "2026-02-01"}
    await office.load("statuses", row)
    (found,) = await office.fetch("SELECT interval_id FROM person_statuses")
    with acting(CLERK):
        end = decision(person_id, "END", found.interval_id, reason="adopted", ended_on="2026-10-01")
        await statuses.RecordDecision(end, None)
        shown = await statuses.ListHistory(pb.ListHistoryRequest(person_id=person_id, reveal=True), None)
    assert {one.interval.category for one in shown.rows} == {"orphan"}
    assert "orphan_type_c" not in str(shown)
    again = await office.load("statuses", {**row, "ended_on": "2026-10-01", "end_reason": "被收养"})
    assert (again.changed, again.unchanged) == (0, 1)


async def test_the_categories_say_what_a_console_needs(statuses: StatusServicer) -> None:
    found = {one.key: one for one in (await statuses.ListCategories(pb.ListCategoriesRequest(), None)).categories}
    assert "orphan_type_c" not in found
    assert (found["tekun"].hearing, found["tekun"].posting_days) == (True, 7)
    assert (found["orphan"].hearing, found["orphan"].posting_days) == (False, 0)
    assert found["dibao"].ending_reasons["income_over"] == "收入超出标准"
