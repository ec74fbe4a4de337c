"""`tuoqi pairing`: helpers for children 结对: proposals with their fairness, pairings, wishes, contacts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tuoqi.cli.commands import pairing_views as views
from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import Progress, emit, plain, say
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.transfers import export_file
from tuoqi.cli.whom import Whom, person_id_of
from tuoqi.contracts.visits.v1 import pairing_service_pb2 as pb
from tuoqi.contracts.visits.v1.pairing_service_pb2_grpc import PairingServiceStub

app = typer.Typer(help="Helpers for children 结对: propose, decide, keep.")
SetId = Annotated[str, typer.Argument(metavar="SET", help="A set, as `pairing propose` and `pairing sets` show it.")]
PairingId = Annotated[str, typer.Argument(metavar="PAIRING", help="A pairing, as `pairing list` shows it.")]
Region = Annotated[str, typer.Option("--region", metavar="CODE", help="Only this region and those below it.")]
OfKind = Annotated[str, typer.Option("--kind", metavar="CODE", help="The kind, like loving_mother.")]
HelperId = Annotated[str, typer.Option("--helper", metavar="ID", help="A helper's id.")]
Clear = Annotated[bool, typer.Option("--clear", help="Take back what was said.")]
PROPOSE_S_MAX = 600.0


@app.callback()
def pairing() -> None:
    """Helpers for children 结对: propose, decide, keep."""


@app.command(epilog="Example: tuoqi pairing propose --kind loving_mother --max-load 8 --by reviewer.zhao")
def propose(
    kind: OfKind,
    max_load: Annotated[int, typer.Option("--max-load", min=0, help="At most so many children of one helper.")] = 0,
    balance: Annotated[
        str, typer.Option("--balance", help="Loads are even within a village, township or county before nearness.")
    ] = "",
    region: Region = "",
    key: Annotated[str, typer.Option("--key", help="The same key answers the same set.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Propose a helper for every child of a kind who has none, in one run; pairings that hold are kept."""

    async def act(platform: Platform) -> pb.PairingSet:
        request = pb.ProposePairingsRequest(kind=kind, region=region, max_load=max_load, balance=balance, key=key)
        with Progress("结对方案", quiet=as_json):
            answer: pb.ProposePairingsResponse = await _stub(platform).ProposePairings(request, timeout=PROPOSE_S_MAX)
        return answer.set

    views.show_set(call(act, by), as_json=as_json)


@app.command(epilog="Example: tuoqi pairing sets --by reviewer.zhao")
def sets(kind: OfKind = "", limit: Limit = 20, by: By = "", as_json: AsJson = False) -> None:
    """List sets of proposals, the newest first."""

    async def ask(platform: Platform) -> list[pb.PairingSet]:
        async def page(size: int, token: str) -> tuple[list[pb.PairingSet], str]:
            answer: pb.ListPairingSetsResponse = await _stub(platform).ListPairingSets(
                pb.ListPairingSetsRequest(kind=kind, page_size=size, page_token=token)
            )
            return list(answer.sets), answer.next_page_token

        return await pages(page, limit)

    views.show_sets(call(ask, by), as_json=as_json)


@app.command(epilog="Example: tuoqi pairing show SET --region 990101101000 --by reviewer.zhao")
def show(
    set_id: SetId,
    region: Region = "",
    state: Annotated[
        str, typer.Option("--state", help="OPEN, ACCEPTED, REFUSED, STALE or LEFT_OVER; default all.")
    ] = "",
    limit: Limit = 20,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write all with names here; .xlsx is a spreadsheet.")
    ] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Show how fair a set is, then its proposals."""

    async def ask(platform: Platform) -> tuple[pb.PairingSet, list[pb.Proposal]]:
        async def page(size: int, token: str) -> tuple[list[pb.Proposal], str]:
            answer: pb.ListProposalsResponse = await _stub(platform).ListProposals(
                pb.ListProposalsRequest(set_id=set_id, state=state, region=region, page_size=size, page_token=token)
            )
            return list(answer.proposals), answer.next_page_token

        found: pb.GetPairingSetResponse = await _stub(platform).GetPairingSet(pb.GetPairingSetRequest(set_id=set_id))
        if out is not None:
            written = await export_file(platform, "pairing_proposals", out, subject=set_id)
            say(f"已写出 {written} 行到 {out}")
        return found.set, await pages(page, limit)

    found, proposals = call(ask, by)
    views.show_set(found, as_json=as_json)
    views.show_proposals(proposals, as_json=as_json)


@app.command(epilog="Example: tuoqi pairing accept SET --region 990101101000 --by reviewer.zhao")
def accept(
    set_id: SetId,
    region: Region = "",
    people: Annotated[
        list[str] | None, typer.Option("--person", metavar="PERSON", help="Only this child; may be given repeatedly.")
    ] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Make pairings of open proposals: all of a set, a region's, or single ones."""

    async def act(platform: Platform) -> pb.AcceptProposalsResponse:
        ids = [await person_id_of(platform, one) for one in people or ()]
        answer: pb.AcceptProposalsResponse = await _stub(platform).AcceptProposals(
            pb.AcceptProposalsRequest(set_id=set_id, region=region, person_ids=ids), timeout=PROPOSE_S_MAX
        )
        return answer

    answer = call(act, by)
    if as_json:
        emit(plain(answer))
    else:
        say(f"已结对 {answer.begun} 名儿童；{answer.stale} 条已不再适用，可再次提出方案。")


