"""Campaigns of life certification: whom each asks for, and how far it is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.payments.domain.certification import Campaign
from tuoqi.payments.store.certification import REGION

# A campaign asks for grown-up people who are alive, whose file is no second one of somebody, and who are paid the
# programme in the last month that a live cycle paid, where it names one.
_ASKED = f"""
SELECT p.person_id, {REGION} AS region
FROM (SELECT DISTINCT ON (person_id) * FROM person_facts WHERE known_at <= :at ORDER BY person_id, version DESC) p
WHERE p.merged_into = '' AND p.died_on IS NULL AND p.birth_date <= :born_by AND {REGION} LIKE :region
  AND (CAST(:programme AS text) = '' OR p.person_id IN (
      SELECT coalesce(nullif(m.merged_into, ''), l.person_id) FROM payment_lines l
      LEFT JOIN LATERAL (
          SELECT merged_into FROM person_facts f WHERE f.person_id = l.person_id AND f.known_at <= :at
          ORDER BY version DESC LIMIT 1
      ) m ON true
      WHERE l.programme = :programme AND NOT l.cancelled AND l.benefit_month = (
          SELECT max(month) FROM cycles WHERE state NOT IN ('DRAFT', 'CANCELLED'))
      GROUP BY 1 HAVING sum(l.amount_fen) > 0))
"""

# What was certified for a file that is merged into a person now counts for the person.
_STATES = """
WITH campaign AS MATERIALIZED (
    SELECT * FROM certification_campaigns WHERE campaign_id = :campaign_id
), asked AS MATERIALIZED (
    SELECT m.person_id, m.region, m.extended_until IS NOT NULL AS extended, c.first_day, c.grace_days,
           coalesce(m.extended_until, c.last_day) AS last_day
    FROM certification_members m JOIN campaign c USING (campaign_id)
    WHERE m.region LIKE ANY(CAST(:regions AS text[])) {which}
), files AS (
    SELECT person_id, person_id AS file FROM asked
    UNION ALL
    SELECT merged_into, person_id FROM (
        SELECT DISTINCT ON (person_id) person_id, merged_into FROM person_facts
        WHERE person_id IN (SELECT person_id FROM person_facts WHERE merged_into <> '')
        ORDER BY person_id, version DESC
    ) merged WHERE merged_into <> ''
), seen AS (
    SELECT DISTINCT ON (a.person_id) a.person_id, l.certified_on, l.channel
    FROM asked a JOIN files f USING (person_id) JOIN life_certifications l ON l.person_id = f.file
    WHERE l.certified_on BETWEEN a.first_day AND a.last_day ORDER BY a.person_id, l.certified_on, l.channel
), states AS (
    SELECT a.person_id, a.region, a.extended, a.last_day, s.certified_on, s.channel,
           CASE WHEN s.certified_on IS NOT NULL THEN 'DONE' WHEN v.died_on IS NOT NULL THEN 'DIED'
                WHEN CAST(:today AS date) > a.last_day + a.grace_days THEN 'OVERDUE' ELSE 'OPEN' END AS state
    FROM asked a LEFT JOIN seen s USING (person_id)
    LEFT JOIN LATERAL (
        SELECT died_on FROM person_facts f WHERE f.person_id = a.person_id ORDER BY version DESC LIMIT 1
    ) v ON true
)
"""
_PROGRESS = f"""
{_STATES.format(which="")}
SELECT left(region, CAST(:digits AS int)) AS region, count(*) AS persons,
       count(*) FILTER (WHERE state = 'DONE') AS done, count(*) FILTER (WHERE state = 'DIED') AS died,
       count(*) FILTER (WHERE state = 'OPEN') AS open, count(*) FILTER (WHERE state = 'OVERDUE') AS overdue,
       count(*) FILTER (WHERE extended) AS extended
FROM states GROUP BY 1 ORDER BY 1
"""
_AFTER = "AND (m.region, m.person_id) > (:after_region, :after_person) AND m.region LIKE :region"
_PAGE = f"""
{_STATES.format(which=_AFTER)}
SELECT * FROM states WHERE state = ANY(CAST(:states AS text[]))
ORDER BY region, person_id LIMIT CAST(:size AS int)
"""
_NAMED = f"{_STATES.format(which='AND m.person_id = :person_id')} SELECT * FROM states"
_CAMPAIGN_COLUMNS = (
    "campaign_id", "version", "title", "state", "programme", "age_from", "region", "first_day", "last_day",
    "remind_days", "grace_days", "reminded_on", "opened_by", "opened_at", "closed_by", "closed_because",
)  # fmt: skip
_CAMPAIGN_NEW = f"""
INSERT INTO certification_campaigns ({", ".join(_CAMPAIGN_COLUMNS)})
VALUES ({", ".join(f":{name}" for name in _CAMPAIGN_COLUMNS)}) ON CONFLICT DO NOTHING
"""
_CAMPAIGN_CHANGED = """
UPDATE certification_campaigns SET version = :version, state = :state, reminded_on = :reminded_on,
       closed_by = :closed_by, closed_because = :closed_because
