"""People's aid: their files with every application, and the ledger of goods, to which entries are only added."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.payments.domain.aid import AidFile, AidState, Application, Goods, Person

_APPLICATION: tuple[tuple[str, str], ...] = (
    ("application_id", "text"),
    ("person_id", "text"),
    ("programme", "text"),
    ("type", "text"),
    ("items", "text"),
    ("amount_fen", "bigint"),
    ("region", "text"),
    ("applied_by", "text"),
    ("applied_on", "date"),
    ("request_key", "text"),
    ("request_hash", "text"),
    ("remark", "text"),
    ("state", "text"),
    ("level", "text"),
    ("granted_fen", "bigint"),
    ("benefit_month", "text"),
    ("papers_due_on", "date"),
    ("decided_by", "text"),
    ("decided_at", "timestamptz"),
    ("reason", "text"),
    ("rule_version", "text"),
)
_LISTS = ("items", "decided_by")
_CHANGING = (
    "state",
    "level",
    "granted_fen",
    "benefit_month",
    "papers_due_on",
    "decided_by",
    "decided_at",
    "reason",
    "rule_version",
)
_GOODS: tuple[tuple[str, str], ...] = (
    ("issue_id", "text"),
    ("person_id", "text"),
    ("occasion", "text"),
    ("item", "text"),
    ("quantity", "int"),
    ("value_fen", "bigint"),
    ("issued_on", "date"),
    ("issued_by", "text"),
    ("region", "text"),
    ("request_key", "text"),
    ("request_hash", "text"),
    ("corrects", "text"),
    ("reason", "text"),
)


def _insert(table: str, columns: Sequence[tuple[str, str]]) -> str:
    names = ", ".join(name for name, _ in columns)
    arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in columns)
    return f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays})"


# Two requests of one key meet here: the second one writes nothing, begins again and finds the first.
_PUT_APPLICATIONS = f"""
{_insert("aid_applications", _APPLICATION)}
ON CONFLICT (application_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _CHANGING)}
"""
_ADD_GOODS = f"{_insert('goods_entries', _GOODS)} ON CONFLICT DO NOTHING"
_NEW_FILES = """
INSERT INTO aid_files (person_id, version)
SELECT * FROM unnest(CAST(:persons AS text[]), CAST(:versions AS bigint[])) ON CONFLICT DO NOTHING
"""
_OLD_FILES = """
UPDATE aid_files f SET version = t.version
FROM unnest(CAST(:persons AS text[]), CAST(:versions AS bigint[]), CAST(:loaded AS bigint[]))
     AS t(person_id, version, loaded)
WHERE f.person_id = t.person_id AND f.version = t.loaded
"""
_PEOPLE = """
SELECT DISTINCT ON (person_id) person_id, birth_date, died_on FROM person_facts
WHERE person_id = ANY(CAST(:ids AS text[])) ORDER BY person_id, version DESC
"""
_LIST = """
SELECT * FROM aid_applications
WHERE region LIKE ANY(CAST(:regions AS text[]))
  AND (CAST(:person_id AS text) = '' OR person_id = :person_id)
  AND (CAST(:programme AS text) = '' OR programme = :programme)
  AND (CAST(:state AS text) = '' OR state = :state)
  AND (CAST(:overdue_on AS date) IS NULL OR (state = 'PAPERS_DUE' AND papers_due_on < :overdue_on))
  AND (CAST(:day AS date) IS NULL OR (applied_on, application_id) < (:day, CAST(:before AS text)))
ORDER BY applied_on DESC, application_id DESC LIMIT CAST(:size AS int)
"""
_GOODS_FITTING = """
FROM goods_entries
WHERE region LIKE ANY(CAST(:regions AS text[]))
  AND (CAST(:person_id AS text) = '' OR person_id = :person_id)
  AND (CAST(:occasion AS text) = '' OR occasion = :occasion)
  AND issued_on BETWEEN CAST(:since AS date) AND CAST(:until AS date)
"""


class AidFileStore:
    """Aid by person, as the kit's commands load and save it."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, AidFile]:
        """Those that exist, locked in key order, each with all its applications."""
        files = await tx.fetch(
            "SELECT * FROM aid_files WHERE person_id = ANY(CAST(:keys AS text[])) ORDER BY person_id FOR UPDATE",
            keys=list(keys),
        )
        applications: dict[str, list[Application]] = {}
        for row in await tx.fetch(
            "SELECT * FROM aid_applications WHERE person_id = ANY(CAST(:keys AS text[]))"
            " ORDER BY applied_on, application_id",
            keys=[row.person_id for row in files],
        ):
            applications.setdefault(row.person_id, []).append(application_of(row))
        return {
            row.person_id: AidFile(row.person_id, row.version, tuple(applications.get(row.person_id, ())))
            for row in files
        }

    async def save(self, tx: Tx, changes: Sequence[Change[AidFile]]) -> None:
        """Files first, then what hangs on them; applications as they are now, goods only those that are new."""
        new = [change.state for change in changes if change.loaded_version is None]
        old = [change for change in changes if change.loaded_version is not None]
        if new:
            added = await tx.execute(
                _NEW_FILES, persons=[one.person_id for one in new], versions=[one.version for one in new]
            )
            expect_rows(added, len(new))
        if old:
            updated = await tx.execute(
                _OLD_FILES,
                persons=[change.state.person_id for change in old],
                versions=[change.state.version for change in old],
                loaded=[change.loaded_version for change in old],
            )
            expect_rows(updated, len(old))
        files = [change.state for change in changes]
        applications = [one for file in files for one in file.applications]
        if applications:
            await tx.execute(_PUT_APPLICATIONS, **_arrays(_APPLICATION, applications))
        goods = [one for file in files for one in file.goods]
        if goods:
            expect_rows(await tx.execute(_ADD_GOODS, **_arrays(_GOODS, goods)), len(goods))


