"""Life certification: recording who was seen alive, campaigns, and their reminders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from tuoqi.kit.commands import Call
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.payments.domain.certification import (
    ADULT,
    Campaign,
    Certification,
    PersonChecks,
    check_campaign,
    check_extension,
    fault_of,
)
from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.months import day_of, moment
from tuoqi.payments.domain.sampling import last_birth_date
from tuoqi.payments.domain.verification import VerificationRules
from tuoqi.payments.handlers.certification import (
    Certify,
    CloseCampaign,
    OpenCampaign,
    Remind,
    on_certify,
    on_close_campaign,
    on_open_campaign,
    on_remind,
)
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store import campaigns
from tuoqi.payments.store import certification as store
from tuoqi.payments.store.campaigns import Progress

TIMER = "timer:certification"
MISSING = ("OPEN", "OVERDUE")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A campaign that somebody wants to open."""

    title: str
    programme: str
    age_from: int
    region: str
    first_day: date
    last_day: date
    remind_days: tuple[int, ...]
    grace_days: int


class CampaignDesk:
    """Opens, extends and closes campaigns; records certifications."""

    def __init__(self, tools: Tools, rules: VerificationRules) -> None:
        self.tools = tools
        self.rules = rules

    async def open(self, wanted: Wanted, *, by: str) -> tuple[Campaign, int]:
        """Fix the people and open; how many they are. Refused where nobody is asked for, or children would be."""
        self._check(wanted)
        now = self.tools.clock.now()
        cause = f"campaign|{wanted.title}|{wanted.first_day}|{wanted.last_day}|{wanted.region}|{by}|{now.isoformat()}"
        campaign = Campaign(
            campaign_id=self.tools.ids(now, cause, 0),
            title=wanted.title,
            programme=wanted.programme,
            age_from=wanted.age_from,
            region=wanted.region,
            first_day=wanted.first_day,
            last_day=wanted.last_day,
            remind_days=wanted.remind_days or self.rules.remind_days,
            grace_days=self.rules.grace_days if wanted.grace_days < 0 else wanted.grace_days,
            opened_by=by,
            opened_at=now,
        )
        born_by = last_birth_date(wanted.first_day, max(wanted.age_from, ADULT))

        async def body(tx: Tx) -> tuple[Campaign, int]:
            persons = await campaigns.count_members(tx, campaign, born_by)
            if not persons:
                raise PaymentsError("payments.campaign_nobody")
            call = self._call(campaign, on_open_campaign, OpenCampaign(campaign, persons), cause, now, by)
            states = await self.tools.commander.within(tx, Campaign, [call])
            await campaigns.add_members(tx, campaign, born_by)
            return states[campaign.campaign_id], persons

        opened: tuple[Campaign, int] = await self.tools.commander.transaction(body)
        return opened

    def _check(self, wanted: Wanted) -> None:
        check_campaign(wanted.first_day, wanted.last_day, wanted.age_from, wanted.remind_days)
        if wanted.programme:
            known = wanted.programme in self.tools.policy.order
            if not known or self.tools.policy.programme(wanted.programme).for_children:
                raise PaymentsError("payments.campaign_programme", programme=wanted.programme)

    async def close(self, campaign_id: str, *, actor: Actor) -> tuple[Campaign, Progress]:
        """End a campaign; what became of its people."""

        async def body(tx: Tx) -> tuple[Campaign, Progress]:
            campaign = await known_campaign(tx, campaign_id)
            actor.require_region(campaign.region or self.tools.policy.county)
            now = self.tools.clock.now()
            total = await total_of(tx, campaign_id, day_of(now))
            command = CloseCampaign(actor.user, day_of(now), actor.purpose, total.persons, total.done, total.died)
            cause = f"campaign-close|{campaign_id}"
            call = self._call(campaign, on_close_campaign, command, cause, now, actor.user)
            states = await self.tools.commander.within(tx, Campaign, [call])
            return states[campaign_id], total

        closed: tuple[Campaign, Progress] = await self.tools.commander.transaction(body)
        return closed

    async def extend(self, campaign_id: str, person_id: str, until: date, *, actor: Actor) -> Any:
        """Give one person more time; the person as a row of the members."""
        async with self.tools.database.begin() as tx:
            campaign = await known_campaign(tx, campaign_id)
            region = await campaigns.member_region(tx, campaign_id, person_id)
            if region is None:
                raise PaymentsError("payments.campaign_not_member")
            actor.require_region(region)
            check_extension(campaign, until, actor.purpose)
            await campaigns.extend_member(tx, campaign_id, person_id, until, by=actor.user, because=actor.purpose)
            (member,) = await campaigns.members_named(tx, campaign_id, self.today, person_id)
            return member

    async def certify(self, person_id: str, command: Certify, *, actor: Actor) -> tuple[Certification, bool]:
        """Keep one day; it as it stands, and whether it had been kept before."""

        async def body(tx: Tx) -> tuple[Certification, bool]:
            vitals = (await store.read_vitals(tx, [person_id])).get(person_id)
            if fault := fault_of(command.certified_on, self.today, vitals):
                raise PaymentsError("payments.certification_refused", reason=fault.rstrip("。"))
            if vitals is not None:
                actor.require_region(vitals.region)
            if command.campaign_id:
                await known_campaign(tx, command.campaign_id)
            told = await self.keep(tx, [(person_id, command)], actor=actor, cause="desk")
            kept = await store.certifications_of(tx, person_id, 1_000)
            day = next(
                one for one in kept if (one.certified_on, one.channel) == (command.certified_on, command.channel)
            )
            return day, not told

        done: tuple[Certification, bool] = await self.tools.commander.transaction(body)
        return done

    async def keep(self, tx: Tx, days: Sequence[tuple[str, Certify]], *, actor: Actor, cause: str) -> int:
        """Keep days of people, within a transaction; how many were not known before."""
        now = self.tools.clock.now()
        known = await store.known_days(tx, sorted({person for person, _ in days}))
        calls = []
        for person, one in days:
            fact = (person, one.certified_on, one.channel)
            if fact not in known:
                known.add(fact)
                named = f"certify|{cause}|{person}|{one.certified_on}|{one.channel}"
                calls.append(Call(key=person, handler=on_certify, message=one, cause=named, at=now, actor=actor.user))
        if calls:
            await self.tools.commander.within(tx, PersonChecks, calls)
        return len(calls)

    async def remind(self, until: datetime) -> int:
        """Tell every reminder that is due, in its order; how many."""
        done = 0
        for campaign_id, _ in await self._due(until):
            done += await self.tools.commander.transaction(partial(self._remind, campaign_id=campaign_id, until=until))
        return done

    async def _due(self, until: datetime) -> list[tuple[str, datetime]]:
        async with self.tools.database.begin() as tx:
            running = await campaigns.open_campaigns(tx)
        dues = [(one.campaign_id, due) for one in running if (due := due_of(one)) is not None and due <= until]
        return sorted(dues, key=lambda pair: (pair[1], pair[0]))

    async def _remind(self, tx: Tx, *, campaign_id: str, until: datetime) -> int:
        done = 0
        campaign = await known_campaign(tx, campaign_id)
        while (due := due_of(campaign)) is not None and due <= until:
            on = day_of(due)
            total = await total_of(tx, campaign_id, on)
            command, cause = Remind(on, total.open + total.overdue), f"campaign-remind|{campaign_id}|{on}"
            states = await self.tools.commander.within(
                tx, Campaign, [self._call(campaign, on_remind, command, cause, due, TIMER)]
            )
            campaign, done = states[campaign_id], done + 1
        return done

    @property
    def today(self) -> date:
        """The county's day."""
        return day_of(self.tools.clock.now())

    def _call(self, campaign: Campaign, handler: Any, command: object, cause: str, at: datetime, by: str) -> Call:
        return Call(key=campaign.campaign_id, handler=handler, message=command, cause=cause, at=at, actor=by)


class CertificationTimer:
    """Reminders of open campaigns, at the midnight of their day; missed ones are told later, each once."""

    def __init__(self, desk: CampaignDesk) -> None:
        self._desk = desk

    async def next_due(self, tx: Tx) -> datetime | None:
        """The next reminder of any campaign."""
        dues = [due_of(one) for one in await campaigns.open_campaigns(tx)]
        return min((due for due in dues if due is not None), default=None)

    async def run(self, until: datetime) -> int:
        """Tell what is due."""
        return await self._desk.remind(until)


def due_of(campaign: Campaign) -> datetime | None:
    """The moment of a campaign's next reminder."""
    day = campaign.next_reminder()
    return None if day is None else moment(day, 0)


async def known_campaign(tx: Tx, campaign_id: str) -> Campaign:
    """A campaign. Raises payments.campaign_unknown."""
    campaign = await campaigns.find_campaign(tx, campaign_id)
    if campaign is None:
        raise TuoqiError("payments.campaign_unknown")
    return campaign


async def total_of(tx: Tx, campaign_id: str, today: date) -> Progress:
    """The progress of a whole campaign."""
    found = await campaigns.read_progress(tx, campaign_id, today, digits=0, regions=("",))
    return found[0] if found else Progress("")
