"""SQL of screening: a list's conditions become one statement here, out of constant pieces; values are parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.screening import GONE, Condition, Outcome, ScreeningList
from tuoqi.registry.store.seals import KeyRing

NOTE = "screening_rows.private"
_REGION: Final = "coalesce(nullif(p.residence_region, ''), CAST(p.hukou AS jsonb) -> -1 ->> 0)"
_MINE: Final = f"{_REGION} LIKE ANY(CAST(:regions AS text[]))"
_HERE: Final = """p.died_on IS NULL AND (p.absences = '[]' OR NOT EXISTS (
    SELECT FROM jsonb_array_elements(CAST(p.absences AS jsonb)) a
    WHERE a ->> 0 <= CAST(CAST(:day AS date) AS text)
        AND (a ->> 1 = '' OR a ->> 1 > CAST(CAST(:day AS date) AS text))))"""
# An interval that never was: ended before both its beginnings (an empty one is passed over, by `least` too).
_WAS: Final = "({0}.ended_on IS NULL OR {0}.ended_on >= least({0}.applied_on, {0}.decided_on))"
_PAPER_ENDS: Final = "s.category <> 'old_age_accepted' AND s.valid_until < CAST(:day AS date)"
# The interval that counts on the day: decided by then, and none of its category was decided later.
_COUNTS: Final = f"""s.decided_on <= CAST(:day AS date) AND {_WAS.format("s")} AND NOT EXISTS (
    SELECT FROM person_statuses n WHERE n.person_id = s.person_id AND n.category = s.category
        AND n.decided_on <= CAST(:day AS date) AND {_WAS.format("n")}
        AND (n.decided_on, n.loaded_order) > (s.decided_on, s.loaded_order))"""
_NOT_ENDED: Final = "(s.ended_on IS NULL OR s.ended_on >= CAST(:day AS date))"
_OF_CATEGORY: Final = (
    "EXISTS (SELECT FROM person_statuses s WHERE s.person_id = p.person_id"
    " AND (CAST(:{n}_categories AS text[]) = '{{}}' OR s.category = ANY(CAST(:{n}_categories AS text[]))) AND {how})"
)
_RUNS: Final = f"{_COUNTS} AND {_NOT_ENDED} AND ({_PAPER_ENDS}) IS NOT TRUE"
_LAPSED: Final = f"{_COUNTS} AND {_NOT_ENDED} AND {_PAPER_ENDS}"
# Age on a later day, as the county counts: PostgreSQL too makes 28 February of a 29 February in common years.
_AGE: Final = "CAST(p.birth_date + make_interval(years => CAST(:{n}_{bound} AS int)) AS date)"
_SCORE: Final = """coalesce((
    SELECT a.score FROM assessments a
    WHERE a.person_id = p.person_id AND a.scale = :{n}_text AND a.assessed_on <= CAST(:day AS date)
    ORDER BY a.assessed_on DESC, a.loaded_order DESC LIMIT 1), -1)"""
_VISITED: Final = (
    "SELECT FROM visited_days v WHERE v.person_id = p.person_id AND v.seen AND v.day <= CAST(:day AS date)"
)
_AGREED: Final = """EXISTS (
    SELECT FROM guardianships g
    WHERE g.child_id = p.person_id AND g.kind = 'entrusted' AND g.signed_on <= CAST(:day AS date)
        AND g.began_on <= CAST(:day AS date) AND (g.ended_on IS NULL OR g.ended_on >= CAST(:day AS date)))"""

_ADD = """
INSERT INTO screening_rows (list, person_id, found_on, seen_on, seen_run)
SELECT :list, p.person_id, :day, :day, :run FROM persons p
WHERE p.merged_into IS NULL AND {mine} AND {conditions} AND NOT EXISTS (
    SELECT FROM screening_rows r WHERE r.person_id = p.person_id AND r.list = :list AND r.outcome NOT IN ('', :gone)
        AND (r.again_on IS NULL OR r.again_on > CAST(:day AS date)))
ORDER BY p.person_id
ON CONFLICT (list, person_id) WHERE outcome = '' DO UPDATE SET seen_on = excluded.seen_on, seen_run = excluded.seen_run
"""
_CLOSE = f"""
UPDATE screening_rows r SET outcome = :gone, decided_by = :by, decided_at = :at
FROM persons p
WHERE p.person_id = r.person_id AND r.list = :list AND r.outcome = '' AND r.seen_run < :run AND {_MINE}
"""
_ROWS = f"""
SELECT r.number, r.list, r.person_id, {_REGION} AS region, r.found_on, r.seen_on, r.outcome, r.decided_by,
       r.decided_at, r.again_on
FROM screening_rows r JOIN persons p USING (person_id)
"""
_PAGE = f"""
{_ROWS} WHERE r.list = :list AND r.number > :after AND {_MINE} AND {_REGION} LIKE :below
    AND (CAST(:closed AS bool) OR r.outcome = '')
ORDER BY r.number LIMIT CAST(:page AS int)
"""
_COUNT = f"""
SELECT r.list, count(*) AS open FROM screening_rows r JOIN persons p USING (person_id)
WHERE r.outcome = '' AND {_MINE} GROUP BY r.list
"""
_DECIDE = """
UPDATE screening_rows SET outcome = :outcome, decided_by = :by, decided_at = :at, again_on = :again_on,
    private = :private
