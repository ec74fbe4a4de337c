"""Notices that wait to be told, and deliveries: one message to one person by one channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tuoqi.alerts.domain.notices import Notice
from tuoqi.kit.database import Tx

_WRITE: Final = """
INSERT INTO notices (alert_id, occasion, level, at)
SELECT * FROM unnest(CAST(:alerts AS text[]), CAST(:occasions AS text[]), CAST(:levels AS text[]),
                     CAST(:moments AS timestamptz[]))
ON CONFLICT DO NOTHING
"""
_WAITING: Final = """
SELECT n.notice_id, n.occasion, n.level, n.at, a.alert_id, a.kind, a.severity, a.raised_at, a.restricted, a.rules_from,
       a.closed_at, a.reopened_at, coalesce(nullif(a.region, ''), m.region, p.region, '') AS place
FROM notices n JOIN alerts a USING (alert_id)
LEFT JOIN people p ON a.person_id <> '' AND p.person_id = a.person_id
LEFT JOIN people m ON p.merged_into <> '' AND m.person_id = p.merged_into
WHERE n.state = 'WAITING' ORDER BY n.notice_id LIMIT CAST(:top AS int) FOR UPDATE OF n SKIP LOCKED
"""
_SETTLE: Final = """
UPDATE notices SET state = t.state, reached = t.reached
FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:reached AS text[])) AS t(notice_id, state, reached)
WHERE notices.notice_id = t.notice_id
"""
_MAKE: Final = """
INSERT INTO deliveries (delivery_id, notice_id, alert_id, recipient, channel, urgency, body)
SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:notices AS bigint[]), CAST(:alerts AS text[]),
                     CAST(:recipients AS text[]), CAST(:channels AS text[]), CAST(:urgencies AS int[]),
                     CAST(:bodies AS text[]))
ON CONFLICT DO NOTHING
"""
_CLAIM: Final = """
UPDATE deliveries SET next_try_at = now() + make_interval(secs => CAST(:lease AS float)), tries = tries + 1
WHERE delivery_id IN (
    SELECT delivery_id FROM deliveries WHERE state = 'WAITING' AND channel = :channel AND next_try_at <= now()
    ORDER BY urgency DESC, made_at LIMIT CAST(:top AS int) FOR UPDATE SKIP LOCKED)
RETURNING delivery_id, alert_id, recipient, channel, urgency, body, tries
"""
_SENT: Final = """
UPDATE deliveries SET state = 'SENT', sent_at = now(), proof = :proof, fault = ''
WHERE delivery_id = :delivery_id AND state = 'WAITING'
"""
_FAILED: Final = """
UPDATE deliveries SET state = :state, fault = :fault, next_try_at = now() + make_interval(secs => CAST(:after AS float))
WHERE delivery_id = :delivery_id AND state = 'WAITING'
"""
_CANCEL: Final = """
UPDATE deliveries SET state = 'CANCELLED' FROM notices n, alerts a
WHERE deliveries.state = 'WAITING' AND n.notice_id = deliveries.notice_id AND n.occasion = 'escalated'
  AND a.alert_id = n.alert_id AND a.closed_at IS NOT NULL
"""
_NEXT_LEVELS: Final = """
INSERT INTO notices (alert_id, occasion, level, at)
SELECT n.alert_id, n.occasion, further.level, n.at FROM deliveries d JOIN notices n USING (notice_id),
     unnest(CAST(:levels AS text[])) AS further(level)
WHERE d.delivery_id = :id ON CONFLICT DO NOTHING
"""
_READ: Final = """
UPDATE deliveries SET state = 'READ', read_at = coalesce(read_at, now())
WHERE recipient = :user AND channel = 'console' AND delivery_id = ANY(CAST(:ids AS text[])) AND state IN ('SENT', 'READ')
RETURNING delivery_id
"""
_SHOWN: Final = (
    "SELECT delivery_id, alert_id, recipient, channel, body, state, tries, made_at, sent_at, read_at, proof, fault"
)
_RETRY: Final = """
UPDATE deliveries SET state = 'WAITING', tries = 0, next_try_at = now() WHERE delivery_id = :id AND state = 'DEAD'
"""
_INBOX: Final = f"""
{_SHOWN} FROM deliveries WHERE recipient = :user AND channel = 'console' AND state IN ('SENT', 'READ')
  AND (NOT :unread OR state = 'SENT')
  AND (CAST(:before AS timestamptz) IS NULL OR (made_at, delivery_id) < (CAST(:before AS timestamptz), :before_id))
ORDER BY made_at DESC, delivery_id DESC LIMIT CAST(:top AS int)
"""
_NEWEST: Final = f"""
{_SHOWN} FROM deliveries WHERE (CAST(:state AS text) = '' OR state = :state)
  AND (CAST(:channel AS text) = '' OR channel = :channel)
  AND (CAST(:before AS timestamptz) IS NULL OR (made_at, delivery_id) < (CAST(:before AS timestamptz), :before_id))
ORDER BY made_at DESC, delivery_id DESC LIMIT CAST(:top AS int)
"""
_REGIONS: Final = """
SELECT region, count(*) AS people FROM people WHERE region <> '' AND merged_into = ''
  AND region LIKE ANY(CAST(:regions AS text[])) GROUP BY region ORDER BY region
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way to one person by one channel."""

    delivery_id: str
    notice_id: int
    alert_id: str
    recipient: str
    channel: str
    urgency: int
    body: str
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of deliveries ended."""

    made_at: datetime
    delivery_id: str


