"""What the registry answers about change requests and comparison lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.registry.v1 import change_service_pb2 as pb
from tuoqi.contracts.registry.v1 import comparison_service_pb2 as lists
from tuoqi.kit.commands import Commander
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting
from tuoqi.registry.jobs.changes import ChangeDesk
from tuoqi.registry.jobs.comparison import ComparisonDesk
from tuoqi.registry.rpc.changes import ChangeServicer
from tuoqi.registry.rpc.comparison import ComparisonServicer

pytestmark = pytest.mark.postgres
Row = dict[str, str]
CHECKER = Actor(user="reviewer.zhao", purpose="复核", rights=frozenset({"reveal"}))
DIBAO = {"category": "dibao", "decided_on": "2026-01-05", "applied_on": "2026-01-02", "amount": "500"}


@pytest.fixture
def servicer(office: Any) -> ChangeServicer:
    commander = Commander({}, office.database, office.desk.origin, lambda: None)
    return ChangeServicer(
        office.database, office.desk, ChangeDesk(office.desk, commander, list(office.importers.values()))
    )


@pytest.fixture
def comparison(office: Any) -> ComparisonServicer:
    commander = Commander({}, office.database, office.desk.origin, lambda: None)
    taking = list(office.importers.values())
    desk = ComparisonDesk(office.desk, commander, ChangeDesk(office.desk, commander, taking))
    return ComparisonServicer(office.database, office.desk, desk, taking)


@pytest.fixture(autouse=True)
def clerk() -> Iterator[None]:
    with acting(Actor(user="clerk.li", purpose="每月比对", rights=frozenset({"change.make"}))):
        yield


def rows_request(kind: str, row: Row, **more: Any) -> pb.DraftChangeRequest:
    rows = [table_pb2.TableRow(number=2, cells=list(row.values()))]
    return pb.DraftChangeRequest(kind=kind, columns=list(row), rows=rows, **more)


async def approve(servicer: ChangeServicer, change_id: str) -> pb.Change:
    [_ async for _ in servicer.SubmitChange(pb.SubmitChangeRequest(change_id=change_id), None)]
    with acting(CHECKER):
        request = pb.ApproveChangeRequest(change_id=change_id)
        return [answer.change async for answer in servicer.ApproveChange(request, None)][-1]


async def test_a_checker_reads_rows_masked_and_in_full_only_with_right_and_purpose(
    office: Any, servicer: ChangeServicer, old: Row
) -> None:
    await office.load("persons", old)
    wanted = {"id_number": old["id_number"], "name": "古丽·改", "residence_region": "990101101203"}
    drafted = await servicer.DraftChange(rows_request("persons", wanted, note="更名"), None)
    asked = pb.ListChangeRowsRequest(change_id=drafted.change.change_id)
    (row,) = (await servicer.ListChangeRows(asked, None)).rows
    assert {cell.column: (cell.seen, cell.wanted) for cell in row.cells} == {
        "name": ("古****", "古***"),
        "residence_region": (old["residence_region"], "990101101203"),
    }
    asked.reveal = True
    with pytest.raises(TuoqiError, match="no_right"):
        await servicer.ListChangeRows(asked, None)
    with acting(CHECKER):
        (row,) = (await servicer.ListChangeRows(asked, None)).rows
        assert {cell.column: cell.wanted for cell in row.cells}["name"] == "古丽·改"
        got = await servicer.GetChange(pb.GetChangeRequest(change_id=drafted.change.change_id, with_note=True), None)
        assert (got.note, got.change.state) == ("更名", "DRAFT")


async def test_rows_about_a_child_need_a_purpose(office: Any, servicer: ChangeServicer, child: Row) -> None:
    await office.load("persons", child)
    row = {"id_number": child["id_number"], "residence_region": "990101101203"}
    drafted = await servicer.DraftChange(rows_request("persons", row), None)
    asked = pb.ListChangeRowsRequest(change_id=drafted.change.change_id)
    assert len((await servicer.ListChangeRows(asked, None)).rows) == 1
    with acting(Actor(user="clerk.li")), pytest.raises(TuoqiError, match="no_purpose"):
        await servicer.ListChangeRows(asked, None)


async def test_a_whole_village_moves_by_one_request_and_back_by_another(office: Any, servicer: ChangeServicer) -> None:
    people = [
        {"temp_id": f"T{n}", "name": f"测{n}", "sex": "F", "birth_date": "1950-01-01",
         "hukou_region": "990101101201", "residence_region": f"99010110120{1 + n % 2}"}
        for n in range(600)
    ]  # fmt: skip
    await office.load("persons", *people)
    request = pb.DraftChangeRequest(
        kind="persons",
        selection=pb.Selection(region="990101101201"),
        set={"residence_region": "990101101203"},
        dry_run=True,
    )
    counted = await servicer.DraftChange(request, None)
    assert (counted.rows_changed, counted.rows_rejected, counted.HasField("change")) == (300, 0, False)
    request.dry_run = False
    drafted = await servicer.DraftChange(request, None)
    done = await approve(servicer, drafted.change.change_id)
    assert (done.state, done.rows_changed) == ("APPROVED", 300)
    count = "SELECT residence_region AS region, count(*) AS n FROM persons GROUP BY 1 ORDER BY 1"
    assert [tuple(row) for row in await office.fetch(count)] == [("990101101202", 300), ("990101101203", 300)]
    undo = await servicer.UndoChange(pb.UndoChangeRequest(change_id=done.change_id), None)
    with acting(CHECKER):
        asked = pb.ApproveChangeRequest(change_id=undo.change.change_id)
        undone = [answer.change async for answer in servicer.ApproveChange(asked, None)][-1]
    assert undone.rows_changed == 300
    assert [tuple(row) for row in await office.fetch(count)] == [("990101101201", 300), ("990101101202", 300)]


async def test_a_category_ends_for_all_who_are_in_it(
    office: Any, servicer: ChangeServicer, old: Row, child: Row
) -> None:
    await office.load("persons", old, child)
    await office.load("statuses", {"id_number": old["id_number"], **DIBAO, "decision_no": "民字1号"})
    await office.load("statuses", {"id_number": child["id_number"], **DIBAO, "ended_on": "2026-05-31"})
    request = pb.DraftChangeRequest(
        kind="statuses",
        selection=pb.Selection(category="dibao"),
        set={"ended_on": "2026-11-30", "end_reason": "income_over"},
    )
    drafted = await servicer.DraftChange(request, None)
    assert drafted.change.rows_total == 1
    assert (await approve(servicer, drafted.change.change_id)).rows_changed == 1
    ends = await office.fetch("SELECT ended_on, amount_fen FROM person_statuses ORDER BY ended_on")
    assert [(str(row.ended_on), row.amount_fen) for row in ends] == [("2026-05-31", 50_000), ("2026-11-30", 50_000)]
    for unfit in (
        pb.DraftChangeRequest(kind="persons", set={"note": "x"}, selection=pb.Selection()),
        pb.DraftChangeRequest(kind="statuses", set={"ended_on": "x"}, selection=pb.Selection(region="990101")),
    ):
        with pytest.raises(TuoqiError, match="selection_unfit"):
            await servicer.DraftChange(unfit, None)


async def test_requests_are_listed_newest_first_in_pages_and_only_to_those_who_may_act_there(
    office: Any, servicer: ChangeServicer, old: Row
) -> None:
    await office.load("persons", old)
    made = []
    for village in ("990101101201", "990101101203", "990101101204"):
        row = {"id_number": old["id_number"], "residence_region": village}
        made.append((await servicer.DraftChange(rows_request("persons", row), None)).change.change_id)
        office.clock.move_to(office.clock.now().replace(minute=len(made)))
    first = await servicer.ListChanges(pb.ListChangesRequest(page_size=2), None)
    rest = await servicer.ListChanges(pb.ListChangesRequest(page_size=2, page_token=first.next_page_token), None)
    assert [one.change_id for one in (*first.changes, *rest.changes)] == made[::-1]
    with acting(Actor(user="x", regions=("990101102",))):
        assert not (await servicer.ListChanges(pb.ListChangesRequest(), None)).changes
        with pytest.raises(TuoqiError, match=r"change\.unknown"):
            await servicer.GetChange(pb.GetChangeRequest(change_id=made[0]), None)
    with pytest.raises(TuoqiError, match="page_unknown"):
        await servicer.ListChanges(pb.ListChangesRequest(page_token="x"), None)


async def test_the_sealed_category_is_shown_as_what_it_is_kept_as(
    office: Any, servicer: ChangeServicer, child: Row
) -> None:
    await office.load("persons", child)
    row = {"id_number": child["id_number"], "category": "丙类", "decided_on": "2026-01-01"}
    drafted = await servicer.DraftChange(rows_request("statuses", row), None)
    answer = await servicer.ListChangeRows(pb.ListChangeRowsRequest(change_id=drafted.change.change_id), None)
    assert {cell.column: cell.wanted for cell in answer.rows[0].cells}["category"] == "orphan"


async def test_a_preview_says_what_the_report_of_the_loaded_list_says(
    office: Any, comparison: ComparisonServicer, old: Row, child: Row
) -> None:
    await office.load("persons", old, child)
    await office.load("statuses", {"id_number": old["id_number"], **DIBAO})
    row = {"id_number": old["id_number"], "death_date": "2026-11-01"}
    rows = [
        table_pb2.TableRow(number=2, cells=list(row.values())),
        table_pb2.TableRow(number=3, cells=["990101194611220029", "2026-11-01"]),
    ]
    asked = lists.PreviewComparisonRequest(list="deaths", columns=list(row), rows=rows)
    preview = await comparison.PreviewComparison(asked, None)
    assert [one.row_number for one in preview.problems] == [3]
    assert await office.fetch("SELECT finding_id FROM list_findings") == []
    (alive,) = await office.fetch("SELECT died_on FROM persons WHERE birth_date < '2000-01-01'")
    assert alive.died_on is None
    await office.load("deaths", row)
    report = await comparison.ReportComparison(lists.ReportComparisonRequest(list="deaths"), None)
    (loaded,), (looked,) = report.findings, preview.findings
    loaded.finding_id = ""
    assert loaded == looked
    assert [effect.rule for effect in loaded.effects] == ["death_stops", "guardian_gone", "head_gone"]
    (town,) = report.list.towns
    assert (town.town, town.rows, town.rows_new, town.rows_open) == ("990101101", 1, 1, 1)
    with acting(Actor(user="x", purpose="比对", regions=("990101102",))):
        elsewhere = await comparison.ReportComparison(lists.ReportComparisonRequest(list="deaths"), None)
        assert (len(elsewhere.findings), elsewhere.list.rows) == (0, 0)
    with acting(Actor(user="clerk.li")), pytest.raises(TuoqiError, match="no_purpose"):
        await comparison.ReportComparison(lists.ReportComparisonRequest(list="deaths"), None)
    with pytest.raises(TuoqiError, match="list_unknown"):
        await comparison.ReportComparison(lists.ReportComparisonRequest(list="moves"), None)


async def test_a_death_by_a_change_request_is_no_list(
    office: Any, servicer: ChangeServicer, comparison: ComparisonServicer, old: Row
) -> None:
    await office.load("persons", old)
    row = {"id_number": old["id_number"], "death_date": "2026-11-01"}
    drafted = await servicer.DraftChange(rows_request("deaths", row), None)
    assert (await approve(servicer, drafted.change.change_id)).state == "APPROVED"
    (noted,) = await office.fetch("SELECT kind, outcome FROM list_findings")
    assert tuple(noted) == ("death", "NEW")
    assert not (await comparison.ListComparisons(lists.ListComparisonsRequest(), None)).lists


async def test_a_decision_is_answered_with_what_it_drafted(
    office: Any, comparison: ComparisonServicer, old: Row
) -> None:
    await office.load("persons", old)
    await office.load("statuses", {"id_number": old["id_number"], **DIBAO})
    await office.load("comparison", {"id_number": old["id_number"], "kind": "prison", "date": "2026-10-01"})
    listed = await comparison.ListComparisons(lists.ListComparisonsRequest(), None)
    assert [(one.list, one.rows_open) for one in listed.lists] == [("comparison", 1)]
    report = await comparison.ReportComparison(lists.ReportComparisonRequest(list="comparison"), None)
    decided = await comparison.DecideFinding(
        lists.DecideFindingRequest(finding_id=report.findings[0].finding_id, accept=True), None
    )
    assert (decided.finding.state, len(decided.finding.change_ids)) == ("ACCEPTED", 1)
