"""What people got within a period, net: counted in one temporary table for all figures; and the frozen reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.figures import AMOUNT, EVERY_MONTH, PERSON_MONTHS, Figure, Period, Tally

# What the bank credited in the period; what a cycle instructed in it set off (the programme that was to be recovered
# gives, the one that pays gets); and what was paid back. A month at 0 in the end is no person-month.
_PAID = """
CREATE TEMPORARY TABLE paid ON COMMIT DROP AS
WITH moved AS (
    SELECT o.person_id, o.programme, o.benefit_month, o.amount_fen AS fen
    FROM instructions i JOIN outgoing o ON o.instruction_id = i.instruction_id
    WHERE i.state = 'SUCCESS' AND i.settled_on BETWEEN :first AND :last AND o.instruction_id <> ''
    UNION ALL
    SELECT l.person_id, side.programme, l.benefit_month, side.fen
    FROM cycles c JOIN ledger_entries l ON l.cycle_id = c.cycle_id
    CROSS JOIN LATERAL (VALUES (l.programme, -l.amount_fen), (l.reference, l.amount_fen)) AS side(programme, fen)
    WHERE c.instructed_on BETWEEN :first AND :last
      AND l.account = 'PAYABLE' AND l.movement IN ('NETTED', 'CASE_REDUCED', 'OFFSET')
    UNION ALL
    SELECT person_id, programme, benefit_month, -amount_fen FROM ledger_entries
    WHERE account = 'SUBSIDY_FUND' AND movement = 'REPAID'
      AND (booked_at AT TIME ZONE 'Asia/Shanghai')::date BETWEEN :first AND :last
), net AS (
    SELECT person_id, programme, benefit_month, CAST(sum(fen) AS bigint) AS fen
    FROM moved WHERE CAST(:programmes AS text[]) = '{}' OR programme = ANY(CAST(:programmes AS text[]))
    GROUP BY 1, 2, 3 HAVING sum(fen) <> 0
)
SELECT net.*, p.birth_date, coalesce(p.hukou::jsonb -> -1 ->> 1, '') AS region
FROM net JOIN LATERAL (
    SELECT birth_date, hukou FROM person_facts f WHERE f.person_id = net.person_id ORDER BY f.version DESC LIMIT 1
) p ON true
"""

# Of a period only people who had the category on some day of it, as it is known now.
_ALSO = """
EXISTS (
    SELECT FROM (SELECT intervals FROM status_facts s WHERE s.person_id = paid.person_id
                 ORDER BY s.version DESC LIMIT 1) known
    CROSS JOIN LATERAL jsonb_array_elements(known.intervals::jsonb) one
    WHERE one ->> 0 = ANY(CAST(:also AS text[]))
      AND one ->> 4 <> '' AND one ->> 4 <= CAST(:last AS text)
      AND (one ->> 5 = '' OR one ->> 5 >= CAST(:first AS text))
)
"""
_MONTH_END = "(CAST(benefit_month || '-01' AS date) + interval '1 month' - interval '1 day')"
_DIGITS = {"town": 9, "village": 12}


@dataclass(frozen=True, slots=True)
class Report:
    """A frozen report as it is stored; `content` is the answer as it was given."""

    report_id: str
    title: str
    first_day: date
    last_day: date
    broken_down_by: str
    frozen_at: datetime
    frozen_by: str
    definitions_hash: str
    content_hash: str
    content: str


async def gather(tx: Tx, period: Period, programmes: Sequence[str]) -> None:
    """Makes the table `paid` of this transaction; `programmes` empty = all."""
    await tx.execute(_PAID, first=period.first, last=period.last, programmes=list(programmes))


async def tallies(tx: Tx, figure: Figure, period: Period, regions: Sequence[str], by: str) -> dict[str, Tally]:
    """A figure over `paid`: its whole under the empty key, or its parts by region or programme.

    `regions` are prefixes of the hukou that count; empty = all.
    """
    key = {"": "''", "programme": "programme"}.get(by) or f"rpad(left(region, {_DIGITS[by]}), 12, '0')"
    where, bounds = _where(figure, period, regions)
    if figure.counts == EVERY_MONTH:
        return await _every_month(tx, key, where, period, bounds)
    value = {AMOUNT: "sum(fen)", PERSON_MONTHS: "count(*) FILTER (WHERE fen > 0)"}.get(
        figure.counts, "count(DISTINCT person_id) FILTER (WHERE fen > 0)"
    )
    rows = await tx.fetch(
        f"SELECT {key} AS key, coalesce({value}, 0) AS value, count(DISTINCT person_id) AS people"
        f" FROM paid WHERE {where} GROUP BY 1",
        **bounds,
    )
    return {row.key: Tally(int(row.value), row.people) for row in rows}


async def _every_month(tx: Tx, key: str, where: str, period: Period, bounds: dict[str, Any]) -> dict[str, Tally]:
    """People with something for each month that the period touches."""
    first, last = period.months
    rows = await tx.fetch(
        f"SELECT key, count(*) AS people FROM (SELECT {key} AS key, person_id FROM paid"
        f" WHERE {where} AND fen > 0 AND benefit_month BETWEEN :first_month AND :last_month"
        " GROUP BY 1, 2 HAVING count(DISTINCT benefit_month) = CAST(:months AS int)) whole GROUP BY 1",
        **bounds,
        first_month=str(first),
        last_month=str(last),
        months=last - first + 1,
    )
    return {row.key: Tally(row.people, row.people) for row in rows}


async def tally_goods(tx: Tx, period: Period, regions: Sequence[str], by: str) -> dict[str, Tally]:
    """The value in fen of goods given in a period; goods belong to no programme."""
    if by == "programme":
        return {}
    key = f"rpad(left(region, {_DIGITS[by]}), 12, '0')" if by else "''"
    rows = await tx.fetch(
        f"SELECT {key} AS key, sum(value_fen) AS fen, count(DISTINCT person_id) AS people FROM goods_entries"
        " WHERE issued_on BETWEEN :first AND :last AND region LIKE ANY(CAST(:regions AS text[])) GROUP BY 1",
        first=period.first,
        last=period.last,
        regions=[f"{prefix}%" for prefix in regions or ("",)],
    )
    return {row.key: Tally(int(row.fen), row.people) for row in rows}


async def page_of_paid(
    tx: Tx, figure: Figure, period: Period, regions: Sequence[str], after: tuple[str, str, str], size: int
) -> Sequence[Any]:
    """A run of what a figure counted, by person, programme and month, after the given place."""
    where, bounds = _where(figure, period, regions)
    return await tx.fetch(
        "SELECT person_id, programme, benefit_month, fen, region FROM paid"
        f" WHERE {where} AND (person_id, programme, benefit_month) > (:person_id, :programme, :month)"
        " ORDER BY person_id, programme, benefit_month LIMIT CAST(:size AS int)",
        **bounds,
        person_id=after[0],
        programme=after[1],
        month=after[2],
        size=size,
    )


def _where(figure: Figure, period: Period, regions: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """What of `paid` a figure counts, and its parameters."""
    parts = ["true"]
    bounds: dict[str, Any] = {}
    if figure.programmes:
        parts.append("programme = ANY(CAST(:programmes AS text[]))")
        bounds["programmes"] = list(figure.programmes)
    if figure.age_below is not None:
        parts.append(f"birth_date + make_interval(years => CAST(:age_below AS int)) > {_MONTH_END}")
        bounds["age_below"] = figure.age_below
    if figure.also:
        parts.append(_ALSO)
        bounds |= {"also": list(figure.also), "first": period.first.isoformat(), "last": period.last.isoformat()}
    if regions:
        parts.append("region LIKE ANY(CAST(:regions AS text[]))")
        bounds["regions"] = [f"{prefix}%" for prefix in regions]
    return " AND ".join(parts), bounds


async def keep_report(tx: Tx, report: Report) -> None:
    """Keeps a report; the table refuses any change of it."""
    names = Report.__slots__
    await tx.copy_new("figure_reports", names, [tuple(getattr(report, name) for name in names)])


async def find_report(tx: Tx, report_id: str) -> Report | None:
    """A report by id."""
    rows = await tx.fetch("SELECT * FROM figure_reports WHERE report_id = :report_id", report_id=report_id)
    return Report(**rows[0]._mapping) if rows else None  # noqa: SLF001 -- SQLAlchemy's public name for it


async def newest_reports(tx: Tx, limit: int) -> list[Report]:
    """The last ones, newest first."""
    rows = await tx.fetch(
        "SELECT * FROM figure_reports ORDER BY frozen_at DESC, report_id DESC LIMIT CAST(:limit AS int)", limit=limit
    )
    return [Report(**row._mapping) for row in rows]  # noqa: SLF001 -- SQLAlchemy's public name for it