async def write_notices(tx: Tx, notices: Sequence[Notice]) -> None:
    """Keep what must be told, each once."""
    if notices:
        await tx.execute(
            _WRITE,
            alerts=[one.alert_id for one in notices],
            occasions=[one.occasion for one in notices],
            levels=[one.level for one in notices],
            moments=[one.at for one in notices],
        )


async def waiting_notices(tx: Tx, at_most: int) -> Sequence[Any]:
    """Notices nobody has taken up, the oldest first, with their alert and the region it lies in; locked."""
    return await tx.fetch(_WAITING, top=at_most)


async def settle_notices(tx: Tx, settled: Sequence[tuple[int, str, str]]) -> None:
    """What became of notices: (id, state, the level that was reached)."""
    if settled:
        ids, states, reached = (list(column) for column in zip(*settled, strict=True))
        await tx.execute(_SETTLE, ids=ids, states=states, reached=reached)


async def make_deliveries(tx: Tx, made: Sequence[Delivery]) -> None:
    """Keep messages to be sent, each once."""
    if made:
        await tx.execute(
            _MAKE,
            ids=[one.delivery_id for one in made],
            notices=[one.notice_id for one in made],
            alerts=[one.alert_id for one in made],
            recipients=[one.recipient for one in made],
            channels=[one.channel for one in made],
            urgencies=[one.urgency for one in made],
            bodies=[one.body for one in made],
        )


async def claim(tx: Tx, channel: str, at_most: int, lease_s: float) -> list[Delivery]:
    """Messages of a channel whose time has come, the most urgent first; nobody else takes them before the lease ends."""
    rows = await tx.fetch(_CLAIM, channel=channel, top=at_most, lease=lease_s)
    return sorted(
        (
            Delivery(row.delivery_id, 0, row.alert_id, row.recipient, row.channel, row.urgency, row.body, row.tries)
            for row in rows
        ),
        key=lambda one: -one.urgency,
    )


async def cancel_escalations(tx: Tx) -> None:
    """Nobody is told any more that an alert waits which has closed meanwhile."""
    await tx.execute(_CANCEL)


async def level_of(tx: Tx, delivery_id: str) -> str:
    """The level that a message was for: the one that was reached."""
    rows = await tx.fetch(
        "SELECT n.reached FROM deliveries d JOIN notices n USING (notice_id) WHERE d.delivery_id = :id", id=delivery_id
    )
    return rows[0].reached if rows else ""


async def pass_on(tx: Tx, delivery_id: str, levels: Sequence[str]) -> None:
    """The same is to be told to these levels too, each once."""
    await tx.execute(_NEXT_LEVELS, id=delivery_id, levels=list(levels))


async def mark_sent(tx: Tx, delivery_id: str, proof: str) -> None:
    """The channel took it; `proof` is what it answered."""
    await tx.execute(_SENT, delivery_id=delivery_id, proof=proof[:500])


async def mark_failed(tx: Tx, delivery_id: str, fault: str, *, again_after_s: float | None) -> None:
    """It failed: tried again later, or for good where no time is given."""
    state = "DEAD" if again_after_s is None else "WAITING"
    await tx.execute(_FAILED, delivery_id=delivery_id, state=state, fault=fault[:200], after=again_after_s or 0.0)


async def mark_read(tx: Tx, user: str, ids: Sequence[str]) -> list[str]:
    """The user's own messages that are read now; others are passed over."""
    return [row.delivery_id for row in await tx.fetch(_READ, user=user, ids=list(ids))]


async def inbox(tx: Tx, user: str, *, unread: bool, before: Place | None, at_most: int) -> Sequence[Any]:
    """A user's messages, newest first."""
    return await tx.fetch(_INBOX, user=user, unread=unread, top=at_most, **_before(before))


async def newest_deliveries(tx: Tx, *, state: str, channel: str, before: Place | None, at_most: int) -> Sequence[Any]:
    """Messages to anybody, newest first."""
    return await tx.fetch(_NEWEST, state=state, channel=channel, top=at_most, **_before(before))


async def standing(tx: Tx) -> tuple[float, int, int]:
    """Age of the oldest message that waits (s), messages that died, notices that reached nobody."""
    (row,) = await tx.fetch(
        "SELECT coalesce(extract(epoch FROM now() - min(made_at) FILTER (WHERE state = 'WAITING')), 0) AS oldest,"
        " count(*) FILTER (WHERE state = 'DEAD') AS dead,"
        " (SELECT count(*) FROM notices WHERE state = 'NOBODY') AS nobody FROM deliveries WHERE state IN ('WAITING', 'DEAD')"
    )
    return float(row.oldest), row.dead, row.nobody


async def retry(tx: Tx, delivery_id: str) -> bool:
    """A message that died waits again; False where it is none."""
    return bool(await tx.execute(_RETRY, id=delivery_id))


async def people_by_region(tx: Tx, regions: Sequence[str]) -> list[tuple[str, int]]:
    """How many people live in each region."""
    return [(row.region, row.people) for row in await tx.fetch(_REGIONS, regions=list(regions))]


def _before(place: Place | None) -> dict[str, Any]:
    return {"before": place.made_at if place else None, "before_id": place.delivery_id if place else ""}