def _arrays(columns: Sequence[tuple[str, str]], states: Sequence[Any]) -> dict[str, list[Any]]:
    return {name: [_cell(name, getattr(one, name)) for one in states] for name, _ in columns}


def _cell(name: str, value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if name in _LISTS else str(value) if name == "state" else value


def application_of(row: Any) -> Application:
    """A stored application as it stands."""
    values = {name: getattr(row, name) for name, _ in _APPLICATION}
    lists = {name: tuple(json.loads(values[name])) for name in _LISTS}
    return Application(**{**values, **lists, "state": AidState(row.state)})


def goods_of(row: Any) -> Goods:
    """A stored entry of the goods ledger."""
    return Goods(**{name: getattr(row, name) for name, _ in _GOODS})


async def read_people(tx: Tx, person_ids: Iterable[str]) -> dict[str, Person]:
    """Birth and death of people as known last; who is unknown is missing."""
    rows = await tx.fetch(_PEOPLE, ids=sorted(set(person_ids)))
    return {row.person_id: Person(row.birth_date, row.died_on) for row in rows}


async def find_request(tx: Tx, applied_by: str, key: str) -> Application | None:
    """The application that somebody's request of this key made."""
    rows = await tx.fetch(
        "SELECT * FROM aid_applications WHERE applied_by = :applied_by AND request_key = :key",
        applied_by=applied_by,
        key=key,
    )
    return application_of(rows[0]) if rows else None


async def read_applications(tx: Tx, application_ids: Sequence[str]) -> dict[str, Application]:
    """Applications by id, those that exist."""
    rows = await tx.fetch(
        "SELECT * FROM aid_applications WHERE application_id = ANY(CAST(:ids AS text[]))", ids=list(application_ids)
    )
    return {row.application_id: application_of(row) for row in rows}


@dataclass(frozen=True, slots=True)
class AidQuery:
    """Which applications a page shows; empty texts let everything through."""

    regions: Sequence[str]
    person_id: str = ""
    programme: str = ""
    state: str = ""
    overdue_on: date | None = None
    """Only those whose papers were due before this day."""
    before: tuple[date, str] | None = None
    size: int = 100


async def page_of_applications(tx: Tx, query: AidQuery) -> list[Application]:
    """A run of applications in regions, newest first."""
    rows = await tx.fetch(
        _LIST,
        regions=[f"{prefix}%" for prefix in query.regions],
        person_id=query.person_id,
        programme=query.programme,
        state=query.state,
        overdue_on=query.overdue_on,
        day=query.before[0] if query.before else None,
        before=query.before[1] if query.before else "",
        size=query.size,
    )
    return [application_of(row) for row in rows]


@dataclass(frozen=True, slots=True)
class GoodsQuery:
    """Which entries of the goods ledger a page shows."""

    regions: Sequence[str]
    since: date
    until: date
    person_id: str = ""
    occasion: str = ""
    before: tuple[date, str] | None = None
    size: int = 100


async def page_of_goods(tx: Tx, query: GoodsQuery) -> tuple[list[Goods], int]:
    """A run of entries, newest first, and what all entries that fit are worth together."""
    fitting = {
        "regions": [f"{prefix}%" for prefix in query.regions],
        "person_id": query.person_id,
        "occasion": query.occasion,
        "since": query.since,
        "until": query.until,
    }
    (total,) = await tx.fetch(f"SELECT CAST(coalesce(sum(value_fen), 0) AS bigint) AS fen {_GOODS_FITTING}", **fitting)
    rows = await tx.fetch(
        f"SELECT * {_GOODS_FITTING}"
        " AND (CAST(:day AS date) IS NULL OR (issued_on, issue_id) < (:day, CAST(:before AS text)))"
        " ORDER BY issued_on DESC, issue_id DESC LIMIT CAST(:size AS int)",
        **fitting,
        day=query.before[0] if query.before else None,
        before=query.before[1] if query.before else "",
        size=query.size,
    )
    return [goods_of(row) for row in rows], total.fen


async def find_goods(tx: Tx, issue_id: str) -> Goods | None:
    """One entry by id."""
    rows = await tx.fetch("SELECT * FROM goods_entries WHERE issue_id = :issue_id", issue_id=issue_id)
    return goods_of(rows[0]) if rows else None


async def find_correction(tx: Tx, issue_id: str) -> Goods | None:
    """The entry that took an issue back."""
    rows = await tx.fetch("SELECT * FROM goods_entries WHERE corrects = :issue_id", issue_id=issue_id)
    return goods_of(rows[0]) if rows else None


async def find_issues(tx: Tx, issued_by: str, key: str) -> list[Goods]:
    """The entries that somebody's request of this key made, by person."""
    rows = await tx.fetch(
        "SELECT * FROM goods_entries WHERE issued_by = :issued_by AND request_key = :key ORDER BY person_id",
        issued_by=issued_by,
        key=key,
    )
    return [goods_of(row) for row in rows]
