"""CertificationService: campaigns, who is missing, and days on which people were seen alive."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import grpc

from tuoqi.contracts.payments.v1 import certification_service_pb2 as pb
from tuoqi.contracts.payments.v1 import certification_service_pb2_grpc
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.domain.certification import Campaign, Certification
from tuoqi.payments.handlers.certification import Certify
from tuoqi.payments.jobs.certification import MISSING, CampaignDesk, Wanted, known_campaign
from tuoqi.payments.jobs.tools import refusing
from tuoqi.payments.rpc.reading import read_day, read_place, write_place
from tuoqi.payments.store import campaigns
from tuoqi.payments.store import certification as store
from tuoqi.payments.store.campaigns import Progress

PAGE = 100
CERTIFICATIONS_SHOWN = 200
STATES = ("DONE", "DIED", *MISSING)
_DIGITS = {"township": 9, "village": 12}


class CertificationServicer(certification_service_pb2_grpc.CertificationServiceServicer):
    """Runs campaigns. People are shown, and taken, within the caller's regions."""

    def __init__(self, desk: CampaignDesk) -> None:
        self._desk = desk

    async def OpenCampaign(self, request: pb.OpenCampaignRequest, context: Any) -> pb.OpenCampaignResponse:
        """Fix whom it asks for, and open it."""
        actor = current_actor()
        actor.require_region(request.region or self._desk.tools.policy.county)
        wanted = Wanted(
            title=request.title,
            programme=request.programme,
            age_from=request.age_from,
            region=request.region,
            first_day=_day(request.first_day),
            last_day=_day(request.last_day),
            remind_days=tuple(sorted(set(request.remind_days), reverse=True)),
            grace_days=request.grace_days,
        )
        with refusing():
            campaign, persons = await self._desk.open(wanted, by=actor.user)
        return pb.OpenCampaignResponse(campaign=_campaign(campaign), persons=persons)

    async def CloseCampaign(self, request: pb.CloseCampaignRequest, context: Any) -> pb.CloseCampaignResponse:
        """End it."""
        with refusing():
            campaign, total = await self._desk.close(request.campaign_id, actor=current_actor())
        return pb.CloseCampaignResponse(campaign=_campaign(campaign), total=_progress(total))

    async def ExtendPerson(self, request: pb.ExtendPersonRequest, context: Any) -> pb.ExtendPersonResponse:
        """Give one person more time."""
        until = _day(request.until)
        with refusing():
            member = await self._desk.extend(request.campaign_id, request.person_id, until, actor=current_actor())
        return pb.ExtendPersonResponse(member=_member(member))

    async def ListCampaigns(self, request: pb.ListCampaignsRequest, context: Any) -> pb.ListCampaignsResponse:
        """Campaigns, newest first."""
        size = request.page_size or PAGE
        async with self._desk.tools.database.begin() as tx:
            found = await campaigns.page_of_campaigns(tx, read_place(request.page_token), size)
        last = found[-1] if len(found) == size else None
        return pb.ListCampaignsResponse(
            campaigns=[_campaign(one) for one in found],
            next_page_token=write_place(last.opened_at, last.campaign_id) if last else "",
        )

    async def GetCampaign(self, request: pb.GetCampaignRequest, context: Any) -> pb.GetCampaignResponse:
        """A campaign with its progress within the caller's regions."""
        regions, today = current_actor().regions, self._desk.today
        async with self._desk.tools.database.begin() as tx:
            campaign = await known_campaign(tx, request.campaign_id)
            total = await campaigns.read_progress(tx, campaign.campaign_id, today, digits=0, regions=regions)
            digits = _DIGITS.get(request.by, 0)
            parts = (
                await campaigns.read_progress(tx, campaign.campaign_id, today, digits=digits, regions=regions)
                if digits
                else []
            )
        return pb.GetCampaignResponse(
            campaign=_campaign(campaign),
            total=_progress(total[0] if total else Progress("")),
            regions=[_progress(one) for one in parts],
        )

    async def ListMembers(self, request: pb.ListMembersRequest, context: Any) -> pb.ListMembersResponse:
        """A page of a campaign's people."""
        size = request.page_size or PAGE
        region, _, person = request.page_token.partition("|")
        states = MISSING if request.state == "MISSING" else (request.state,) if request.state else STATES
        async with self._desk.tools.database.begin() as tx:
            await known_campaign(tx, request.campaign_id)
            page = await campaigns.page_of_members(
                tx,
                request.campaign_id,
                self._desk.today,
                states=states,
                region=request.region,
                regions=current_actor().regions,
                after=(region, person),
                size=size,
            )
        last = page[-1] if len(page) == size else None
        return pb.ListMembersResponse(
            members=[_member(row) for row in page],
            next_page_token=f"{last.region}|{last.person_id}" if last else "",
        )

    async def RecordCertification(
        self, request: pb.RecordCertificationRequest, context: Any
    ) -> pb.RecordCertificationResponse:
        """Keep that a person was seen alive."""
        command = Certify(
            certified_on=read_day(request.certified_on) or self._desk.today,
            channel=request.channel,
            campaign_id=request.campaign_id,
            evidence=request.evidence.strip(),
        )
        with refusing():
            kept, before = await self._desk.certify(request.person_id, command, actor=current_actor())
        return pb.RecordCertificationResponse(certification=_certification(kept), known_before=before)

    async def ListCertifications(
        self, request: pb.ListCertificationsRequest, context: Any
    ) -> pb.ListCertificationsResponse:
        """The days of one person, newest first."""
        async with self._desk.tools.database.begin() as tx:
            vitals = (await store.read_vitals(tx, [request.person_id])).get(request.person_id)
            if vitals is None or not current_actor().may_act_in(vitals.region):
                raise TuoqiError("payments.person_unknown")
            found = await store.certifications_of(tx, request.person_id, CERTIFICATIONS_SHOWN)
        return pb.ListCertificationsResponse(certifications=[_certification(one) for one in found])


