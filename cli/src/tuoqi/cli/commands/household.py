"""`tuoqi household`: who is counted together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from tuoqi.cli.options import AsJson, By, Purpose, moment_from
from tuoqi.cli.output import emit, plain, say, show_rows, shown
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import Whom, person_id_of
from tuoqi.contracts.registry.v1 import household_service_pb2 as pb
from tuoqi.contracts.registry.v1.household_service_pb2_grpc import HouseholdServiceStub
from tuoqi.kit.stamps import stamp_of

app = typer.Typer(help="Who is counted together.")
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Home = Annotated[str, typer.Argument(metavar="HOUSEHOLD", help="A household's number 户编号 or id.")]
Persons = Annotated[list[str], typer.Argument(metavar="PERSON…", help="Person ids, identity or temporary numbers.")]


@app.callback()
def household() -> None:
    """Who is counted together."""


@app.command(epilog="Example: tuoqi household show H000001 --as-of '2026-11-05 09:00' --by clerk.li --purpose 核对")
def show(
    home: Annotated[str, typer.Argument(metavar="HOUSEHOLD", help="A household's number 户编号 or id.")] = "",
    person: Annotated[str, typer.Option("--person", help="The household of this person instead.")] = "",
    as_of: Annotated[str, typer.Option("--as-of", metavar="MOMENT", help="Members as known at this moment.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Show a household 户 and its members."""

    async def ask(platform: Platform) -> Sequence[pb.Household]:
        stub: Any = platform.stub(HouseholdServiceStub, "registry")
        name = named(home) if home else pb.HouseholdName(person_id=await person_id_of(platform, person))
        known_at = stamp_of(moment_from(as_of)) if as_of else None
        return [(await stub.GetHousehold(pb.GetHouseholdRequest(household=name, known_at=known_at))).household]

    show_homes(call(ask, by, purpose), as_json=as_json)


@app.command(epilog="Example: tuoqi household split T-0009 T-0010 --new H900001 --head T-0009 --by clerk.li")
def split(
    persons: Persons,
    new: Annotated[str, typer.Option("--new", metavar="NUMBER", help="The new household's number 户编号.")],
    head: Annotated[str, typer.Option("--head", metavar="PERSON", help="Its head, one of those who leave.")],
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Let members of one household leave to a new one 分户."""

    async def act(platform: Platform) -> Sequence[pb.Household]:
        stub: Any = platform.stub(HouseholdServiceStub, "registry")
        ids = [await person_id_of(platform, one) for one in persons]
        into = pb.NewHousehold(household_no=new, head_person_id=await person_id_of(platform, head))
        answer: pb.SplitHouseholdResponse = await stub.SplitHousehold(
            pb.SplitHouseholdRequest(person_ids=ids, into=into)
        )
        return [answer.old, answer.new]

    show_homes(call(act, by, purpose), as_json=as_json)


@app.command(epilog="Example: tuoqi household move T-0009 --to H000002 --relation 孙女 --by clerk.li")
def move(
    persons: Annotated[
        list[str] | None, typer.Argument(metavar="[PERSON…]", help="Who moves; left out: all of --from.")
    ] = None,
    to: Annotated[str, typer.Option("--to", metavar="HOUSEHOLD", help="Number or id of where they go.")] = "",
    source: Annotated[str, typer.Option("--from", metavar="HOUSEHOLD", help="Move all members of this one 并户.")] = "",
    relation: Annotated[str, typer.Option("--relation", help="What each is to the head there 与户主关系.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Let people come into a household that is there 迁入本户, or a whole household 并户."""

    async def act(platform: Platform) -> Sequence[pb.Household]:
        stub: Any = platform.stub(HouseholdServiceStub, "registry")
        ids = [await person_id_of(platform, one) for one in persons or ()]
        request = pb.MoveMembersRequest(person_ids=ids, to=named(to), relation_to_head=relation)
        if source:
            getattr(request, "from").CopyFrom(named(source))
        answer: pb.MoveMembersResponse = await stub.MoveMembers(request)
        return list(answer.households)

    show_homes(call(act, by, purpose), as_json=as_json)


@app.command(epilog="Example: tuoqi household head T-0009 --old-head-is 父亲 --by clerk.li")
def head(
    person: Whom,
    old_head_is: Annotated[str, typer.Option("--old-head-is", help="What the old head is to the new one.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Make a member the head 变更户主; the others' relations are to be told anew."""

    async def act(platform: Platform) -> Sequence[pb.Household]:
        stub: Any = platform.stub(HouseholdServiceStub, "registry")
        person_id = await person_id_of(platform, person)
        request = pb.ChangeHeadRequest(person_id=person_id, relation_of_old_head=old_head_is)
        return [(await stub.ChangeHead(request)).household]

    show_homes(call(act, by, purpose), as_json=as_json)


def named(text: str) -> pb.HouseholdName:
    """A household as somebody types it."""
    return pb.HouseholdName(household_id=text) if _ID.fullmatch(text) else pb.HouseholdName(household_no=text)


def show_homes(homes: Sequence[pb.Household], *, as_json: bool) -> None:
    """Households with their members."""
    if as_json:
        for home in homes:
            emit(plain(home))
        return
    columns = ("户编号", "人员编号", "姓名", "与户主关系", "出生日期", "自", "并入")
    show_rows(columns, [
        (home.household_no, one.person_id, one.name, one.relation_to_head, one.birth_date, shown(one.since),
         one.merged_into)
        for home in homes
        for one in home.members
    ])  # fmt: skip
    say("；".join(f"{home.household_no or home.household_id}：{len(home.members)} 人" for home in homes))
