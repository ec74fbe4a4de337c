"""Who looks after whom: what must be shared out anew, the people and posts of a township, and what was decided.

Triggers of the schema note each region in which a plan or a post changed; nothing here can overlook one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

from tuoqi.kit.database import Tx
from tuoqi.visits.domain.sharing import Holder, Member, Move

UNIT_DIGITS: Final = 9
"""People are shared out township by township: so many digits name one."""

_POSTS: Final = "jsonb_array_elements(CAST(w.posts AS jsonb)) AS post"
_TAKE_NEWS: Final = """
WITH taken AS (DELETE FROM assignment_news RETURNING region), wanted AS (SELECT DISTINCT region FROM taken)
INSERT INTO assignment_units (unit)
SELECT left(region, 9) FROM wanted WHERE substr(region, 7, 3) <> '000'
UNION SELECT DISTINCT left(p.region, 9) FROM wanted w JOIN plans p ON left(p.region, 6) = left(w.region, 6)
WHERE substr(w.region, 7, 3) = '000'
ON CONFLICT DO NOTHING
"""
_TURNS: Final = f"""
SELECT day, region FROM workers w, {_POSTS},
LATERAL (VALUES (CAST(post ->> 2 AS date)), (CAST(nullif(post ->> 3, '') AS date) + 1)) AS turn(day),
LATERAL (SELECT post ->> 1 AS region) AS place
WHERE day > :after AND (CAST(:until AS date) IS NULL OR day <= :until)
"""
_MEMBERS: Final = """
SELECT p.person_id, p.region, p.grade, a.worker_id, a.by_hand AND a.active AS by_hand, a.active, a.seq
FROM plans p LEFT JOIN assignments a USING (person_id)
WHERE p.region >= :low AND p.region < :high AND (p.grade IS NOT NULL OR a.active) ORDER BY p.person_id
"""
_HOLDERS: Final = f"""
SELECT w.worker_id, post ->> 0 AS kind, post ->> 1 AS region FROM workers w, {_POSTS}
WHERE CAST(post ->> 2 AS date) <= :day AND (post ->> 3 = '' OR CAST(post ->> 3 AS date) >= :day)
  AND (post ->> 1 LIKE :below OR post ->> 1 = :county
       OR w.worker_id = ANY(CAST(:workers AS text[])))
"""
_OUTSIDE: Final = """
SELECT a.worker_id, p.grade, count(*) AS people FROM assignments a JOIN plans p USING (person_id)
WHERE a.active AND a.worker_id = ANY(CAST(:workers AS text[])) AND p.grade IS NOT NULL
  AND NOT (p.region >= :low AND p.region < :high)
GROUP BY 1, 2
"""
_STANDING: Final = """
SELECT p.person_id, p.region, coalesce(p.grade, '') AS grade, coalesce(a.seq, 0) AS seq,
       coalesce(a.worker_id, '') AS worker_id, coalesce(a.by_hand AND a.active, false) AS by_hand
FROM plans p LEFT JOIN assignments a USING (person_id)
WHERE p.person_id = ANY(CAST(:keys AS text[])) ORDER BY p.person_id FOR UPDATE OF p
"""
_WRITE: Final = """
INSERT INTO assignments AS a (person_id, worker_id, reason, by_hand, active, seq, since)
SELECT t.person_id, t.worker_id, t.reason, t.by_hand, t.active, t.seq, :at
FROM unnest(CAST(:keys AS text[]), CAST(:workers AS text[]), CAST(:reasons AS text[]), CAST(:by_hand AS boolean[]),
            CAST(:active AS boolean[]), CAST(:seqs AS int[]))
     AS t(person_id, worker_id, reason, by_hand, active, seq)
ON CONFLICT (person_id) DO UPDATE SET worker_id = excluded.worker_id, reason = excluded.reason,
    by_hand = excluded.by_hand, active = excluded.active, seq = excluded.seq, since = excluded.since