WHERE campaign_id = :campaign_id AND version = :loaded
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a campaign is in one region."""

    region: str
    persons: int = 0
    done: int = 0
    died: int = 0
    open: int = 0
    overdue: int = 0
    extended: int = 0


class CampaignStore:
    """Campaigns, as the kit loads and saves them."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, Campaign]:
        """Those that exist, locked in key order."""
        rows = await tx.fetch(
            "SELECT * FROM certification_campaigns WHERE campaign_id = ANY(CAST(:keys AS text[]))"
            " ORDER BY campaign_id FOR UPDATE",
            keys=list(keys),
        )
        return {row.campaign_id: _campaign(row) for row in rows}

    async def save(self, tx: Tx, changes: Sequence[Change[Campaign]]) -> None:
        """One by one: campaigns are few."""
        for change in changes:
            values = {name: getattr(change.state, name) for name in _CAMPAIGN_COLUMNS}
            values["remind_days"] = list(change.state.remind_days)
            if change.loaded_version is None:
                expect_rows(await tx.execute(_CAMPAIGN_NEW, **values), 1)
                continue
            changing = ("campaign_id", "version", "state", "reminded_on", "closed_by", "closed_because")
            touched = await tx.execute(
                _CAMPAIGN_CHANGED, **{name: values[name] for name in changing}, loaded=change.loaded_version
            )
            expect_rows(touched, 1)


def _campaign(row: Any) -> Campaign:
    values = {name: getattr(row, name) for name in _CAMPAIGN_COLUMNS}
    return Campaign(**{**values, "remind_days": tuple(row.remind_days)})


async def find_campaign(tx: Tx, campaign_id: str) -> Campaign | None:
    """One campaign."""
    rows = await tx.fetch("SELECT * FROM certification_campaigns WHERE campaign_id = :id", id=campaign_id)
    return _campaign(rows[0]) if rows else None


async def page_of_campaigns(tx: Tx, before: tuple[datetime, str] | None, size: int) -> list[Campaign]:
    """Campaigns, newest first."""
    rows = await tx.fetch(
        "SELECT * FROM certification_campaigns WHERE CAST(:at AS timestamptz) IS NULL"
        " OR (opened_at, campaign_id) < (CAST(:at AS timestamptz), :id)"
        " ORDER BY opened_at DESC, campaign_id DESC LIMIT CAST(:size AS int)",
        at=before[0] if before else None,
        id=before[1] if before else "",
        size=size,
    )
    return [_campaign(row) for row in rows]


async def count_members(tx: Tx, campaign: Campaign, born_by: date) -> int:
    """How many people a campaign would ask for."""
    (row,) = await tx.fetch(f"SELECT count(*) AS persons FROM ({_ASKED}) asked", **_asked(campaign, born_by))
    return int(row.persons)


async def add_members(tx: Tx, campaign: Campaign, born_by: date) -> None:
    """Fix whom a campaign asks for, as known when it opens."""
    await tx.execute(
        "INSERT INTO certification_members (campaign_id, person_id, region)"
        f" SELECT :campaign_id, person_id, region FROM ({_ASKED}) asked",
        **_asked(campaign, born_by),
        campaign_id=campaign.campaign_id,
    )


def _asked(campaign: Campaign, born_by: date) -> dict[str, Any]:
    return {
        "at": campaign.opened_at,
        "born_by": born_by,
        "region": f"{campaign.region}%",
        "programme": campaign.programme,
    }


async def read_progress(
    tx: Tx, campaign_id: str, today: date, *, digits: int, regions: Sequence[str]
) -> list[Progress]:
    """Progress by so many digits of the region, within the given beginnings of regions."""
    rows = await tx.fetch(
        _PROGRESS, campaign_id=campaign_id, today=today, digits=digits, regions=[f"{one}%" for one in regions]
    )
    return [Progress(**row._mapping) for row in rows]  # noqa: SLF001 -- SQLAlchemy's public name for it


async def page_of_members(
    tx: Tx,
    campaign_id: str,
    today: date,
    *,
    states: Sequence[str],
    region: str,
    regions: Sequence[str],
    after: tuple[str, str],
    size: int,
) -> Sequence[Any]:
    """People of a campaign in these states, by village and person, after the given place."""
    return await tx.fetch(
        _PAGE,
        campaign_id=campaign_id,
        today=today,
        states=list(states),
        region=f"{region}%",
        regions=[f"{one}%" for one in regions],
        after_region=after[0],
        after_person=after[1],
        size=size,
    )


async def members_named(tx: Tx, campaign_id: str, today: date, person_id: str) -> Sequence[Any]:
    """One person of a campaign as it stands."""
    return await tx.fetch(_NAMED, campaign_id=campaign_id, today=today, regions=["%"], person_id=person_id)


async def member_region(tx: Tx, campaign_id: str, person_id: str) -> str | None:
    """The village of a person in a campaign; None where the campaign does not ask for that person."""
    rows = await tx.fetch(
        "SELECT region FROM certification_members WHERE campaign_id = :campaign_id AND person_id = :person_id",
        campaign_id=campaign_id,
        person_id=person_id,
    )
    return rows[0].region if rows else None


async def extend_member(tx: Tx, campaign_id: str, person_id: str, until: date, *, by: str, because: str) -> None:
    """Give one person more time."""
    await tx.execute(
        "UPDATE certification_members SET extended_until = :until, extended_by = :by, extended_because = :because"
        " WHERE campaign_id = :campaign_id AND person_id = :person_id",
        campaign_id=campaign_id,
        person_id=person_id,
        until=until,
        by=by,
        because=because,
    )


async def open_campaigns(tx: Tx) -> list[Campaign]:
    """Those that run, by their last day."""
    rows = await tx.fetch("SELECT * FROM certification_campaigns WHERE state = 'OPEN' ORDER BY last_day, campaign_id")
    return [_campaign(row) for row in rows]
