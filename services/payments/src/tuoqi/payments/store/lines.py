"""Payment lines and what the limit cut off: written once by COPY, summed for the next cycle, never changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.due import Facts
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.settlement import NOTHING_PAID, BeyondLimit, Earlier, Line, LineType, Paid
from tuoqi.payments.store.cycles import Total
from tuoqi.payments.store.people import People

LINE_COLUMNS = (
    "cycle_id",
    "programme",
    "person_id",
    "benefit_month",
    "line_id",
    "line_type",
    "amount_fen",
    "reason",
    "entitled_fen",
    "paid_fen",
    "facts",
    "rule_version",
    "facility",
    "may_be_posted",
)
_BEYOND_COLUMNS = ("cycle_id", "person_id", "programme", "benefit_month", "amount_fen")
month_text = cache(str)
"""A month as it is stored, `YYYY-MM`: few months, many rows."""
month_of = cache(Month.parse)


@lru_cache(maxsize=8_192)
def facts_text(facts: Facts) -> str:
    """Frozen facts as they are stored."""
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))


def line_row(cycle_id: str, line: Line, line_id: str, *, may_be_posted: bool) -> tuple[Any, ...]:
    """A line in the order of `LINE_COLUMNS`."""
    return (
        cycle_id,
        line.programme,
        line.person_id,
        month_text(line.benefit_month),
        line_id,
        line.type.value,
        line.amount_fen,
        line.reason,
        line.entitled_fen,
        line.paid_fen,
        facts_text(line.facts),
        line.rule_version,
        line.facility,
        may_be_posted,
    )


def line_of(row: Any) -> Line:
    """A stored line as it was decided."""
    return Line(
        programme=row.programme,
        person_id=row.person_id,
        benefit_month=month_of(row.benefit_month),
        type=LineType(row.line_type),
        amount_fen=row.amount_fen,
        reason=row.reason,
        entitled_fen=row.entitled_fen,
        paid_fen=row.paid_fen,
        facts=tuple((name, value) for name, value in json.loads(row.facts)),
        rule_version=row.rule_version,
        facility=row.facility,
    )


async def write_lines(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write lines; the table's own keys refuse a line that is there already."""
    await tx.copy("payment_lines", LINE_COLUMNS, rows)


async def write_beyond(tx: Tx, cycle_id: str, cut: Sequence[BeyondLimit]) -> None:
    """List what the limit cut off in a cycle."""
    rows = [(cycle_id, one.person_id, one.programme, month_text(one.benefit_month), one.amount_fen) for one in cut]
    await tx.copy("beyond_limit", _BEYOND_COLUMNS, rows)


async def read_earlier(tx: Tx, people: People) -> dict[str, Earlier]:
    """What live cycles have paid and listed so far, by person; what was paid on merged files counts with the person."""
    paid: dict[str, dict[str, dict[Month, Paid]]] = {}
    for row in await tx.fetch(
        "SELECT person_id, programme, benefit_month, sum(amount_fen) AS fen, count(*) AS lines"
        f" FROM {people.rows('payment_lines', 'NOT cancelled')} GROUP BY 1, 2, 3",
        **people.bounds,
    ):
        months = paid.setdefault(people.root(row.person_id), {}).setdefault(row.programme, {})
        before = months.get(month_of(row.benefit_month), NOTHING_PAID)
        months[month_of(row.benefit_month)] = Paid(before.sum_fen + int(row.fen), before.count + row.lines)
    listed: dict[str, dict[str, dict[Month, int]]] = {}
    for row in await tx.fetch(
        "SELECT person_id, programme, benefit_month, sum(amount_fen) AS fen"
        f" FROM {people.rows('beyond_limit', 'NOT cancelled')} GROUP BY 1, 2, 3",
        **people.bounds,
    ):
        months_listed = listed.setdefault(people.root(row.person_id), {}).setdefault(row.programme, {})
        month = month_of(row.benefit_month)
        months_listed[month] = months_listed.get(month, 0) + int(row.fen)
    return {person: Earlier(paid.get(person, {}), listed.get(person, {})) for person in {*paid, *listed}}


async def read_people(tx: Tx, cycle_ids: Sequence[str]) -> list[str]:
    """Whoever has a line in any of these cycles."""
    if not cycle_ids:
        return []
    rows = await tx.fetch(
        "SELECT DISTINCT person_id FROM payment_lines WHERE cycle_id = ANY(CAST(:ids AS text[]))", ids=list(cycle_ids)
    )
    return [row.person_id for row in rows]


async def sum_lines(tx: Tx, cycle_id: str) -> list[Total]:
    """What the stored lines of a cycle come to: the second way of counting."""
    rows = await tx.fetch(
        "SELECT programme, line_type, count(*) AS lines, sum(amount_fen) AS fen FROM payment_lines"
        " WHERE cycle_id = :cycle_id GROUP BY 1, 2 ORDER BY 1, 2",
        cycle_id=cycle_id,
    )
    return [Total(row.programme, row.line_type, row.lines, int(row.fen)) for row in rows]


async def cancel_lines(tx: Tx, cycle_id: str) -> None:
    """The lines of a cycle, and what it listed, count no more; they stay readable."""
    for table in ("payment_lines", "beyond_limit"):
        await tx.execute(f"UPDATE {table} SET cancelled = true WHERE cycle_id = :cycle_id", cycle_id=cycle_id)


async def page_of_lines(
    tx: Tx, cycle_id: str, *, after: tuple[str, str, str], size: int, person_id: str = ""
) -> Sequence[Any]:
    """A run of a cycle's lines by programme key, person and month, after the given place."""
    return await tx.fetch(
        "SELECT * FROM payment_lines WHERE cycle_id = :cycle_id"
        " AND (programme, person_id, benefit_month) > (:programme, :after_person, :month)"
        " AND (CAST(:person_id AS text) = '' OR person_id = :person_id)"
        " ORDER BY programme, person_id, benefit_month LIMIT CAST(:size AS int)",
        cycle_id=cycle_id,
        programme=after[0],
        after_person=after[1],
        month=after[2],
        person_id=person_id,
        size=size,
    )