def _day(text: str) -> date:
    day = read_day(text)
    if day is None:
        raise TuoqiError("request.invalid", problem="缺少日期")
    return day


def _campaign(one: Campaign) -> pb.Campaign:
    return pb.Campaign(
        campaign_id=one.campaign_id,
        title=one.title,
        state=one.state,
        programme=one.programme,
        age_from=one.age_from,
        region=one.region,
        first_day=one.first_day.isoformat(),
        last_day=one.last_day.isoformat(),
        remind_days=one.remind_days,
        grace_days=one.grace_days,
        opened_by=one.opened_by,
        opened_at=stamp_of(one.opened_at),
        closed_by=one.closed_by,
    )


def _progress(one: Progress) -> pb.CampaignProgress:
    return pb.CampaignProgress(
        region=one.region,
        persons=one.persons,
        done=one.done,
        died=one.died,
        open=one.open,
        overdue=one.overdue,
        extended=one.extended,
    )


def _member(row: Any) -> pb.CampaignMember:
    return pb.CampaignMember(
        person_id=row.person_id,
        region=row.region,
        state=row.state,
        last_day=row.last_day.isoformat(),
        certified_on=row.certified_on.isoformat() if row.certified_on else "",
        channel=row.channel or "",
        extended=row.extended,
    )


def _certification(one: Certification) -> pb.Certification:
    return pb.Certification(
        certified_on=one.certified_on.isoformat(),
        channel=one.channel,
        campaign_id=one.campaign_id,
        known_at=stamp_of(one.known_at),
        recorded_by=one.recorded_by,
    )


def add_certification(desk: CampaignDesk) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = CertificationServicer(desk)
    return lambda server: certification_service_pb2_grpc.add_CertificationServiceServicer_to_server(servicer, server)
