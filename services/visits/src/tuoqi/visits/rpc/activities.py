"""ActivityService: activities, campaigns, and who came. Lists and acts end at the regions of whoever calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import grpc

from tuoqi.contracts.visits.v1 import activity_service_pb2 as pb
from tuoqi.contracts.visits.v1 import activity_service_pb2_grpc
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.visits.domain.activities import ActivityState, Campaign, Count, Said
from tuoqi.visits.jobs.activities import ActivityDesk
from tuoqi.visits.rpc.paging import PAGE, day_place, read_day, write_place
from tuoqi.visits.rpc.visits import prefix_of
from tuoqi.visits.store import activities as store
from tuoqi.visits.store.attendance import list_presences


class ActivityServicer(activity_service_pb2_grpc.ActivityServiceServicer):
    """Token, right and audit are checked before a method runs."""

    def __init__(self, desk: ActivityDesk) -> None:
        self._desk = desk

    async def PlanActivity(self, request: pb.PlanActivityRequest, context: Any) -> pb.PlanActivityResponse:
        """An activity to come."""
        row, before = await self._say(request, ActivityState.PLANNED)
        return pb.PlanActivityResponse(activity=self._view(row), said_before=before)

    async def HoldActivity(self, request: pb.HoldActivityRequest, context: Any) -> pb.HoldActivityResponse:
        """One that was held, or a correction of it."""
        row, before = await self._say(request, ActivityState.HELD)
        return pb.HoldActivityResponse(activity=self._view(row), said_before=before)

    async def CancelActivity(self, request: pb.CancelActivityRequest, context: Any) -> pb.CancelActivityResponse:
        """One that counts no longer."""
        row, before = await self._desk.cancel(current_actor(), request.number, request.reason)
        return pb.CancelActivityResponse(activity=self._view(row), said_before=before)

    async def RecordAttendance(self, request: pb.RecordAttendanceRequest, context: Any) -> pb.RecordAttendanceResponse:
        """Names in, or out again."""
        row, changed = await self._desk.attend(
            current_actor(),
            request.number,
            list(request.person_ids),
            request.role,
            remove=request.remove,
            reason=request.reason,
        )
        return pb.RecordAttendanceResponse(changed=changed, activity=self._view(row))

    async def GetActivity(self, request: pb.GetActivityRequest, context: Any) -> pb.GetActivityResponse:
        """One with its history."""
        async with self._desk.database.begin() as tx:
            row = await self._desk.known(tx, current_actor(), request.number)
            editions = await store.editions_of(tx, row.activity_id)
        return pb.GetActivityResponse(
            activity=self._view(row),
            editions=[
                pb.ActivityEdition(
                    edition=one.edition,
                    state=one.state,
                    said=self._said(one),
                    recorded_by=one.recorded_by,
                    recorded_at=stamp_of(one.recorded_at),
                )
                for one in editions
            ],
        )

    async def ListActivities(self, request: pb.ListActivitiesRequest, context: Any) -> pb.ListActivitiesResponse:
        """The newest day first, with the total over all pages."""
        page = request.page_size or PAGE
        asked = store.asking(
            current_actor().regions,
            prefix_of(request.region),
            read_day(request.first_day),
            read_day(request.last_day),
            request.kind,
            request.campaign,
        )
        async with self._desk.database.begin() as tx:
            rows = await store.list_activities(tx, asked, request.state, day_place(request.page_token), page + 1)
            total = await store.total_of(tx, asked)
        token = write_place(rows[page - 1].day, rows[page - 1].activity_id) if len(rows) > page else ""
        return pb.ListActivitiesResponse(
            activities=[self._view(row) for row in rows[:page]], next_page_token=token, total=_total(total)
        )

    async def ListAttendance(self, request: pb.ListAttendanceRequest, context: Any) -> pb.ListAttendanceResponse:
        """Who came by name."""
        page, actor = request.page_size or PAGE, current_actor()
        async with self._desk.database.begin() as tx:
            activity = await self._desk.known(tx, actor, request.number)
            rows = await list_presences(tx, activity.activity_id, actor.regions, request.page_token, page + 1)
        roles = self._desk.rules.roles
        return pb.ListAttendanceResponse(
            attendance=[
                pb.Attendance(
                    person_id=row.person_id,
                    role=row.role,
                    role_name=roles[row.role].name if row.role in roles else row.role,
                    counts=row.counts,
                    region=row.region,
                    recorded_by=row.recorded_by,
                )
                for row in rows[:page]
            ],
            next_page_token=rows[page - 1].person_id if len(rows) > page else "",
        )

    async def OpenCampaign(self, request: pb.OpenCampaignRequest, context: Any) -> pb.OpenCampaignResponse:
        """A series of activities."""
        one = request.campaign
        campaign = Campaign(
            one.campaign, one.kind, one.region, _day(one.first_day), _day(one.last_day), one.target, one.measure
        )
        before = await self._desk.open_campaign(current_actor(), campaign, one.title.strip())
        return pb.OpenCampaignResponse(opened_before=before)

    async def ListCampaigns(self, request: pb.ListCampaignsRequest, context: Any) -> pb.ListCampaignsResponse:
        """Each with what it came to."""
        async with self._desk.database.begin() as tx:
            rows = await store.list_campaigns(tx, current_actor().regions, read_day(request.on))
        return pb.ListCampaignsResponse(campaigns=[self._standing(row) for row in rows])

    async def _say(self, request: Any, state: ActivityState) -> tuple[Any, bool]:
        said = request.said
        return await self._desk.say(
            current_actor(),
            request.number,
            request.kind,
            request.campaign,
            Said(
                day=_day(said.day),
                region=said.region,
                channel=said.channel,
                others=Count(said.others.number, said.others.approximate),
                places=Count(said.places.number, said.places.approximate),
                materials=Count(said.materials.number, said.materials.approximate),
                evidence=tuple(one.lower() for one in said.evidence),
            ),
            state,
            {"title": said.title.strip(), "reason": said.reason.strip()},
        )

    def _standing(self, row: Any) -> pb.CampaignStanding:
        words = self._desk.words.open(row.campaign, row.sealed) or {}
        return pb.CampaignStanding(
            campaign=pb.Campaign(
                campaign=row.campaign,
                kind=row.kind,
                region=row.region,
                first_day=row.first_day.isoformat(),
                last_day=row.last_day.isoformat(),
                target=row.target,
                measure=row.measure,
                title=words.get("title", ""),
            ),
            kind_name=self._kind_name(row.kind),
            total=_total(row),
            reached=getattr(row, row.measure),
        )

    def _view(self, row: Any) -> pb.Activity:
        kind = self._desk.rules.kinds.get(row.kind)
        return pb.Activity(
            activity_id=row.activity_id,
            number=row.number,
            kind=row.kind,
            kind_name=self._kind_name(row.kind),
            unit=kind.unit if kind else "次",
            campaign=row.campaign,
            state=row.state,
            edition=row.edition,
            said=self._said(row),
            named=row.named,
            times=row.named + row.others,
            recorded_by=row.recorded_by,
            recorded_at=stamp_of(row.recorded_at),
        )

    def _said(self, row: Any) -> pb.ActivitySaid:
        words = self._desk.words.open(row.activity_id, row.sealed) or {}
        return pb.ActivitySaid(
            day=row.day.isoformat(),
            region=row.region,
            channel=row.channel,
            others=pb.ActivityCount(number=row.others, approximate=row.others_approximate),
            places=pb.ActivityCount(number=row.places, approximate=row.places_approximate),
            materials=pb.ActivityCount(number=row.materials, approximate=row.materials_approximate),
            evidence=row.evidence.split(),
            title=words.get("title", ""),
            reason=words.get("reason", ""),
        )

    def _kind_name(self, code: str) -> str:
        kind = self._desk.rules.kinds.get(code)
        return kind.name if kind else code


def _total(row: Any) -> pb.ActivityTotal:
    return pb.ActivityTotal(
        sessions=row.sessions,
        persons=row.persons,
        times=row.times,
        named_times=row.named_times,
        materials=row.materials,
        places=row.places,
        approximate=row.approximate,
    )


def _day(text: str) -> date:
    day = read_day(text)
    if day is None:
        raise TuoqiError("visits.bad_date", value="")
    return day


def add_activities(desk: ActivityDesk) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = ActivityServicer(desk)
    return lambda server: activity_service_pb2_grpc.add_ActivityServiceServicer_to_server(servicer, server)