@app.command(epilog="Example: tuoqi pairing refuse SET PERSON --purpose 两家有纠纷 --by reviewer.zhao")
def refuse(set_id: SetId, person: Whom, by: By = "", purpose: Purpose = "", as_json: AsJson = False) -> None:
    """Refuse a proposal; --purpose is the reason. The two are not proposed for each other again."""

    async def act(platform: Platform) -> pb.Proposal:
        request = pb.RefuseProposalRequest(set_id=set_id, person_id=await person_id_of(platform, person))
        answer: pb.RefuseProposalResponse = await _stub(platform).RefuseProposal(request)
        return answer.proposal

    views.show_proposals([call(act, by, purpose)], as_json=as_json)


@app.command("list", epilog="Example: tuoqi pairing list --kind loving_mother --region 990101101000 --by clerk.li")
def list_pairings(
    kind: OfKind = "",
    state: Annotated[str, typer.Option("--state", help="IN_FORCE, ENDED or ALL.")] = "IN_FORCE",
    person: Annotated[str, typer.Option("--person", metavar="PERSON", help="Only this child.")] = "",
    helper: HelperId = "",
    region: Region = "",
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Children of --kind who lost their helper and have no new one.")
    ] = False,
    limit: Limit = 20,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List pairings, or with --waiting who needs a new helper."""

    async def ask(platform: Platform) -> list[pb.Pairing]:
        person_id = await person_id_of(platform, person) if person else ""

        async def page(size: int, token: str) -> tuple[list[pb.Pairing], str]:
            stub = _stub(platform)
            if waiting:
                lost: pb.ListWaitingChildrenResponse = await stub.ListWaitingChildren(
                    pb.ListWaitingChildrenRequest(kind=kind, region=region, page_size=size, page_token=token)
                )
                return list(lost.pairings), lost.next_page_token
            answer: pb.ListPairingsResponse = await stub.ListPairings(
                pb.ListPairingsRequest(
                    kind=kind,
                    state="" if state == "ALL" else state,
                    person_id=person_id,
                    helper_id=helper,
                    region=region,
                    page_size=size,
                    page_token=token,
                )
            )
            return list(answer.pairings), answer.next_page_token

        return await pages(page, limit)

    views.show_pairings(call(ask, by), as_json=as_json)


@app.command(epilog="Example: tuoqi pairing end PAIRING --purpose 志愿者外出务工 --by reviewer.zhao")
def end(
    pairing_id: PairingId,
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="From when; default today.")] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """End a pairing; --purpose is the reason."""

    async def act(platform: Platform) -> pb.Pairing:
        request = pb.EndPairingRequest(pairing_id=pairing_id, ended_on=on)
        answer: pb.EndPairingResponse = await _stub(platform).EndPairing(request)
        return answer.pairing

    views.show_pairings([call(act, by, purpose)], as_json=as_json)


@app.command(epilog="Example: tuoqi pairing replace PAIRING --helper WORKER --purpose 搬家 --by reviewer.zhao")
def replace(
    pairing_id: PairingId, helper: HelperId, by: By = "", purpose: Purpose = "", as_json: AsJson = False
) -> None:
    """Give the child another helper; --purpose is the reason."""

    async def act(platform: Platform) -> list[pb.Pairing]:
        request = pb.ReplacePairingRequest(pairing_id=pairing_id, helper_id=helper)
        answer: pb.ReplacePairingResponse = await _stub(platform).ReplacePairing(request)
        return [answer.ended, answer.begun]

    views.show_pairings(call(act, by, purpose), as_json=as_json)


@app.command(epilog="Example: tuoqi pairing contact PAIRING --channel phone --key 2026-11-22-001 --by worker.tian")
def contact(
    pairing_id: PairingId,
    channel: Annotated[str, typer.Option("--channel", help="home, phone, video, message, letter or outing.")],
    key: Annotated[str, typer.Option("--key", help="Idempotency key: recorded again it counts once.")],
    day: Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="When; default today.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Record that the helper was in touch with the child; it is no visit."""

    async def act(platform: Platform) -> pb.RecordContactResponse:
        request = pb.RecordContactRequest(key=key, pairing_id=pairing_id, day=day, channel=channel)
        answer: pb.RecordContactResponse = await _stub(platform).RecordContact(request)
        return answer

    answer = call(act, by)
    if not as_json and answer.recorded_before:
        say("此前已登记，没有改动。")
    views.show_pairings([answer.pairing], as_json=as_json)


