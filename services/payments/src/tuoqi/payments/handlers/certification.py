"""What checks and certifications do: to what is known of a person, and to the campaigns that ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tuoqi.contracts.payments.v1 import certification_pb2 as pb
from tuoqi.contracts.payments.v1 import verification_pb2
from tuoqi.contracts.visits.v1 import record_pb2
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.handlers import Handlers
from tuoqi.payments.domain.certification import VISIT, Campaign, Certification, PersonChecks, is_seen_alive


@dataclass(frozen=True, slots=True)
class Certify:
    """Somebody says that a person was seen alive on a day."""

    certified_on: date
    channel: str
    campaign_id: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Found:
    """A check found a paid person dead, or another one paid."""

    events: Sequence[verification_pb2.VerificationFound]


@dataclass(frozen=True, slots=True)
class OpenCampaign:
    """Open a campaign; so many people belong to it."""

    campaign: Campaign
    persons: int


@dataclass(frozen=True, slots=True)
class Remind:
    """A reminder of a campaign is due; so many people are still to be seen."""

    on: date
    open: int


@dataclass(frozen=True, slots=True)
class CloseCampaign:
    """End a campaign, with what became of its people."""

    by: str
    on: date
    because: str
    persons: int
    certified: int
    died: int


def on_certify(checks: PersonChecks | None, command: Certify, ctx: Context) -> PersonChecks:
    """A day is kept and told once."""
    fact = Certification(
        certified_on=command.certified_on,
        channel=command.channel,
        campaign_id=command.campaign_id,
        evidence=command.evidence,
        recorded_by=ctx.actor,
        known_at=ctx.at,
    )
    return _keep(checks, fact, ctx)


def on_visit_recorded(
    checks: PersonChecks | None, event: record_pb2.VisitRecorded, ctx: Context
) -> PersonChecks | None:
    """A visitor who met the person in person or by video has seen him alive on the day on which the visit counts."""
    if not is_seen_alive(event.channel, event.result):
        return checks
    fact = Certification(
        certified_on=date.fromisoformat(event.counts_on),
        channel=VISIT,
        campaign_id="",
        evidence=event.visit_id,
        recorded_by="",
        known_at=ctx.at,
    )
    return _keep(checks, fact, ctx)


def on_found(checks: PersonChecks | None, command: Found, ctx: Context) -> PersonChecks:
    """Others are asked to look."""
    for event in command.events:
        ctx.emit(event)
    return checks or PersonChecks(ctx.key)


def _keep(checks: PersonChecks | None, fact: Certification, ctx: Context) -> PersonChecks:
    before = checks or PersonChecks(ctx.key)
    after = before.certify(fact)
    if after is not before:
        ctx.emit(
            pb.CertificationRecorded(
                person_id=ctx.key,
                certified_on=fact.certified_on.isoformat(),
                channel=fact.channel,
                campaign_id=fact.campaign_id,
            )
        )
    return after


def on_open_campaign(campaign: Campaign | None, command: OpenCampaign, ctx: Context) -> Campaign:
    """A campaign begins; who belongs to it is fixed."""
    if campaign is not None:
        raise TuoqiError("state.conflict")
    made = command.campaign
    ctx.emit(
        pb.CampaignOpened(
            campaign_id=made.campaign_id,
            programme=made.programme,
            age_from=made.age_from,
            region=made.region,
            first_day=made.first_day.isoformat(),
            last_day=made.last_day.isoformat(),
            persons=command.persons,
        )
    )
    return made


def on_remind(campaign: Campaign | None, command: Remind, ctx: Context) -> Campaign:
    """Somebody should be reminded."""
    known = _known(campaign)
    days_left = (known.last_day - command.on).days
    ctx.emit(pb.CampaignReminded(campaign_id=known.campaign_id, days_left=days_left, open=command.open))
    return known.remind(command.on)


def on_close_campaign(campaign: Campaign | None, command: CloseCampaign, ctx: Context) -> Campaign:
    """Nobody is asked any more."""
    closed = _known(campaign).close(by=command.by, on=command.on, because=command.because)
    ctx.emit(
        pb.CampaignClosed(
            campaign_id=closed.campaign_id,
            persons=command.persons,
            certified=command.certified,
            died=command.died,
            missing=command.persons - command.certified - command.died,
        )
    )
    return closed


def _known(campaign: Campaign | None) -> Campaign:
    if campaign is None:
        raise TuoqiError("payments.campaign_unknown")
    return campaign


CHECKS_HANDLERS = Handlers(
    state=PersonChecks,
    key=lambda event: event.person_id,
    on={record_pb2.VisitRecorded: on_visit_recorded},
)
