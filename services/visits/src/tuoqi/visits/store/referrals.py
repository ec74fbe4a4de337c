"""Referrals and the findings that led to them: by batch for handlers, in pages and counts for people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.visits.domain.referrals import Referral, ReferralState

COLUMNS: Final = {
    "referral_id": "text",
    "version": "bigint",
    "person_id": "text",
    "code": "text",
    "reason": "text",
    "department": "text",
    "state": "text",
    "rules_from": "date",
    "opened_at": "timestamptz",
    "last_found_at": "timestamptz",
    "due_at": "timestamptz",
    "sources": "text",
    "accepted_at": "timestamptz",
    "accepted_by": "text",
    "settled_at": "timestamptz",
    "settled_by": "text",
    "overdue_told": "boolean",
    "sealed": "bytea",
}
_NAMES: Final = ", ".join(COLUMNS)
_ARRAYS: Final = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in COLUMNS.items())
_INSERT: Final = f"INSERT INTO referrals ({_NAMES}) SELECT * FROM unnest({_ARRAYS}) ON CONFLICT DO NOTHING"
_UPDATE: Final = f"""
UPDATE referrals AS r SET {", ".join(f"{name} = t.{name}" for name in COLUMNS if name != "referral_id")}
FROM unnest({_ARRAYS}, CAST(:loaded AS bigint[])) AS t({_NAMES}, loaded)
WHERE r.referral_id = t.referral_id AND r.version = t.loaded
"""
_FIND: Final = """
INSERT INTO findings (finding_id, visit_id, person_id, code, kind, alert_kind, rules_from, found_at, reported_at)
SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:visits AS text[]), CAST(:persons AS text[]), CAST(:codes AS text[]),
                     CAST(:kinds AS text[]), CAST(:alerts AS text[]), CAST(:rules AS date[]),
                     CAST(:found AS timestamptz[]), CAST(:reported AS timestamptz[]))
ON CONFLICT DO NOTHING
"""
_DUE: Final = """
SELECT referral_id, due_at FROM referrals
WHERE settled_at IS NULL AND NOT overdue_told AND due_at <= :until
ORDER BY due_at, referral_id LIMIT CAST(:at_most AS int)
"""
_LIST: Final = """
SELECT r.*, p.region FROM referrals r JOIN plans p USING (person_id)
WHERE p.region LIKE ANY(CAST(:regions AS text[])) AND p.region LIKE :below
  AND (CAST(:department AS text) = '' OR r.department = :department)
  AND (CAST(:state AS text) = 'ALL' OR (CAST(:state AS text) = '' AND r.settled_at IS NULL) OR r.state = :state)
  AND (CAST(:person AS text) = '' OR r.person_id = :person)
  AND (NOT CAST(:overdue AS boolean) OR (r.settled_at IS NULL AND r.due_at <= :now))
  AND (CAST(:after_at AS timestamptz) IS NULL OR (r.due_at, r.referral_id) > (CAST(:after_at AS timestamptz), :after_id))
ORDER BY r.due_at, r.referral_id LIMIT CAST(:page AS int)
"""
_FIGURES: Final = """
SELECT r.department, count(*) AS referrals, count(DISTINCT r.person_id) AS people,
       count(*) FILTER (WHERE r.state = 'DONE') AS done,
       count(*) FILTER (WHERE r.state = 'DONE' AND r.settled_at <= r.due_at) AS done_in_time,
       count(*) FILTER (WHERE r.settled_at IS NULL) AS open,
       count(*) FILTER (WHERE r.settled_at IS NULL AND r.due_at <= :now) AS overdue
FROM referrals r JOIN plans p USING (person_id)
WHERE r.state <> 'CORRECTED' AND p.region LIKE ANY(CAST(:regions AS text[])) AND p.region LIKE :below
  AND (CAST(:first AS timestamptz) IS NULL OR r.opened_at >= :first)
  AND (CAST(:beyond AS timestamptz) IS NULL OR r.opened_at < :beyond)
GROUP BY r.department ORDER BY r.department
"""


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding as it is kept. `kind` is the county's group of findings, empty where no rule knows the code."""

    finding_id: str
    visit_id: str
    person_id: str
    code: str
    kind: str
    alert_kind: str
    rules_from: date
    found_at: datetime
    reported_at: datetime


