"""Pairings: by batch for handlers, in pages for people, and those that must be looked at."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.visits.domain.pairings import Pairing

COLUMNS: Final = {
    "pairing_id": "text",
    "version": "bigint",
    "kind": "text",
    "person_id": "text",
    "helper_id": "text",
    "helper_as": "text",
    "region": "text",
    "began_on": "date",
    "ended_on": "date",
    "end_reason": "text",
    "set_id": "text",
    "begun_by": "text",
    "begun_at": "timestamptz",
    "ended_by": "text",
    "ended_at": "timestamptz",
    "sealed": "bytea",
}
_NAMES: Final = ", ".join(COLUMNS)
_ARRAYS: Final = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in COLUMNS.items())
_INSERT: Final = f"INSERT INTO pairings ({_NAMES}) SELECT * FROM unnest({_ARRAYS}) ON CONFLICT DO NOTHING"
_UPDATE: Final = f"""
UPDATE pairings AS p SET {", ".join(f"{name} = t.{name}" for name in COLUMNS if name != "pairing_id")}
FROM unnest({_ARRAYS}, CAST(:loaded AS bigint[])) AS t({_NAMES}, loaded)
WHERE p.pairing_id = t.pairing_id AND p.version = t.loaded
"""
_SHOWN: Final = """
SELECT p.*, coalesce(f.region, p.region) AS lives, c.contacts, c.last_on
FROM pairings p LEFT JOIN plans f USING (person_id)
LEFT JOIN LATERAL (
    SELECT count(*) AS contacts, max(day) AS last_on FROM pairing_contacts WHERE pairing_id = p.pairing_id
) AS c ON true
"""
_LIST: Final = f"""{_SHOWN}
WHERE coalesce(f.region, p.region) LIKE ANY(CAST(:regions AS text[])) AND coalesce(f.region, p.region) LIKE :below
  AND (CAST(:kind AS text) = '' OR p.kind = :kind)
  AND (CAST(:state AS text) = '' OR (p.ended_on IS NULL) = (CAST(:state AS text) = 'IN_FORCE'))
  AND (CAST(:person AS text) = '' OR p.person_id = :person)
  AND (CAST(:helper AS text) = '' OR p.helper_id = :helper)
  AND p.pairing_id > :after
ORDER BY p.pairing_id LIMIT CAST(:page AS int)
"""
_WAITING: Final = f"""
SELECT * FROM (
    SELECT DISTINCT ON (x.person_id) x.* FROM ({_SHOWN}) AS x
    WHERE x.kind = :kind AND x.person_id > :after AND x.end_reason = ANY(CAST(:reasons AS text[]))
      AND x.lives LIKE ANY(CAST(:regions AS text[])) AND x.lives LIKE :below
      AND NOT EXISTS (
        SELECT FROM pairings n WHERE n.person_id = x.person_id AND n.kind = x.kind AND n.ended_on IS NULL)
    ORDER BY x.person_id, x.ended_at DESC, x.pairing_id DESC
) AS last ORDER BY person_id LIMIT CAST(:page AS int)
"""


class PairingStore:
    """Loads and saves pairings in one statement each."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, Pairing]:
        """Those that exist, locked in key order."""
        rows = await tx.fetch(
            f"SELECT {_NAMES} FROM pairings WHERE pairing_id = ANY(CAST(:keys AS text[])) ORDER BY pairing_id FOR UPDATE",
            keys=list(keys),
        )
        return {row.pairing_id: pairing_of(row) for row in rows}

    async def save(self, tx: Tx, changes: Sequence[Change[Pairing]]) -> None:
        """Write them, ends before beginnings. Raises Conflict where someone else was first, also with the same child."""
        new = [change.state for change in changes if change.loaded_version is None]
        known = [change for change in changes if change.loaded_version is not None]
        if known:
            loaded = [change.loaded_version for change in known]
            expect_rows(await tx.execute(_UPDATE, **_arrays([one.state for one in known]), loaded=loaded), len(known))
        if new:
            expect_rows(await tx.execute(_INSERT, **_arrays(new)), len(new))


def pairing_of(row: Any) -> Pairing:
    """A row of `pairings` as the domain wants it."""
    return Pairing(**{name: getattr(row, name) for name in COLUMNS})


def _arrays(pairings: Sequence[Pairing]) -> dict[str, list[Any]]:
    return {name: [getattr(one, name) for one in pairings] for name in COLUMNS}


