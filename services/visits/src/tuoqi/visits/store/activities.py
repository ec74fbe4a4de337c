"""Activities: by batch for handlers, in pages for people, each edition kept; campaigns and what they came to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.visits.domain.activities import Activity, ActivityState, Campaign, Count, Said

_SAID: Final = {
    "day": "date",
    "region": "text",
    "channel": "text",
    "others": "int",
    "others_approximate": "boolean",
    "places": "int",
    "places_approximate": "boolean",
    "materials": "int",
    "materials_approximate": "boolean",
    "evidence": "text",
    "sealed": "bytea",
    "state": "text",
    "edition": "int",
    "recorded_by": "text",
    "recorded_at": "timestamptz",
}
_COLUMNS: Final = {
    "activity_id": "text",
    "version": "bigint",
    "number": "text",
    "kind": "text",
    "campaign": "text",
    "named": "int",
    **_SAID,
}


def _arrays_of(columns: dict[str, str]) -> str:
    return ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in columns.items())


_NAMES: Final = ", ".join(_COLUMNS)
_EDITION: Final = {"activity_id": "text", **_SAID}
_INSERT: Final = f"""
INSERT INTO activities ({_NAMES}) SELECT * FROM unnest({_arrays_of(_COLUMNS)}) ON CONFLICT DO NOTHING
"""
_UPDATE: Final = f"""
UPDATE activities AS a SET {", ".join(f"{name} = t.{name}" for name in _COLUMNS if name != "activity_id")}
FROM unnest({_arrays_of(_COLUMNS)}, CAST(:loaded AS bigint[])) AS t({_NAMES}, loaded)
WHERE a.activity_id = t.activity_id AND a.version = t.loaded
"""
# A new list of names is no new edition.
_KEEP_EDITIONS: Final = f"""
INSERT INTO activity_editions ({", ".join(_EDITION)}) SELECT * FROM unnest({_arrays_of(_EDITION)}) ON CONFLICT DO NOTHING
"""
_MINE: Final = """
FROM activities a
WHERE a.region LIKE ANY(CAST(:regions AS text[])) AND a.region LIKE :below
  AND (CAST(:first AS date) IS NULL OR a.day >= :first) AND (CAST(:last AS date) IS NULL OR a.day <= :last)
  AND (CAST(:kind AS text) = '' OR a.kind = :kind) AND (CAST(:campaign AS text) = '' OR a.campaign = :campaign)
"""
_LIST: Final = f"""
SELECT a.* {_MINE} AND (CAST(:state AS text) = '' OR a.state = :state)
  AND (CAST(:before_day AS date) IS NULL OR (a.day, a.activity_id) < (CAST(:before_day AS date), :before_id))
ORDER BY a.day DESC, a.activity_id DESC LIMIT CAST(:page AS int)
"""
_SUMS: Final = """
count(*) AS sessions, coalesce(sum(a.others), 0) + coalesce(sum(a.named), 0) AS times,
coalesce(sum(a.named), 0) AS named_times, coalesce(sum(a.materials), 0) AS materials,
coalesce(sum(a.places), 0) AS places,
coalesce(bool_or(a.others_approximate OR a.materials_approximate OR a.places_approximate), false) AS approximate
"""
_TOTAL: Final = f"""
SELECT {_SUMS}, (
    SELECT count(DISTINCT n.person_id) FROM attendance n
    WHERE n.ended_at IS NULL AND n.counts AND n.activity_id IN (SELECT a.activity_id {_MINE} AND a.state = 'HELD')
) AS persons {_MINE} AND a.state = 'HELD'
"""
_CAMPAIGNS: Final = f"""
SELECT c.*, s.*, p.persons FROM campaigns c
CROSS JOIN LATERAL (SELECT {_SUMS} FROM activities a WHERE a.campaign = c.campaign AND a.state = 'HELD') s
CROSS JOIN LATERAL (
    SELECT count(DISTINCT n.person_id) AS persons FROM attendance n JOIN activities a USING (activity_id)
    WHERE a.campaign = c.campaign AND a.state = 'HELD' AND n.ended_at IS NULL AND n.counts
) p
WHERE c.region LIKE ANY(CAST(:regions AS text[]))
  AND (CAST(:day AS date) IS NULL OR :day BETWEEN c.first_day AND c.last_day)
ORDER BY c.first_day DESC, c.campaign LIMIT 500
"""


class ActivityStore:
    """Loads and saves activities in one statement each."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, Activity]:
        """Those that exist, locked in key order."""
        rows = await tx.fetch(
            f"SELECT {_NAMES} FROM activities WHERE activity_id = ANY(CAST(:keys AS text[]))"
            " ORDER BY activity_id FOR UPDATE",
            keys=list(keys),
        )
        return {row.activity_id: activity_of(row) for row in rows}

    async def save(self, tx: Tx, changes: Sequence[Change[Activity]]) -> None:
        """Write them, each edition once. Raises Conflict where someone else was first."""
        new = [change.state for change in changes if change.loaded_version is None]
        known = [change for change in changes if change.loaded_version is not None]
        if new:
            expect_rows(await tx.execute(_INSERT, **_arrays(new, _COLUMNS)), len(new))
        if known:
            states = [change.state for change in known]
            loaded = [change.loaded_version for change in known]
            expect_rows(await tx.execute(_UPDATE, **_arrays(states, _COLUMNS), loaded=loaded), len(known))
        await tx.execute(_KEEP_EDITIONS, **_arrays([change.state for change in changes], _EDITION))