class ReferralStore:
    """Loads and saves referrals in one statement each."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, Referral]:
        """Those that exist, locked in key order."""
        rows = await tx.fetch(
            f"SELECT {_NAMES} FROM referrals WHERE referral_id = ANY(CAST(:keys AS text[]))"
            " ORDER BY referral_id FOR UPDATE",
            keys=list(keys),
        )
        return {row.referral_id: referral_of(row) for row in rows}

    async def save(self, tx: Tx, changes: Sequence[Change[Referral]]) -> None:
        """Write them. Raises Conflict where someone else was first."""
        new = [change for change in changes if change.loaded_version is None]
        known = [change for change in changes if change.loaded_version is not None]
        if new:
            expect_rows(await tx.execute(_INSERT, **_arrays(new)), len(new))
        if known:
            loaded = [change.loaded_version for change in known]
            expect_rows(await tx.execute(_UPDATE, **_arrays(known), loaded=loaded), len(known))


def referral_of(row: Any) -> Referral:
    """A row of `referrals` as the domain wants it."""
    return Referral(
        referral_id=row.referral_id,
        person_id=row.person_id,
        code=row.code,
        reason=row.reason,
        department=row.department,
        opened_at=row.opened_at,
        last_found_at=row.last_found_at,
        due_at=row.due_at,
        rules_from=row.rules_from.isoformat(),
        sources=tuple(row.sources.split()),
        version=row.version,
        state=ReferralState(row.state),
        accepted_at=row.accepted_at,
        accepted_by=row.accepted_by,
        settled_at=row.settled_at,
        settled_by=row.settled_by,
        overdue_told=row.overdue_told,
        sealed=row.sealed,
    )


def _arrays(changes: Sequence[Change[Referral]]) -> dict[str, list[Any]]:
    rows = [
        {name: getattr(change.state, name) for name in COLUMNS}
        | {
            "state": change.state.state.value,
            "rules_from": date.fromisoformat(change.state.rules_from),
            "sources": " ".join(change.state.sources),
        }
        for change in changes
    ]
    return {name: [row[name] for row in rows] for name in COLUMNS}


async def keep_findings(tx: Tx, found: Sequence[FindingRow]) -> None:
    """Keep what records told; what is there already stays."""
    if not found:
        return
    await tx.execute(
        _FIND,
        ids=[one.finding_id for one in found],
        visits=[one.visit_id for one in found],
        persons=[one.person_id for one in found],
        codes=[one.code for one in found],
        kinds=[one.kind for one in found],
        alerts=[one.alert_kind for one in found],
        rules=[one.rules_from for one in found],
        found=[one.found_at for one in found],
        reported=[one.reported_at for one in found],
    )


async def drop_findings(tx: Tx, visit_ids: Collection[str], at: datetime) -> dict[str, str]:
    """Mark what corrected records told as told no longer: finding id → person."""
    rows = await tx.fetch(
        "UPDATE findings SET corrected_at = :at WHERE visit_id = ANY(CAST(:visits AS text[])) AND corrected_at IS NULL"
        " RETURNING finding_id, person_id",
        visits=sorted(visit_ids),
        at=at,
    )
    return {row.finding_id: row.person_id for row in rows}


async def findings_told(tx: Tx, visit_id: str) -> tuple[str, ...]:
    """The codes that a record told, corrected or not."""
    rows = await tx.fetch("SELECT code FROM findings WHERE visit_id = :visit_id ORDER BY code", visit_id=visit_id)
    return tuple(row.code for row in rows)


async def open_referrals(tx: Tx, person_ids: Collection[str]) -> dict[str, list[Referral]]:
    """What is not settled, by person, locked in key order."""
    found: dict[str, list[Referral]] = {}
    rows = await tx.fetch(
        f"SELECT {_NAMES} FROM referrals WHERE person_id = ANY(CAST(:keys AS text[])) AND settled_at IS NULL"
        " ORDER BY referral_id FOR UPDATE",
        keys=sorted(set(person_ids)),
    )
    for row in rows:
        found.setdefault(row.person_id, []).append(referral_of(row))
    return found


async def next_term_end(tx: Tx) -> datetime | None:
    """The earliest end of a term that has not been told."""
    (row,) = await tx.fetch("SELECT min(due_at) AS moment FROM referrals WHERE settled_at IS NULL AND NOT overdue_told")
    moment: datetime | None = row.moment
    return moment


async def terms_over(tx: Tx, until: datetime, at_most: int) -> Sequence[tuple[str, datetime]]:
    """Referrals whose terms end by `until` and are not told, the earliest first."""
    rows = await tx.fetch(_DUE, until=until, at_most=at_most)
    return [(row.referral_id, row.due_at) for row in rows]


async def find_referral(tx: Tx, referral_id: str) -> Any:
    """One referral with the region of its person; None where there is none."""
    rows = await tx.fetch(
        "SELECT r.*, p.region FROM referrals r JOIN plans p USING (person_id) WHERE r.referral_id = :referral_id",
        referral_id=referral_id,
    )
    return rows[0] if rows else None


async def list_referrals(
    tx: Tx,
    *,
    regions: Sequence[str],
    below: str,
    department: str,
    state: str,
    person: str,
    overdue: bool,
    now: datetime,
    after: tuple[datetime, str] | None,
    page: int,
) -> Sequence[Any]:
    """Referrals with the regions of their people, the earliest end of term first."""
    after_at, after_id = after or (None, "")
    return await tx.fetch(
        _LIST,
        regions=[f"{one}%" for one in regions],
        below=f"{below}%",
        department=department,
        state=state,
        person=person,
        overdue=overdue,
        now=now,
        after_at=after_at,
        after_id=after_id,
        page=page,
    )


async def referral_figures(
    tx: Tx, *, regions: Sequence[str], below: str, first: datetime | None, beyond: datetime | None, now: datetime
) -> Sequence[Any]:
    """By department: all, people, done, done in time, open, overdue."""
    return await tx.fetch(
        _FIGURES, regions=[f"{one}%" for one in regions], below=f"{below}%", first=first, beyond=beyond, now=now
    )
