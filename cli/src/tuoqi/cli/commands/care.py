"""`tuoqi care`: who answers for a child, and what assessments came to."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By, Purpose, moment_from
from tuoqi.cli.output import emit, plain, say, show_rows, shown
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import Whom, person_id_of
from tuoqi.contracts.registry.v1 import care_service_pb2 as pb
from tuoqi.contracts.registry.v1.care_service_pb2_grpc import CareServiceStub
from tuoqi.kit.stamps import stamp_of

app = typer.Typer(help="Guardians and assessments 监护、评估.")


@app.callback()
def care() -> None:
    """Who answers for a child, and what assessments came to."""


@app.command(epilog="Example: tuoqi care guardians LS2026000001 --purpose 走访 --by clerk.li")
def guardians(
    whom: Whom,
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="Only those that hold on this day.")] = "",
    known_at: Annotated[
        str, typer.Option("--known-at", metavar="MOMENT", help="As it was known then: YYYY-MM-DD HH:MM.")
    ] = "",
    reveal: Annotated[bool, typer.Option("--reveal", help="Numbers in full; needs the right to it.")] = False,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """List a child's guardians 监护人, the earliest first."""
    request = pb.ListGuardianshipsRequest(on=on, reveal=reveal)
    if known_at:
        request.known_at.CopyFrom(stamp_of(moment_from(known_at)))

    async def ask(platform: Platform) -> list[pb.GuardianshipRecord]:
        request.person_id = await person_id_of(platform, whom)
        stub: Any = platform.stub(CareServiceStub, "registry")
        answer: pb.ListGuardianshipsResponse = await stub.ListGuardianships(request)
        return list(answer.guardianships)

    found = call(ask, by, purpose)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (
            one.kind_name,
            one.guardian_name,
            one.guardian_id_number,
            one.relation,
            one.began_on,
            one.ended_on,
            one.signed_on,
        )
        for one in found
    ]
    show_rows(("类型", "监护人", "证件号码", "关系", "起", "止", "确认书"), rows)
    if not found:
        say("没有登记监护人")


@app.command(epilog="Example: tuoqi care assessments LS2026000001 --purpose 走访 --by clerk.li")
def assessments(
    whom: Whom,
    scale: Annotated[str, typer.Option("--scale", help="Only this scale, like GBT42195.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """List a person's assessments 评估 with their answers, in the order of their loading."""

    async def ask(platform: Platform) -> list[pb.AssessmentRecord]:
        person_id = await person_id_of(platform, whom)
        stub: Any = platform.stub(CareServiceStub, "registry")
        request = pb.ListAssessmentsRequest(person_id=person_id, scale=scale)
        answer: pb.ListAssessmentsResponse = await stub.ListAssessments(request)
        return list(answer.assessments)

    found = call(ask, by, purpose)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (one.scale_name, one.assessed_on, one.score, one.level, one.level_written, one.assessors, shown(one.known_at))
        for one in found
    ]
    show_rows(("量表", "日期", "总分", "等级", "评估人所写等级", "评估人", "录入"), rows, right=("总分",))
    if not found:
        say("没有评估")