async def find_pairing(tx: Tx, pairing_id: str) -> Any:
    """One with the child's village, its contacts and the last of them; None where there is none."""
    rows = await tx.fetch(f"{_SHOWN} WHERE p.pairing_id = :pairing_id", pairing_id=pairing_id)
    return rows[0] if rows else None


async def list_pairings(
    tx: Tx,
    *,
    regions: Sequence[str],
    below: str,
    kind: str,
    state: str,
    person: str,
    helper: str,
    after: str,
    page: int,
) -> Sequence[Any]:
    """Pairings by id. `regions` and `below` are prefixes of region codes."""
    return await tx.fetch(
        _LIST,
        regions=[f"{one}%" for one in regions],
        below=f"{below}%",
        kind=kind,
        state=state,
        person=person,
        helper=helper,
        after=after,
        page=page,
    )


async def list_waiting(
    tx: Tx, *, regions: Sequence[str], below: str, kind: str, reasons: Sequence[str], after: str, page: int
) -> Sequence[Any]:
    """The last pairing of children who lost theirs for one of these reasons and have none now, by child."""
    return await tx.fetch(
        _WAITING,
        regions=[f"{one}%" for one in regions],
        below=f"{below}%",
        kind=kind,
        reasons=list(reasons),
        after=after,
        page=page,
    )


async def in_force(tx: Tx, kind: str, *, person_ids: Collection[str] | None = None) -> dict[str, str]:
    """Child → helper of the pairings of a kind that hold; of these children only where any are named."""
    rows = await tx.fetch(
        "SELECT person_id, helper_id FROM pairings WHERE kind = :kind AND ended_on IS NULL"
        " AND (CAST(:every AS boolean) OR person_id = ANY(CAST(:people AS text[]))) ORDER BY person_id",
        kind=kind,
        every=person_ids is None,
        people=sorted(person_ids or ()),
    )
    return {row.person_id: row.helper_id for row in rows}


async def page_in_force(tx: Tx, after: str, at_most: int) -> list[Pairing]:
    """Pairings that hold, after an id."""
    rows = await tx.fetch(
        f"SELECT {_NAMES} FROM pairings WHERE ended_on IS NULL AND pairing_id > :after"
        " ORDER BY pairing_id LIMIT CAST(:at_most AS int)",
        after=after,
        at_most=at_most,
    )
    return [pairing_of(row) for row in rows]


async def any_pairing(tx: Tx) -> bool:
    """Whether any holds."""
    return bool(await tx.fetch("SELECT 1 FROM pairings WHERE ended_on IS NULL LIMIT 1"))


async def earlier_pairings(tx: Tx, kind: str, person_ids: Collection[str]) -> dict[str, int]:
    """Child → how many pairings of the kind there ever were: what the next one's id counts from."""
    rows = await tx.fetch(
        "SELECT person_id, count(*) AS found FROM pairings"
        " WHERE kind = :kind AND person_id = ANY(CAST(:people AS text[])) GROUP BY person_id",
        kind=kind,
        people=sorted(person_ids),
    )
    return {row.person_id: row.found for row in rows}


async def keep_contact(tx: Tx, *, key: str, pairing_id: str, day: date, channel: str, by: str, at: datetime) -> Any:
    """Keep a contact; None where it is new, else the row that had the key."""
    done = await tx.execute(
        "INSERT INTO pairing_contacts (contact_key, pairing_id, day, channel, recorded_by, recorded_at)"
        " VALUES (:key, :pairing_id, :day, :channel, :by, :at) ON CONFLICT DO NOTHING",
        key=key,
        pairing_id=pairing_id,
        day=day,
        channel=channel,
        by=by,
        at=at,
    )
    if done:
        return None
    return (await tx.fetch("SELECT * FROM pairing_contacts WHERE contact_key = :key", key=key))[0]


async def looked_on(tx: Tx) -> date | None:
    """The last day on which every pairing was looked at; None before the first look."""
    rows = await tx.fetch("SELECT day FROM pairings_looked")
    return rows[0].day if rows else None


async def note_looked(tx: Tx, day: date) -> None:
    """Every pairing has been looked at by what is known on this day."""
    await tx.execute(
        "INSERT INTO pairings_looked (day) VALUES (:day) ON CONFLICT (only_row) DO UPDATE"
        " SET day = greatest(pairings_looked.day, excluded.day)",
        day=day,
    )