"""


class Place(NamedTuple):
    """How a person stands: village, grade (empty = no plan), decisions so far, and what was decided."""

    region: str
    grade: str
    seq: int
    worker_id: str
    by_hand: bool


class Clock(NamedTuple):
    """When news are due to be shared out, if any were seen; the last day whose turning posts were looked at."""

    due_at: datetime | None
    looked_on: date


async def assignment_clock(tx: Tx) -> Clock | None:
    """Where the sharing out stands, None before anybody looked."""
    rows = await tx.fetch("SELECT due_at, looked_on FROM assignment_clock")
    return Clock._make(rows[0]) if rows else None


async def set_assignment_clock(tx: Tx, clock: Clock) -> None:
    """Note where the sharing out stands."""
    await tx.execute(
        "INSERT INTO assignment_clock (due_at, looked_on) VALUES (:due_at, :looked_on) ON CONFLICT (only_row)"
        " DO UPDATE SET due_at = excluded.due_at, looked_on = excluded.looked_on",
        due_at=clock.due_at,
        looked_on=clock.looked_on,
    )


async def anything_to_share(tx: Tx) -> bool:
    """Whether a plan or a post changed since the last sharing out."""
    (row,) = await tx.fetch(
        "SELECT EXISTS (SELECT FROM assignment_news) OR EXISTS (SELECT FROM assignment_units) AS found"
    )
    return bool(row.found)


async def next_turn(tx: Tx, after: date) -> date | None:
    """The next day later than `after` on which a post begins or is over."""
    (row,) = await tx.fetch(f"SELECT min(day) AS day FROM ({_TURNS}) t", after=after, until=None)
    day: date | None = row.day
    return day


async def note_turns(tx: Tx, after: date, until: date) -> None:
    """Note the regions of posts that begin or are over on a day in between, `until` included."""
    await tx.execute(
        f"INSERT INTO assignment_news (region) SELECT DISTINCT region FROM ({_TURNS}) t", after=after, until=until
    )


async def note_region(tx: Tx, region: str) -> None:
    """Share this village out again."""
    await tx.execute("INSERT INTO assignment_news (region) VALUES (:region)", region=region)


async def take_units(tx: Tx) -> list[str]:
    """Turn the news into townships to be shared out, and give all of them in order."""
    await tx.execute(_TAKE_NEWS)
    return [row.unit for row in await tx.fetch("SELECT unit FROM assignment_units ORDER BY unit")]


async def finish_unit(tx: Tx, unit: str) -> None:
    """A township is shared out."""
    await tx.execute("DELETE FROM assignment_units WHERE unit = :unit", unit=unit)


async def members_of(tx: Tx, unit: str) -> list[Member]:
    """Everybody in a township who has a plan or stands as looked after."""
    rows = await tx.fetch(_MEMBERS, low=unit, high=f"{unit}:")
    return [
        Member(
            person_id=row.person_id,
            region=row.region,
            grade=row.grade or "",
            worker_id=(row.worker_id or "") if row.active else "",
            by_hand=bool(row.by_hand),
            known=bool(row.active),
            seq=row.seq or 0,
        )
        for row in rows
    ]


async def holders_of(tx: Tx, unit: str, day: date, workers: Collection[str] = ()) -> list[Holder]:
    """The posts held on a day in a township, its villages and the county, and all posts of the workers named."""
    rows = await tx.fetch(
        _HOLDERS,
        day=day,
        below=f"{unit}%",
        county=unit[:6].ljust(12, "0"),
        workers=sorted(workers),
    )
    return [Holder(row.worker_id, row.kind, row.region) for row in rows]


async def loads_outside(
    tx: Tx, unit: str, workers: Collection[str], weight: Mapping[str, int], other: int
) -> dict[str, int]:
    """What these workers have beyond the township, in hundredths of visits a month."""
    loads: dict[str, int] = {}
    for row in await tx.fetch(_OUTSIDE, workers=sorted(workers), low=unit, high=f"{unit}:"):
        loads[row.worker_id] = loads.get(row.worker_id, 0) + row.people * weight.get(row.grade, other)
    return loads


async def lock_places(tx: Tx, person_ids: Collection[str]) -> dict[str, Place]:
    """How people stand now, their plans' rows locked in key order."""
    rows = await tx.fetch(_STANDING, keys=sorted(person_ids))
    return {row.person_id: Place(row.region, row.grade, row.seq, row.worker_id, row.by_hand) for row in rows}


async def write_assignments(tx: Tx, moves: Sequence[Move], *, closed: str, at: datetime) -> None:
    """Keep what was decided. A move whose reason is `closed` ends an assignment."""
    await tx.execute(
        _WRITE,
        keys=[move.member.person_id for move in moves],
        workers=[move.worker_id for move in moves],
        reasons=[move.reason for move in moves],
        by_hand=[move.by_hand for move in moves],
        active=[move.reason != closed for move in moves],
        seqs=[move.member.seq + 1 for move in moves],
        at=at,
    )


async def holds_post(tx: Tx, worker_id: str, day: date) -> bool:
    """Whether somebody is a worker with any post on a day."""
    return bool(await holders_of(tx, "-", day, [worker_id]))


async def release(tx: Tx, person_ids: Collection[str]) -> int:
    """Take back what was decided by hand: from the next sharing out on they are shared like all others."""
    return await tx.execute(
        "UPDATE assignments SET by_hand = false WHERE by_hand AND person_id = ANY(CAST(:keys AS text[]))",
        keys=sorted(person_ids),
    )