@app.command(epilog="Example: tuoqi pairing wish --helper WORKER --at-most 3 --age-from 6 --age-to 12 --by clerk.li")
def wish(
    helper: HelperId = "",
    child: Annotated[
        str, typer.Option("--child", metavar="PERSON", help="A child, for whom the guardian speaks.")
    ] = "",
    sex: Annotated[str, typer.Option("--sex", help="F or M: of a helper a preference, of a child binding.")] = "",
    age_from: Annotated[int, typer.Option("--age-from", min=0, max=99)] = 0,
    age_to: Annotated[int, typer.Option("--age-to", min=0, max=99, help="0 = any.")] = 0,
    at_most: Annotated[int, typer.Option("--at-most", min=0, max=1000, help="Of a helper; binding.")] = 0,
    village: Annotated[str, typer.Option("--village", metavar="CODE", help="Where the children should live.")] = "",
    refuses: Annotated[
        list[str] | None, typer.Option("--not", metavar="ID", help="A helper who is refused; binding.")
    ] = None,
    wants: Annotated[str, typer.Option("--wants", metavar="ID", help="A helper who is wished for.")] = "",
    clear: Clear = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Record all that a helper or a child's guardian wishes; many at once: `tuoqi import pairing_wishes FILE`."""
    if bool(helper) == bool(child):
        raise typer.BadParameter("--helper 与 --child 须填其一")

    async def act(platform: Platform) -> pb.SetWishResponse:
        request = pb.SetWishRequest(
            subject="helper" if helper else "child",
            subject_id=helper or await person_id_of(platform, child),
            sex=sex,
            age_from=age_from,
            age_to=age_to,
            at_most=at_most,
            village=village,
            refuses=refuses or (),
            wants=wants,
            clear=clear,
        )
        answer: pb.SetWishResponse = await _stub(platform).SetWish(request)
        return answer

    views.show_changed(call(act, by), as_json=as_json)


@app.command(epilog="Example: tuoqi pairing conflict PERSON --helper WORKER --reason dispute --by clerk.li")
def conflict(
    person: Whom,
    helper: HelperId,
    reason: Annotated[str, typer.Option("--reason", help="relative, dispute, unsuitable or other.")] = "other",
    clear: Clear = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Record that a helper and a child may not be paired."""

    async def act(platform: Platform) -> pb.SetConflictResponse:
        person_id = await person_id_of(platform, person)
        request = pb.SetConflictRequest(helper_id=helper, person_id=person_id, reason=reason, clear=clear)
        answer: pb.SetConflictResponse = await _stub(platform).SetConflict(request)
        return answer

    views.show_changed(call(act, by), as_json=as_json)


@app.command(epilog="Example: tuoqi pairing relative PERSON --of 629999199001010022 --by clerk.li")
def relative(
    person: Whom,
    of: Annotated[str, typer.Option("--of", metavar="PERSON", help="The relative, on the people's register.")] = "",
    worker: Annotated[str, typer.Option("--worker", metavar="ID", help="Or the relative as a worker.")] = "",
    clear: Clear = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Register a relative of a child, for the kind `relative`."""
    if bool(of) == bool(worker):
        raise typer.BadParameter("--of 与 --worker 须填其一")

    async def act(platform: Platform) -> pb.SetRelativeResponse:
        request = pb.SetRelativeRequest(
            person_id=await person_id_of(platform, person),
            helper_id=worker or await person_id_of(platform, of),
            helper_as="worker" if worker else "person",
            clear=clear,
        )
        answer: pb.SetRelativeResponse = await _stub(platform).SetRelative(request)
        return answer

    views.show_changed(call(act, by), as_json=as_json)


def _stub(platform: Platform) -> Any:
    return platform.stub(PairingServiceStub, "visits")
