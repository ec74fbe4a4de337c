"""PairingService: proposals and their fairness, pairings, wishes and contacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import grpc

from tuoqi.contracts.visits.v1 import pairing_service_pb2 as pb
from tuoqi.contracts.visits.v1 import pairing_service_pb2_grpc
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.visits.domain.pairing_figures import Loads
from tuoqi.visits.domain.pairings import EndedAs
from tuoqi.visits.jobs.pairing_runs import Asked, PairingRuns
from tuoqi.visits.jobs.pairings import PairingDesk
from tuoqi.visits.rpc.paging import PAGE, moment_place, read_day, write_place
from tuoqi.visits.rpc.visits import prefix_of
from tuoqi.visits.store import pairing_sets as sets
from tuoqi.visits.store import pairing_wishes as wishes
from tuoqi.visits.store import pairings as store

WAITING_AFTER: Final = (EndedAs.HELPER_LEFT.value, EndedAs.HELPER_DIED.value, EndedAs.BY_HAND.value)
"""After such an end the child needs a new helper."""
AGES_MAX: Final = 99


class PairingServicer(pairing_service_pb2_grpc.PairingServiceServicer):
    """Lists and acts end at the regions of whoever calls."""

    def __init__(self, desk: PairingDesk, runs: PairingRuns) -> None:
        self._desk = desk
        self._runs = runs

    async def ProposePairings(self, request: pb.ProposePairingsRequest, context: Any) -> pb.ProposePairingsResponse:
        """Make a set."""
        asked = Asked(request.kind, prefix_of(request.region), request.max_load, request.balance, request.key.strip())
        row = await self._runs.propose(current_actor(), asked)
        return pb.ProposePairingsResponse(set=await self._set_view(row.set_id))

    async def ListPairingSets(self, request: pb.ListPairingSetsRequest, context: Any) -> pb.ListPairingSetsResponse:
        """The newest first."""
        page = request.page_size or PAGE
        async with self._desk.database.begin() as tx:
            before = moment_place(request.page_token)
            rows = await sets.list_sets(tx, kind=request.kind, before=before, page=page + 1)
            states = await sets.states_of(tx, [row.set_id for row in rows[:page]])
        token = write_place(rows[page - 1].asked_at, rows[page - 1].set_id) if len(rows) > page else ""
        views = [set_view(row, states.get(row.set_id, {})) for row in rows[:page]]
        return pb.ListPairingSetsResponse(sets=views, next_page_token=token)

    async def GetPairingSet(self, request: pb.GetPairingSetRequest, context: Any) -> pb.GetPairingSetResponse:
        """One with its fairness."""
        return pb.GetPairingSetResponse(set=await self._set_view(request.set_id))

    async def ListProposals(self, request: pb.ListProposalsRequest, context: Any) -> pb.ListProposalsResponse:
        """By child."""
        page = request.page_size or PAGE
        async with self._desk.database.begin() as tx:
            if await sets.find_set(tx, request.set_id) is None:
                raise TuoqiError("visits.pairing_set_unknown")
            rows = await sets.list_proposals(
                tx,
                request.set_id,
                regions=current_actor().regions,
                below=prefix_of(request.region),
                state=request.state,
                after=request.page_token,
                page=page + 1,
            )
        return pb.ListProposalsResponse(
            proposals=[_proposal(row) for row in rows[:page]],
            next_page_token=rows[page - 1].person_id if len(rows) > page else "",
        )

    async def AcceptProposals(self, request: pb.AcceptProposalsRequest, context: Any) -> pb.AcceptProposalsResponse:
        """Make pairings of open proposals."""
        begun, stale = await self._desk.accept(
            current_actor(), request.set_id, prefix_of(request.region), request.person_ids
        )
        return pb.AcceptProposalsResponse(begun=begun, stale=stale)

    async def RefuseProposal(self, request: pb.RefuseProposalRequest, context: Any) -> pb.RefuseProposalResponse:
        """Refuse one for good."""
        row = await self._desk.refuse(current_actor(), request.set_id, request.person_id)
        return pb.RefuseProposalResponse(proposal=_proposal(row))

    async def ListPairings(self, request: pb.ListPairingsRequest, context: Any) -> pb.ListPairingsResponse:
        """By id."""
        page = request.page_size or PAGE
        async with self._desk.database.begin() as tx:
            rows = await store.list_pairings(
                tx,
                regions=current_actor().regions,
                below=prefix_of(request.region),
                kind=request.kind,
                state=request.state,
                person=request.person_id,
                helper=request.helper_id,
                after=request.page_token,
                page=page + 1,
            )
        token = rows[page - 1].pairing_id if len(rows) > page else ""
        return pb.ListPairingsResponse(pairings=[_pairing(row) for row in rows[:page]], next_page_token=token)

    async def ListWaitingChildren(
        self, request: pb.ListWaitingChildrenRequest, context: Any
    ) -> pb.ListWaitingChildrenResponse:
        """Children who lost their helper and have none."""
        page = request.page_size or PAGE
        async with self._desk.database.begin() as tx:
            rows = await store.list_waiting(
                tx,
                regions=current_actor().regions,
                below=prefix_of(request.region),
                kind=request.kind,
                reasons=WAITING_AFTER,
                after=request.page_token,
                page=page + 1,
            )
        token = rows[page - 1].person_id if len(rows) > page else ""
        return pb.ListWaitingChildrenResponse(pairings=[_pairing(row) for row in rows[:page]], next_page_token=token)

    async def EndPairing(self, request: pb.EndPairingRequest, context: Any) -> pb.EndPairingResponse:
        """End one by hand."""
        row = await self._desk.end(current_actor(), request.pairing_id, read_day(request.ended_on))
        return pb.EndPairingResponse(pairing=_pairing(row))

    async def ReplacePairing(self, request: pb.ReplacePairingRequest, context: Any) -> pb.ReplacePairingResponse:
        """Another helper."""
        ended, begun = await self._desk.replace(current_actor(), request.pairing_id, request.helper_id)
        return pb.ReplacePairingResponse(ended=_pairing(ended), begun=_pairing(begun))

    async def RecordContact(self, request: pb.RecordContactRequest, context: Any) -> pb.RecordContactResponse:
        """A contact, once for its key."""
        row, before = await self._desk.contact(
            current_actor(), request.key, request.pairing_id, read_day(request.day), request.channel
        )
        return pb.RecordContactResponse(pairing=_pairing(row), recorded_before=before)

    async def SetWish(self, request: pb.SetWishRequest, context: Any) -> pb.SetWishResponse:
        """What somebody wishes, in place of what was said before."""
        if request.subject == "child":
            wish = wishes.Wish(
                request.subject_id,
                request.subject,
                request.sex,
                refuses=tuple(sorted(request.refuses)),
                wants=request.wants,
            )
        else:
            wish = wishes.Wish(
                request.subject_id,
                request.subject,
                request.sex,
                age_from=request.age_from,
                age_to=request.age_to or AGES_MAX,
                at_most=request.at_most or None,
                village=request.village,
            )
        changed = await self._desk.wish(current_actor(), wish, clear=request.clear)
        return pb.SetWishResponse(changed=changed)

    async def SetConflict(self, request: pb.SetConflictRequest, context: Any) -> pb.SetConflictResponse:
        """Two who may not be paired."""
        changed = await self._desk.conflict(
            current_actor(), request.helper_id, request.person_id, request.reason, clear=request.clear
        )
        return pb.SetConflictResponse(changed=changed)

    async def SetRelative(self, request: pb.SetRelativeRequest, context: Any) -> pb.SetRelativeResponse:
        """A relative of a child."""
        changed = await self._desk.relative(
            current_actor(), request.person_id, request.helper_id, request.helper_as, clear=request.clear
        )
        return pb.SetRelativeResponse(changed=changed)

    async def _set_view(self, set_id: str) -> pb.PairingSet:
        async with self._desk.database.begin() as tx:
            row = await sets.find_set(tx, set_id)
            if row is None:
                raise TuoqiError("visits.pairing_set_unknown")
            return set_view(row, (await sets.states_of(tx, [set_id])).get(set_id, {}))


def set_view(row: Any, states: Mapping[str, int]) -> pb.PairingSet:
    """A set with its fairness, where that is known already."""
    view = pb.PairingSet(
        set_id=row.set_id,
        kind=row.kind,
        state=row.state,
        region=row.region.ljust(12, "0") if row.region else "",
        max_load=row.max_load,
        balance=row.balance,
        asked_by=row.asked_by,
        asked_at=_stamp(row.asked_at),
        states=_counted(states),
    )
    if row.ready_at is not None:
        view.ready_at.CopyFrom(_stamp(row.ready_at))
    figures = sets.figures_from(row.figures)
    if figures is not None:
        view.children, view.kept = figures.children, figures.kept
        view.proposed, view.left_over = figures.proposed, figures.left_over
        view.loads.CopyFrom(_loads("", figures.loads))
        view.townships.extend(_loads(code, one) for code, one in figures.townships.items())
        view.steps.extend(_counted(figures.steps))
        view.honoured.extend(_counted(figures.honoured))
        view.refused.extend(_counted(figures.refused))
        view.left_over_by_reason.extend(_counted(figures.reasons))
    return view


def _stamp(moment: datetime) -> Any:
    return stamp_of(moment.astimezone(UTC))


def _counted(counts: Mapping[str, int]) -> Sequence[pb.Counted]:
    return [pb.Counted(code=code, count=count) for code, count in counts.items()]


def _loads(region: str, loads: Loads) -> pb.LoadFigures:
    return pb.LoadFigures(
        region=region,
        helpers=loads.helpers,
        children=loads.children,
        least=loads.least,
        most=loads.most,
        mean=loads.mean,
        deviation=loads.deviation,
        gini=loads.gini,
        within_one=loads.within_one,
    )


def _proposal(row: Any) -> pb.Proposal:
    return pb.Proposal(
        person_id=row.person_id,
        region=row.region,
        helper_id=row.helper_id,
        helper_as=row.helper_as,
        helper_region=row.helper_region,
        step=row.step,
        refused_wishes=row.refused_wishes.split(),
        reason=row.reason,
        state=row.state,
    )


def _pairing(row: Any) -> pb.Pairing:
    return pb.Pairing(
        pairing_id=row.pairing_id,
        kind=row.kind,
        person_id=row.person_id,
        helper_id=row.helper_id,
        helper_as=row.helper_as,
        region=row.region,
        began_on=row.began_on.isoformat(),
        ended_on=row.ended_on.isoformat() if row.ended_on else "",
        end_reason=row.end_reason,
        contacts=row.contacts,
        last_contact_on=row.last_on.isoformat() if row.last_on else "",
    )


def add_pairings(desk: PairingDesk, runs: PairingRuns) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = PairingServicer(desk, runs)
    return lambda server: pairing_service_pb2_grpc.add_PairingServiceServicer_to_server(servicer, server)
