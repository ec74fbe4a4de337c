"""Reading alerts for people: pages that end at the reader's regions and rights, filtered in SQL so that they are full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tuoqi.alerts.domain.alert import Alert
from tuoqi.alerts.store.codec import FIELDS, alert_of
from tuoqi.kit.database import Tx

# A second file's alerts are shown under the main one; a person whom the registry has not told of yet is nowhere.
_REGION: Final = "CASE WHEN a.subject_kind = 'person' THEN coalesce(m.region, p.region, '') ELSE a.region END"
_FROM: Final = (
    "FROM alerts a LEFT JOIN people p ON a.person_id <> '' AND p.person_id = a.person_id"
    " LEFT JOIN people m ON p.merged_into <> '' AND m.person_id = p.merged_into"
)
_SELECT: Final = (
    f"SELECT {FIELDS}, a.book AS its_book, {_REGION} AS its_region,"
    f" coalesce(nullif(p.merged_into, ''), a.person_id) AS shown_person {_FROM}"
)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a reader may see: regions by prefix (the empty one means all), and whether kinds of restricted view."""

    prefixes: tuple[str, ...] = ("",)
    restricted: bool = False

    def conditions(self) -> tuple[list[str], dict[str, Any]]:
        """The conditions and the values they name."""
        wanted, values = [], {}
        if not self.restricted:
            wanted.append("NOT a.restricted")
        if "" not in self.prefixes:
            wanted.append(f"{_REGION} LIKE ANY(CAST(:prefixes AS text[]))")
            values["prefixes"] = [f"{prefix}%" for prefix in self.prefixes]
        return wanted, values


EVERYTHING: Final = Sight(restricted=True)


@dataclass(frozen=True, slots=True)
class Seen:
    """An alert with what it is shown under: the main person's id, the region ('' where nobody knows), its book."""

    alert: Alert
    person_id: str
    region: str
    book: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of alerts ended, or begins."""

    raised_at: datetime
    alert_id: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a list is narrowed to; `person_id` finds the alerts of the person's second files too."""

    only_open: bool = False
    person_id: str = ""
    kind: str = ""


NO_WISH: Final = Wish()


async def newest(
    tx: Tx, limit: int, *, before: Place | None = None, wish: Wish = NO_WISH, sight: Sight = EVERYTHING
) -> list[Seen]:
    """Alerts that may be seen, the newest first, from just behind `before` on."""
    wanted, values = sight.conditions()
    if before is not None:
        wanted.append("(a.raised_at, a.alert_id) < (:raised_at, :alert_id)")
        values |= {"raised_at": before.raised_at, "alert_id": before.alert_id}
    if wish.only_open:
        wanted.append("a.closed_at IS NULL")
    if wish.person_id:
        wanted.append("a.book IN (SELECT :person UNION ALL SELECT person_id FROM people WHERE merged_into = :person)")
        values["person"] = wish.person_id
    if wish.kind:
        wanted.append("a.kind = :kind")
        values["kind"] = wish.kind
    return await _page(tx, wanted, values, "ORDER BY a.raised_at DESC, a.alert_id DESC", limit)


async def oldest(tx: Tx, limit: int, after: Place | None = None, sight: Sight = EVERYTHING) -> list[Seen]:
    """All alerts that may be seen in order of their raise, from just behind `after` on."""
    wanted, values = sight.conditions()
    if after is not None:
        wanted.append("(a.raised_at, a.alert_id) > (:raised_at, :alert_id)")
        values |= {"raised_at": after.raised_at, "alert_id": after.alert_id}
    return await _page(tx, wanted, values, "ORDER BY a.raised_at, a.alert_id", limit)


async def one(tx: Tx, alert_id: str) -> Seen | None:
    """The alert of this id, open or closed, whoever asks."""
    rows = await tx.fetch(f"{_SELECT} WHERE a.alert_id = :alert_id", alert_id=alert_id)
    return _seen(rows[0]) if rows else None


async def open_by_severity(tx: Tx, sight: Sight = EVERYTHING) -> dict[str, int]:
    """How many alerts that may be seen are open, by severity."""
    wanted, values = sight.conditions()
    where = " AND ".join(["a.closed_at IS NULL", *wanted])
    rows = await tx.fetch(f"SELECT a.severity, count(*) AS n {_FROM} WHERE {where} GROUP BY a.severity", **values)
    return {row.severity: row.n for row in rows}


async def _page(tx: Tx, wanted: Sequence[str], values: dict[str, Any], order: str, limit: int) -> list[Seen]:
    where = " AND ".join(wanted) or "true"
    rows = await tx.fetch(f"{_SELECT} WHERE {where} {order} LIMIT CAST(:top AS int)", top=limit, **values)
    return [_seen(row) for row in rows]


def _seen(row: Any) -> Seen:
    return Seen(alert_of(row), row.shown_person, row.its_region, row.its_book)