WHERE number = :number AND outcome = ''
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One person on one list."""

    number: int
    list: str
    person_id: str
    region: str
    found_on: date
    seen_on: date
    outcome: str
    """Empty while open."""
    decided_by: str
    decided_at: datetime | None
    again_on: date | None


async def run_list(
    tx: Tx, wanted: ScreeningList, day: date, regions: Sequence[str], *, by: str, at: datetime
) -> tuple[int, int, int, int]:
    """Look for a list's people within region prefixes: the run's number, how many fit, how many are new, how many gone."""
    (run,) = await tx.fetch(
        "INSERT INTO screening_runs (list, day, run_by, run_at) VALUES (:list, :day, :by, :at) RETURNING run",
        list=wanted.key,
        day=day,
        by=by,
        at=at,
    )
    (before,) = await tx.fetch("SELECT coalesce(max(number), 0) AS number FROM screening_rows")
    conditions, values = compiled(wanted)
    mine = _likes(regions)
    found = await tx.execute(
        _ADD.format(mine=_MINE, conditions=conditions),
        list=wanted.key,
        day=day,
        run=run.run,
        gone=GONE,
        regions=mine,
        **values,
    )
    (new,) = await tx.fetch(
        "SELECT count(*) AS added FROM screening_rows WHERE list = :list AND seen_run = :run AND number > :before",
        list=wanted.key,
        run=run.run,
        before=before.number,
    )
    gone = await tx.execute(_CLOSE, gone=GONE, by=by, at=at, list=wanted.key, run=run.run, regions=mine)
    return run.run, found, new.added, gone


def compiled(wanted: ScreeningList) -> tuple[str, dict[str, Any]]:
    """The conditions of a list as SQL over `persons p`, and the values it needs besides `day`."""
    pieces = [] if wanted.wants_dead else [_HERE]
    values: dict[str, Any] = {}
    for place, condition in enumerate(wanted.who):
        name = f"w{place}"
        pieces.append(_piece(condition, name))
        if condition.word in _ABOUT_CATEGORIES:
            values[f"{name}_categories"] = list(condition.categories)
        values |= {f"{name}_{bound}": number for bound, number in condition.numbers.items()}
        if condition.word in _WITH_TEXT:
            values[f"{name}_text"] = condition.text + "%" if condition.word == "region" else condition.text
    return " AND ".join(f"({piece})" for piece in pieces), values


_ABOUT_CATEGORIES: Final = {
    "in": _OF_CATEGORY.replace("{how}", _RUNS),
    "not_in": "NOT " + _OF_CATEGORY.replace("{how}", _RUNS),
    "never": "NOT " + _OF_CATEGORY.replace("{how}", f"s.decided_on IS NOT NULL AND {_WAS.format('s')}"),
    "lapsed": _OF_CATEGORY.replace("{how}", _LAPSED),
    "open": _OF_CATEGORY.replace("{how}", f"s.decided_on IS NOT NULL AND s.ended_on IS NULL AND {_WAS.format('s')}"),
}
_WITH_TEXT: Final = frozenset({"score", "region"})


def _piece(condition: Condition, name: str) -> str:
    word, numbers = condition.word, condition.numbers
    if word in _ABOUT_CATEGORIES:
        return _ABOUT_CATEGORIES[word].replace("{n}", name).replace("{{}}", "{}")
    if word == "age":
        ahead = f" + CAST(:{name}_within_days AS int)" if "within_days" in numbers else ""
        bounds = [("at_least", "<="), ("below", ">")]
        return " AND ".join(
            f"{_AGE.format(n=name, bound=bound)} {sign} CAST(:day AS date){ahead}"
            for bound, sign in bounds
            if bound in numbers
        )
    if word == "score":
        bounds = [("at_least", ">="), ("below", "<")]
        score = _SCORE.replace("{n}", name)
        limits = [f"{score} {sign} :{name}_{bound}" for bound, sign in bounds if bound in numbers]
        return " AND ".join([f"{score} >= 0", *limits])
    if word == "not_visited":
        since = f" AND v.day > CAST(:day AS date) - CAST(:{name}_days AS int)" if numbers else ""
        return f"NOT EXISTS ({_VISITED}{since})"
    if word == "region":
        return f"{_REGION} LIKE :{name}_text"
    return f"NOT {_AGREED}" if word == "agreement" else "p.died_on <= CAST(:day AS date)"


async def page_of(
    tx: Tx, key: str, regions: Sequence[str], below: str, *, closed: bool, after: int, size: int
) -> list[Row]:
    """Rows of a list after a number, oldest first."""
    rows = await tx.fetch(
        _PAGE, list=key, regions=_likes(regions), below=f"{below}%", closed=closed, after=after, page=size
    )
    return [_row(row) for row in rows]


async def open_counts(tx: Tx, regions: Sequence[str]) -> dict[str, int]:
    """How many rows are open, by list."""
    return {row.list: row.open for row in await tx.fetch(_COUNT, regions=_likes(regions))}


async def row_of(tx: Tx, number: int, *, lock: bool) -> Row | None:
    """A row, locked or not; None where there is none."""
    sql = f"{_ROWS} WHERE r.number = :number" + (" FOR UPDATE OF r" if lock else "")
    rows = await tx.fetch(sql, number=number)
    return _row(rows[0]) if rows else None


async def decide(
    tx: Tx, row: Row, outcome: Outcome, *, by: str, at: datetime, day: date, remark: str, ring: KeyRing
) -> None:
    """End an open row. The ring holds the person's key; the remark is sealed."""
    await tx.execute(
        _DECIDE,
        number=row.number,
        outcome=outcome.code,
        by=by,
        at=at,
        again_on=outcome.again_on(day),
        private=ring.seal(row.person_id, NOTE, {"remark": remark}),
    )


def _likes(regions: Sequence[str]) -> list[str]:
    return [f"{prefix}%" for prefix in regions]


def _row(row: Any) -> Row:
    return Row(**row._mapping)  # noqa: SLF001  SQLAlchemy's own name for a row's columns