def activity_of(row: Any) -> Activity:
    """A row of `activities` as the domain wants it."""
    return Activity(
        activity_id=row.activity_id,
        number=row.number,
        kind=row.kind,
        campaign=row.campaign,
        said=said_of(row),
        state=ActivityState(row.state),
        recorded_by=row.recorded_by,
        recorded_at=row.recorded_at,
        edition=row.edition,
        named=row.named,
        version=row.version,
    )


def said_of(row: Any) -> Said:
    """What a row of activities or editions says."""
    return Said(
        day=row.day,
        region=row.region,
        channel=row.channel,
        others=Count(row.others, row.others_approximate),
        places=Count(row.places, row.places_approximate),
        materials=Count(row.materials, row.materials_approximate),
        evidence=tuple(row.evidence.split()),
        sealed=row.sealed,
    )


def _arrays(states: Sequence[Activity], columns: dict[str, str]) -> dict[str, list[Any]]:
    rows = [_row(state) for state in states]
    return {name: [row[name] for row in rows] for name in columns}


def _row(one: Activity) -> dict[str, Any]:
    said = one.said
    counts = {
        key: value
        for name, count in (("others", said.others), ("places", said.places), ("materials", said.materials))
        for key, value in ((name, count.number), (f"{name}_approximate", count.approximate))
    }
    return counts | {
        "activity_id": one.activity_id,
        "version": one.version,
        "number": one.number,
        "kind": one.kind,
        "campaign": one.campaign,
        "named": one.named,
        "day": said.day,
        "region": said.region,
        "channel": said.channel,
        "evidence": " ".join(said.evidence),
        "sealed": said.sealed,
        "state": one.state.value,
        "edition": one.edition,
        "recorded_by": one.recorded_by,
        "recorded_at": one.recorded_at,
    }


async def activities_by_number(tx: Tx, numbers: Collection[str]) -> dict[str, Any]:
    """Rows of activities by the county's number."""
    rows = await tx.fetch(
        "SELECT * FROM activities WHERE number = ANY(CAST(:numbers AS text[]))", numbers=sorted(set(numbers))
    )
    return {row.number: row for row in rows}


async def editions_of(tx: Tx, activity_id: str) -> Sequence[Any]:
    """Everything that was said of one, the first first."""
    return await tx.fetch(
        "SELECT * FROM activity_editions WHERE activity_id = :activity_id ORDER BY edition", activity_id=activity_id
    )


async def list_activities(tx: Tx, asked: dict[str, Any], state: str, before: tuple[date, str] | None, page: int) -> Any:
    """Activities, the newest day first. `asked` is what `asking` made."""
    day, name = before or (None, "")
    return await tx.fetch(_LIST, **asked, state=state, before_day=day, before_id=name, page=page)


async def total_of(tx: Tx, asked: dict[str, Any]) -> Any:
    """Persons, times and the rest over all activities held."""
    (row,) = await tx.fetch(_TOTAL, **asked)
    return row


def asking(
    regions: Sequence[str], below: str, first: date | None, last: date | None, kind: str, campaign: str
) -> dict[str, Any]:
    """Which activities a list and its total are about."""
    return {
        "regions": [f"{one}%" for one in regions],
        "below": f"{below}%",
        "first": first,
        "last": last,
        "kind": kind,
        "campaign": campaign,
    }


async def keep_campaign(tx: Tx, one: Campaign, sealed: bytes | None, by: str, at: datetime) -> bool:
    """Keep a campaign; whether it is new."""
    kept = await tx.execute(
        "INSERT INTO campaigns (campaign, kind, region, first_day, last_day, target, measure, sealed, opened_by,"
        " opened_at) VALUES (:campaign, :kind, :region, :first_day, :last_day, :target, :measure, :sealed, :by, :at)"
        " ON CONFLICT DO NOTHING",
        **{name: getattr(one, name) for name in Campaign.__slots__},
        sealed=sealed,
        by=by,
        at=at,
    )
    return kept == 1


async def find_campaign(tx: Tx, campaign: str) -> Campaign | None:
    """One campaign."""
    rows = await tx.fetch("SELECT * FROM campaigns WHERE campaign = :campaign", campaign=campaign)
    return Campaign(**{name: getattr(rows[0], name) for name in Campaign.__slots__}) if rows else None


async def list_campaigns(tx: Tx, regions: Sequence[str], day: date | None) -> Sequence[Any]:
    """Campaigns with what they came to, the newest first."""
    return await tx.fetch(_CAMPAIGNS, regions=[f"{one}%" for one in regions], day=day)
