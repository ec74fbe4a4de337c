"""ReferralService: what departments have to do, what they answer, and how they keep their terms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import grpc

from tuoqi.contracts.visits.v1 import referral_service_pb2 as pb
from tuoqi.contracts.visits.v1 import referral_service_pb2_grpc
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.visits.domain.days import ONE_DAY, midnight_of
from tuoqi.visits.domain.referrals import ReferralState
from tuoqi.visits.jobs.referral_desk import ReferralDesk
from tuoqi.visits.rpc.paging import PAGE, moment_place, read_day, write_place
from tuoqi.visits.rpc.visits import prefix_of
from tuoqi.visits.store import referrals as store

STATES = (*(state.value for state in ReferralState), "ALL")


class ReferralServicer(referral_service_pb2_grpc.ReferralServiceServicer):
    """Lists and acts end at the regions of whoever calls."""

    def __init__(self, desk: ReferralDesk) -> None:
        self._desk = desk

    async def ListReferrals(self, request: pb.ListReferralsRequest, context: Any) -> pb.ListReferralsResponse:
        """The most urgent first."""
        page = request.page_size or PAGE
        if request.state and request.state not in STATES:
            raise TuoqiError("visits.bad_referral_state", state=request.state, allowed="、".join(STATES))
        now = self._desk.clock.now()
        async with self._desk.database.begin() as tx:
            rows = await store.list_referrals(
                tx,
                regions=current_actor().regions,
                below=prefix_of(request.region),
                department=request.department,
                state=request.state,
                person=request.person_id,
                overdue=request.overdue,
                now=now,
                after=moment_place(request.page_token),
                page=page + 1,
            )
        token = write_place(rows[page - 1].due_at, rows[page - 1].referral_id) if len(rows) > page else ""
        return pb.ListReferralsResponse(referrals=[self._view(row, now) for row in rows[:page]], next_page_token=token)

    async def GetReferral(self, request: pb.GetReferralRequest, context: Any) -> pb.GetReferralResponse:
        """One with what was said about it."""
        row, words = await self._desk.show(current_actor(), request.referral_id)
        return pb.GetReferralResponse(
            referral=self._view(row, self._desk.clock.now()),
            words=[
                pb.ReferralWord(at=stamp_of(datetime.fromisoformat(at)), by=by, act=act, text=text)
                for at, by, act, text in words
            ],
        )

    async def AcceptReferral(self, request: pb.AcceptReferralRequest, context: Any) -> pb.AcceptReferralResponse:
        """The department takes it on."""
        row = await self._desk.accept(current_actor(), request.referral_id)
        return pb.AcceptReferralResponse(referral=self._view(row, self._desk.clock.now()))

    async def SettleReferral(self, request: pb.SettleReferralRequest, context: Any) -> pb.SettleReferralResponse:
        """It is done."""
        row = await self._desk.settle(current_actor(), request.referral_id, request.outcome)
        return pb.SettleReferralResponse(referral=self._view(row, self._desk.clock.now()))

    async def DeclineReferral(self, request: pb.DeclineReferralRequest, context: Any) -> pb.DeclineReferralResponse:
        """It goes back."""
        row = await self._desk.decline(current_actor(), request.referral_id, request.reason)
        return pb.DeclineReferralResponse(referral=self._view(row, self._desk.clock.now()))

    async def RedirectReferral(self, request: pb.RedirectReferralRequest, context: Any) -> pb.RedirectReferralResponse:
        """It goes to a department."""
        row = await self._desk.redirect(
            current_actor(), request.referral_id, request.department, request.working_days, request.reason
        )
        return pb.RedirectReferralResponse(referral=self._view(row, self._desk.clock.now()))

    async def GetReferralFigures(
        self, request: pb.GetReferralFiguresRequest, context: Any
    ) -> pb.GetReferralFiguresResponse:
        """Counts by department."""
        first, last = read_day(getattr(request, "from")), read_day(request.to)
        async with self._desk.database.begin() as tx:
            rows = await store.referral_figures(
                tx,
                regions=current_actor().regions,
                below=prefix_of(request.region),
                first=midnight_of(first) if first else None,
                beyond=midnight_of(last + ONE_DAY) if last else None,
                now=self._desk.clock.now(),
            )
        names = self._desk.rules.departments()
        return pb.GetReferralFiguresResponse(
            figures=[
                pb.ReferralFigure(
                    department=row.department,
                    department_name=names.get(row.department, row.department),
                    referrals=row.referrals,
                    people=row.people,
                    done=row.done,
                    done_in_time=row.done_in_time,
                    open=row.open,
                    overdue=row.overdue,
                )
                for row in rows
            ]
        )

    def _view(self, row: Any, now: datetime) -> pb.Referral:
        return pb.Referral(
            referral_id=row.referral_id,
            person_id=row.person_id,
            code=row.code,
            name=self._desk.rules.on(row.rules_from).name(row.code),
            reason=row.reason,
            department=row.department,
            department_name=self._desk.rules.departments().get(row.department, row.department),
            state=row.state,
            region=row.region,
            opened_at=stamp_of(row.opened_at),
            due_at=stamp_of(row.due_at),
            overdue=row.settled_at is None and row.due_at <= now,
            found=len(row.sources.split()),
            settled_at=stamp_of(row.settled_at),
            rules_from=row.rules_from.isoformat(),
        )


def add_referrals(desk: ReferralDesk) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = ReferralServicer(desk)
    return lambda server: referral_service_pb2_grpc.add_ReferralServiceServicer_to_server(servicer, server)
