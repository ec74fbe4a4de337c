"""Who is said by visits to have moved or died is checked by a clerk; on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import visit_report_service_pb2 as pb
from tuoqi.contracts.visits.v1 import finding_pb2, record_pb2
from tuoqi.kit.commands import Commander
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.projection import write
from tuoqi.kit.rights import Actor, acting
from tuoqi.kit.stamps import stamp_of
from tuoqi.registry.consumer import FINDINGS, TAKEN_BACK
from tuoqi.registry.rpc.visit_reports import VisitReportServicer

pytestmark = pytest.mark.postgres
CLERK = Actor("clerk.li", purpose="核查")
REGION = "990101001201"


@pytest.fixture
async def reported(office: Any) -> Any:
    """One elder on the register; her id."""
    row = {
        "姓名[name]": "周奶奶", "临时编号[temp_id]": "T-1", "性别[sex]": "女", "出生日期[birth_date]": "1940-01-01",
        "户籍区划[hukou_region]": REGION, "居住区划[residence_region]": REGION,
    }  # fmt: skip
    await office.load("persons", row)
    (person,) = await office.fetch("SELECT person_id FROM persons")
    return person.person_id


async def tell(office: Any, person_id: str, number: int, code: str) -> None:
    """A visit's finding arrives, twice as Kafka may bring it."""
    finding = finding_pb2.FindingReported(
        finding_id=f"00000000-0000-4000-8000-{number:012d}",
        person_id=person_id,
        visit_id=f"00000000-0000-4000-9000-{number:012d}",
        code=code,
        found_at=stamp_of(datetime(2026, 11, 19, 17, tzinfo=UTC)),
    )
    (projection,) = FINDINGS.projections
    row = projection.on[finding_pb2.FindingReported](finding, 1)
    async with office.database.begin() as tx:
        await write(tx, projection, [row, row] if row else [])


def servicer(office: Any) -> VisitReportServicer:
    """The service."""
    commander = Commander({}, office.database, office.desk.origin, lambda: None)
    return VisitReportServicer(office.database, office.desk, commander)


async def listed(office: Any, actor: Actor = CLERK) -> list[tuple[str, str, str, int]]:
    """What waits for a clerk."""
    with acting(actor):
        answer = await servicer(office).ListVisitReports(pb.ListVisitReportsRequest(), None)
    return [(one.name, one.kind_name, one.last_on, one.reports) for one in answer.reports]


async def test_a_reported_death_waits_until_it_is_recorded(office: Any, reported: str) -> None:
    """Once however often it is told, on the county's day; other findings are none of the register's business."""
    await tell(office, reported, 1, "result_died")
    await tell(office, reported, 2, "result_died")
    await tell(office, reported, 3, "gas_unsafe")
    assert await listed(office) == [("周奶奶", "死亡", "2026-11-20", 2)]
    await office.load("deaths", {"临时编号[temp_id]": "T-1", "死亡日期[death_date]": "2026-11-18"})
    assert await listed(office) == []
    await office.load("deaths", {"临时编号[temp_id]": "T-1", "死亡日期[death_date]": ""})
    assert len(await listed(office)) == 1


async def test_a_reported_move_waits_until_it_is_recorded(office: Any, reported: str) -> None:
    """A move from which she had come back before the visit is another one."""
    await tell(office, reported, 1, "result_moved")
    row = {"临时编号[temp_id]": "T-1", "迁出日期[moved_out_on]": "2026-01-05", "迁回日期[returned_on]": "2026-02-01"}
    await office.load("moves", row)
    assert len(await listed(office)) == 1
    await office.load("moves", {"临时编号[temp_id]": "T-1", "迁出日期[moved_out_on]": "2026-11-10"})
    assert await listed(office) == []


async def test_a_refuted_report_is_closed_and_a_later_one_opens_again(office: Any, reported: str) -> None:
    """By a user of the region only, with a reason that stands sealed."""
    await tell(office, reported, 1, "result_died")
    request = pb.RefuteVisitReportRequest(person_id=reported, kind="death", reason="同名不是本人")
    with acting(Actor("feng", regions=("990101002",), purpose="核查")):
        assert not (await servicer(office).ListVisitReports(pb.ListVisitReportsRequest(), None)).reports
        with pytest.raises(TuoqiError, match="finding_unknown"):
            await servicer(office).RefuteVisitReport(request, None)
    with acting(CLERK):
        assert (await servicer(office).RefuteVisitReport(request, None)).reports == 1
        with pytest.raises(TuoqiError, match="finding_unknown"):
            await servicer(office).RefuteVisitReport(request, None)
    assert await listed(office) == []
    (row,) = await office.fetch("SELECT refuted_by, private FROM visit_reports")
    assert row.refuted_by == "clerk.li"
    assert "同名".encode() not in bytes(row.private)
    await tell(office, reported, 2, "result_died")
    assert len(await listed(office)) == 1


async def test_a_record_that_was_corrected_reports_nobody(office: Any, reported: str) -> None:
    """Whichever of the two is heard first; a correction of another result is passed over."""
    wrong = record_pb2.VisitCorrected(visit_id="00000000-0000-4000-9000-000000000001", result="DIED")
    other = record_pb2.VisitCorrected(visit_id="00000000-0000-4000-9000-000000000002", result="MET")
    rows = [TAKEN_BACK.on[record_pb2.VisitCorrected](one, 1) for one in (wrong, other)]
    async with office.database.begin() as tx:
        await write(tx, TAKEN_BACK, [row for row in rows if row])
    await tell(office, reported, 1, "result_died")
    assert await listed(office) == []
    await tell(office, reported, 2, "result_died")
    assert [count for *_, count in await listed(office)] == [1]


async def test_names_are_shown_for_a_purpose_only(office: Any, reported: str) -> None:
    """A list of people without a purpose is refused."""
    await tell(office, reported, 1, "result_died")
    with pytest.raises(TuoqiError, match="no_purpose"):
        await listed(office, Actor("clerk.li"))
