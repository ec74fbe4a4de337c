"""Figures: each is a query of rows (what, who, when, where, how many), counted or opened row by row; never two queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.visits.domain.figures import Cell, Figure, Period
from tuoqi.visits.store.coverage import MET, STANDS

_VISITS: Final = f"""
SELECT 'visit' AS source, v.visit_id AS source_id, v.person_id, v.counts_on AS day, p.region, 1 AS times,
       false AS approximate, p.birth_date
FROM visit_records v JOIN plans p USING (person_id)
WHERE v.counts_on BETWEEN :first AND :last AND {MET} AND {STANDS}
"""
_SERVICES: Final = """
SELECT 'service', g.source || '/' || g.kind, g.person_id, g.day, g.region, g.count, false, p.birth_date
FROM service_given g LEFT JOIN plans p USING (person_id)
WHERE g.day BETWEEN :first AND :last AND NOT g.voided
  AND (CAST(:services AS text[]) = '{}' OR g.kind = ANY(CAST(:services AS text[])))
"""
_HELD: Final = """
a.state = 'HELD' AND a.day BETWEEN :first AND :last
AND (CAST(:kinds AS text[]) = '{}' OR a.kind = ANY(CAST(:kinds AS text[])))
"""
_NAMED: Final = f"""
SELECT 'attendance', a.activity_id, n.person_id, a.day, n.region, 1, false, p.birth_date
FROM activities a JOIN attendance n USING (activity_id) LEFT JOIN plans p ON p.person_id = n.person_id
WHERE {_HELD} AND n.ended_at IS NULL AND n.counts
"""
_OF_ACTIVITY: Final = """
SELECT 'activity' AS source, a.activity_id AS source_id, '' AS person_id, a.day, a.region, {number} AS times,
       {approximate} AS approximate, CAST(NULL AS date) AS birth_date
FROM activities a WHERE {held} AND {number} > 0
"""
_PAIRED: Final = """
SELECT 'pairing' AS source, r.pairing_id AS source_id, r.{who} AS person_id, r.began_on AS day, r.region, 1 AS times,
       false AS approximate, p.birth_date
FROM pairings r LEFT JOIN plans p ON p.person_id = r.person_id
WHERE r.began_on <= :last AND (r.ended_on IS NULL OR r.ended_on > :first)
  AND (CAST(:pairings AS text[]) = '{{}}' OR r.kind = ANY(CAST(:pairings AS text[])))
"""
_WHO: Final = """
SELECT * FROM ({rows}) AS f
WHERE f.region LIKE ANY(CAST(:regions AS text[])) AND f.region LIKE :below
"""
_AGE: Final = """
AND f.birth_date + make_interval(years => CAST(:age_from AS int)) <= f.day
AND f.birth_date + make_interval(years => CAST(:age_below AS int)) > f.day
"""
_GRADED: Final = """
AND EXISTS (SELECT FROM plan_spans s WHERE s.person_id = f.person_id AND f.day BETWEEN s.from_day AND s.to_day
            AND s.grade = ANY(CAST(:grades AS text[])))
"""
_COUNTED: Final = """
SELECT {key} AS key, {value} AS value, coalesce(bool_or(f.approximate), false) AS approximate,
       coalesce(sum(f.times) FILTER (WHERE f.person_id <> ''), 0) AS named,
       coalesce(sum(f.times) FILTER (WHERE f.person_id = ''), 0) AS unnamed
FROM ({rows}) AS f GROUP BY 1 ORDER BY 1
"""
_DIGITS: Final = {"town": 9, "village": 12}


async def cells_of(tx: Tx, figure: Figure, period: Period, regions: Sequence[str], below: str, by: str) -> list[Cell]:
    """A figure's whole under the empty key, or its parts by town or village; parts with nothing are left out."""
    rows, bounds = _rows(figure, period, regions, below)
    key = f"rpad(left(f.region, {_DIGITS[by]}), 12, '0')" if by else "''"
    value = "count(DISTINCT f.person_id) FILTER (WHERE f.person_id <> '')" if figure.is_distinct else "sum(f.times)"
    found = await tx.fetch(_COUNTED.format(key=key, value=value, rows=rows), **bounds)
    return [Cell(row.key, int(row.value or 0), row.approximate, int(row.named), int(row.unnamed)) for row in found]


async def page_of_rows(
    tx: Tx,
    figure: Figure,
    period: Period,
    regions: Sequence[str],
    below: str,
    after: tuple[date, str, str, str] | None,
    page: int,
) -> Sequence[Any]:
    """A run of what a figure counted, by day, source, id and person."""
    rows, bounds = _rows(figure, period, regions, below)
    place = ""
    if after is not None:
        place = (
            "WHERE (w.day, w.source, w.source_id, w.person_id)"
            " > (CAST(:after_day AS date), :after_source, :after_id, :after_person)"
        )
        bounds |= dict(zip(("after_day", "after_source", "after_id", "after_person"), after, strict=True))
    return await tx.fetch(
        f"SELECT * FROM ({rows}) AS w {place} ORDER BY w.day, w.source, w.source_id, w.person_id"
        " LIMIT CAST(:page AS int)",
        **bounds,
        page=page,
    )


def _rows(figure: Figure, period: Period, regions: Sequence[str], below: str) -> tuple[str, dict[str, Any]]:
    """The query of what a figure counts, and its parameters."""
    parts, bounds = _parts(figure)
    sql = _WHO.format(rows=" UNION ALL ".join(parts))
    bounds |= {
        "first": period.first,
        "last": period.last,
        "regions": [f"{one}%" for one in regions],
        "below": f"{below}%",
    }
    if figure.knows_age:
        sql += _AGE
        bounds |= {"age_from": figure.age_from, "age_below": figure.age_below}
    if figure.grades:
        sql += _GRADED
        bounds["grades"] = list(figure.grades)
    return sql, bounds


def _parts(figure: Figure) -> tuple[list[str], dict[str, Any]]:
    if figure.counts in ("helpers", "children"):
        who = "helper_id" if figure.counts == "helpers" else "person_id"
        return [_PAIRED.format(who=who)], {"pairings": list(figure.pairings)}
    kinds = {"kinds": list(figure.kinds)}
    if figure.counts == "sessions":
        return [_OF_ACTIVITY.format(number="1", approximate="false", held=_HELD)], kinds
    if not figure.of:
        number = f"a.{figure.counts}"
        return [_OF_ACTIVITY.format(number=number, approximate=f"{number}_approximate", held=_HELD)], kinds
    # The first part names the columns of the union.
    parts, bounds = [], {}
    if "visits" in figure.of:
        parts.append(_VISITS)
    if "services" in figure.of:
        parts.append(_SERVICES)
        bounds["services"] = list(figure.services)
    if "attendance" in figure.of:
        parts.append(_NAMED)
        bounds |= kinds
        if not figure.knows_persons:
            parts.append(_OF_ACTIVITY.format(number="a.others", approximate="a.others_approximate", held=_HELD))
    named = (
        "SELECT '' AS source, '' AS source_id, '' AS person_id, CAST(NULL AS date) AS day, '' AS region, 0 AS times,"
    )
    return [f"{named} false AS approximate, CAST(NULL AS date) AS birth_date WHERE false", *parts], bounds
