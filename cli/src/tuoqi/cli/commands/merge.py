"""`tuoqi merge`: two files of one person made one, and made two again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from tuoqi.cli.options import AsJson, By, Purpose
from tuoqi.cli.output import emit, plain, say, show_rows
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import person_id_of
from tuoqi.contracts.registry.v1 import merge_service_pb2 as pb
from tuoqi.contracts.registry.v1.merge_service_pb2_grpc import MergeServiceStub

app = typer.Typer()
UNDO: Final = "undo"
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept sealed.")]


@app.command(epilog="Example: tuoqi merge 990101193607010016 T-0009 --dry-run --by clerk.li; tuoqi merge undo T-0009")
def merge(
    person: Annotated[str, typer.Argument(metavar="A|undo", help="Whose own file stays, or the word undo.")],
    file: Annotated[str, typer.Argument(metavar="B", help="The file that becomes A's second one, or is no more.")],
    reason: Reason = "",
    although: Annotated[
        str, typer.Option("--although", metavar="TEXT", help="Merge though sex or birth date differ: why.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, show what would be told.")] = False,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Merge two files of one person 并档, or take that back: `tuoqi merge undo B`. Files stay apart in the register.

    Each of A and B is a person id, an identity number or a temporary id.
    """

    async def act(platform: Platform) -> Sequence[pb.ToldEvent]:
        stub: Any = platform.stub(MergeServiceStub, "registry")
        file_id = await person_id_of(platform, file)
        why = pb.MergeReason(text=although or reason, although=bool(although))
        if person == UNDO:
            request = pb.UnmergePersonRequest(file_id=file_id, reason=why, dry_run=dry_run)
            return list((await stub.UnmergePerson(request)).events)
        person_id = await person_id_of(platform, person)
        wanted = pb.MergePersonsRequest(person_id=person_id, file_id=file_id, reason=why, dry_run=dry_run)
        return list((await stub.MergePersons(wanted)).events)

    show_told(call(act, by, purpose), as_json=as_json)
    if dry_run:
        say("试运行：没有改动任何档案。")


def show_told(events: Sequence[pb.ToldEvent], *, as_json: bool) -> None:
    """What an act told, or would tell."""
    if as_json:
        for one in events:
            emit(plain(one))
        return
    show_rows(("主题", "事件", "编号", "版本", "内容"), [(e.topic, e.type, e.key, e.version, e.json) for e in events])
