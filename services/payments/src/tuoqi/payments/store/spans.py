"""What people are entitled to, as spans of months: a cache of a pure function, with a marker of what it was made from.

Nothing here is ever the only place of anything: both tables may be emptied, and the next cycle fills them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.months import Month
from tuoqi.payments.store.lines import month_text
from tuoqi.payments.store.people import Window

SPAN_COLUMNS = (
    "person_id",
    "programme",
    "first_month",
    "last_month",
    "amount_fen",
    "reason",
    "facts",
    "rule_version",
    "facility",
    "adult_on",
)
MARK_COLUMNS = (
    "person_id",
    "person_version",
    "status_version",
    "further",
    "rules",
    "cycle_seq",
    "stable_until",
)

# A line for each span and each month that is given for its programme; what is given beside the month goes before what the
# span says, as with the price subsidy, whose amount follows from the month alone.
_DUE = """
SELECT s.person_id, s.programme, given.month, given.benefit_month, given.line_type,
       coalesce(given.amount_fen, s.amount_fen) AS amount_fen,
       coalesce(given.reason, s.reason) AS reason, coalesce(given.facts, s.facts) AS facts,
       coalesce(given.rule_version, s.rule_version) AS rule_version, s.facility,
       s.adult_on <= :day AND s.programme = ANY(CAST(:for_adults AS text[])) AS may_be_posted
FROM entitlement_spans s
JOIN unnest(CAST(:programmes AS text[]), CAST(:months AS int[]), CAST(:benefit_months AS text[]),
            CAST(:line_types AS text[]), CAST(:amounts AS bigint[]), CAST(:reasons AS text[]), CAST(:facts AS text[]),
            CAST(:rule_versions AS text[]))
     AS given(programme, month, benefit_month, line_type, amount_fen, reason, facts, rule_version)
  ON given.programme = s.programme AND given.month BETWEEN s.first_month AND s.last_month
WHERE s.person_id > :after AND s.person_id <= :last AND s.person_id NOT IN (SELECT unnest(CAST(:anew AS text[])))
"""

# One row of arrays: a tenth of the cost of a row for each line.
_READ = f"""
SELECT array_agg(person_id) AS persons, array_agg(programme) AS programmes, array_agg(benefit_month) AS months,
       array_agg(line_type) AS types, array_agg(amount_fen) AS amounts, array_agg(reason) AS reasons,
       array_agg(facts) AS facts, array_agg(rule_version) AS rule_versions, array_agg(facility) AS facilities,
       array_agg(may_be_posted) AS posted, array_agg(nextval('ledger_posting')) AS postings
FROM (SELECT * FROM ({_DUE}) due ORDER BY person_id, programme, month) ordered
"""


@dataclass(frozen=True, slots=True)
class Given:
    """A month in which people of a programme are paid from their spans; None where the span itself says it."""

    programme: str
    month: Month
    line_type: str
    amount_fen: int | None = None
    reason: str | None = None
    facts: str | None = None
    rule_version: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """Whose spans of one window are paid, in which months, and on which lists their lines may stand."""

    window: Window
    anew: Sequence[str]
    """People who are not paid from their spans."""
    given: Sequence[Given]
    day: date
    """The day of the cut-off: whoever is of age by then may be posted."""
    for_adults: Sequence[str]
    """Programmes whose lines may be posted."""

    @property
    def bounds(self) -> dict[str, Any]:
        """The parameters of the statements."""
        return {
            **self.window.bounds,
            "anew": list(self.anew),
            "day": self.day,
            "for_adults": list(self.for_adults),
            "programmes": [one.programme for one in self.given],
            "months": [int(one.month) for one in self.given],
            "benefit_months": [month_text(one.month) for one in self.given],
            "line_types": [one.line_type for one in self.given],
            "amounts": [one.amount_fen for one in self.given],
            "reasons": [one.reason for one in self.given],
            "facts": [one.facts for one in self.given],
            "rule_versions": [one.rule_version for one in self.given],
        }


async def read_due(tx: Tx, due: Due) -> Any:
    """The lines that follow from spans, by person, programme and month, as arrays; each None where there is no line.

    `postings` are fresh numbers for the ledger.
    """
    (row,) = await tx.fetch(_READ, **due.bounds)
    return row


async def forget(tx: Tx, person_ids: Sequence[str]) -> None:
    """Drop markers and spans of people, who are then looked at anew."""
    for table in ("reckonings", "entitlement_spans"):
        await tx.execute(f"DELETE FROM {table} WHERE person_id = ANY(CAST(:ids AS text[]))", ids=list(person_ids))


async def write_spans(tx: Tx, marks: Sequence[tuple[Any, ...]], spans: Sequence[tuple[Any, ...]]) -> None:
    """Add markers and spans of people who have none."""
    await tx.copy("reckonings", MARK_COLUMNS, marks)
    await tx.copy("entitlement_spans", SPAN_COLUMNS, spans)
