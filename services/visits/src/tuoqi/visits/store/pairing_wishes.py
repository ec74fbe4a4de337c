"""Wishes of helpers and guardians, who may not be paired, and relatives: kept, forgotten, read for a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from tuoqi.kit.database import Tx


@dataclass(frozen=True, slots=True)
class Wish:
    """What a helper or a child's guardian wishes."""

    subject_id: str
    subject: str
    sex: str = ""
    age_from: int = 0
    age_to: int = 99
    at_most: int | None = None
    village: str = ""
    refuses: tuple[str, ...] = ()
    wants: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is wished."""
        return self == Wish(self.subject_id, self.subject)


class Place(NamedTuple):
    """Where somebody is whom a wish may be about, and what his id names: `worker` or `person`."""

    region: str
    helper_as: str


async def wishes_of(tx: Tx, subject: str, ids: Collection[str] | None = None) -> dict[str, Wish]:
    """Subject → what is wished; of these only where any are named."""
    rows = await tx.fetch(
        "SELECT * FROM pairing_wishes WHERE subject = :subject"
        " AND (CAST(:every AS boolean) OR subject_id = ANY(CAST(:ids AS text[])))",
        subject=subject,
        every=ids is None,
        ids=sorted(ids or ()),
    )
    return {row.subject_id: _wish_of(row) for row in rows}


def _wish_of(row: Any) -> Wish:
    """A row of `pairing_wishes`."""
    return Wish(
        subject_id=row.subject_id,
        subject=row.subject,
        sex=row.sex,
        age_from=row.age_from,
        age_to=row.age_to,
        at_most=row.at_most,
        village=row.village,
        refuses=tuple(row.refuses.split()),
        wants=row.wants,
    )


async def barred_of(tx: Tx, ids: Collection[str] | None = None) -> dict[str, frozenset[str]]:
    """Child → helpers it may not be paired with."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    rows = await tx.fetch(
        "SELECT person_id, helper_id FROM pairing_conflicts"
        " WHERE CAST(:every AS boolean) OR person_id = ANY(CAST(:ids AS text[]))",
        every=ids is None,
        ids=sorted(ids or ()),
    )
    for row in rows:
        found[row.person_id].add(row.helper_id)
    return {person_id: frozenset(helpers) for person_id, helpers in found.items()}


_WISH_COLUMNS: Final = ("subject_id", "subject", "sex", "age_from", "age_to", "at_most", "village", "refuses", "wants")


async def keep_wishes(tx: Tx, wishes: Sequence[Wish], by: str, at: datetime) -> set[str]:
    """Write wishes in place of what was there; the subjects whose wish changed."""
    kinds = ("text", "text", "text", "int", "int", "int", "text", "text", "text")
    arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in zip(_WISH_COLUMNS, kinds, strict=True))
    names = ", ".join(_WISH_COLUMNS)
    rest = [name for name in _WISH_COLUMNS if name != "subject_id"]
    rows = await tx.fetch(
        f"INSERT INTO pairing_wishes ({names}, recorded_by, recorded_at)"
        f" SELECT *, CAST(:by AS text), CAST(:at AS timestamptz) FROM unnest({arrays})"
        " ON CONFLICT (subject_id) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in (*rest, "recorded_by", "recorded_at"))
        + f" WHERE ({', '.join('pairing_wishes.' + name for name in rest)}) IS DISTINCT FROM"
        f" ({', '.join('excluded.' + name for name in rest)}) RETURNING subject_id",
        by=by,
        at=at,
        **{name: [_cell(getattr(one, name)) for one in wishes] for name in _WISH_COLUMNS},
    )
    return {row.subject_id for row in rows}


def _cell(value: Any) -> Any:
    return " ".join(sorted(value)) if isinstance(value, tuple) else value


async def forget_wishes(tx: Tx, subject_ids: Collection[str]) -> set[str]:
    """Take wishes out; those that were there."""
    rows = await tx.fetch(
        "DELETE FROM pairing_wishes WHERE subject_id = ANY(CAST(:ids AS text[])) RETURNING subject_id",
        ids=sorted(subject_ids),
    )
    return {row.subject_id for row in rows}


async def keep_conflict(tx: Tx, helper_id: str, person_id: str, reason: str, by: str, at: datetime) -> bool:
    """The two may not be paired; whether that is new."""
    return bool(
        await tx.execute(
            "INSERT INTO pairing_conflicts VALUES (:helper_id, :person_id, :reason, :by, :at) ON CONFLICT DO NOTHING",
            helper_id=helper_id,
            person_id=person_id,
            reason=reason,
            by=by,
            at=at,
        )
    )


async def forget_conflict(tx: Tx, helper_id: str, person_id: str) -> bool:
    """They may again; whether they might not."""
    return bool(
        await tx.execute(
            "DELETE FROM pairing_conflicts WHERE helper_id = :helper_id AND person_id = :person_id",
            helper_id=helper_id,
            person_id=person_id,
        )
    )


async def keep_relative(tx: Tx, helper_id: str, person_id: str, helper_as: str, by: str, at: datetime) -> bool:
    """Register a relative; whether that is new."""
    return bool(
        await tx.execute(
            "INSERT INTO pairing_relatives VALUES (:helper_id, :person_id, :helper_as, :by, :at) ON CONFLICT DO NOTHING",
            helper_id=helper_id,
            person_id=person_id,
            helper_as=helper_as,
            by=by,
            at=at,
        )
    )


async def forget_relative(tx: Tx, helper_id: str, person_id: str) -> bool:
    """Take a relative out; whether there was one."""
    return bool(
        await tx.execute(
            "DELETE FROM pairing_relatives WHERE helper_id = :helper_id AND person_id = :person_id",
            helper_id=helper_id,
            person_id=person_id,
        )
    )


async def places_of(tx: Tx, ids: Collection[str]) -> dict[str, Place]:
    """People with a visit file and workers among these ids; a worker is where his last post is or was."""
    rows = await tx.fetch(
        """
        SELECT person_id AS id, region, 'person' AS helper_as FROM plans WHERE person_id = ANY(CAST(:ids AS text[]))
        UNION ALL
        SELECT worker_id, coalesce(CAST(posts AS jsonb) -> -1 ->> 1, ''), 'worker' FROM helpers
        WHERE worker_id = ANY(CAST(:ids AS text[]))
        """,
        ids=sorted(set(ids)),
    )
    return {row.id: Place(row.region, row.helper_as) for row in rows}
