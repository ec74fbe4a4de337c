"""Vouchers, their spends, facilities and settlements, and the ledger that proves them. Entries are only ever added."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.vouchers import Posting, Voucher, VoucherBook, VoucherIssue

_CANDIDATES = """
WITH known AS MATERIALIZED (
    SELECT DISTINCT ON (person_id) person_id, intervals
    FROM status_facts WHERE person_id > :after AND known_at <= :cut_off
    ORDER BY person_id, version DESC LIMIT CAST(:size AS int)
)
SELECT known.person_id, CASE WHEN known.intervals LIKE :asked THEN known.intervals ELSE '' END AS intervals,
       p.birth_date, p.died_on, p.absences, p.hukou, p.merged_into, v.voucher_id IS NOT NULL AS has_one
FROM known LEFT JOIN LATERAL (
    SELECT * FROM person_facts f WHERE f.person_id = known.person_id AND f.known_at <= :cut_off
    ORDER BY f.version DESC LIMIT 1
) p ON true
LEFT JOIN vouchers v ON v.person_id = known.person_id AND v.month = :month
ORDER BY known.person_id
"""
_PERSON = """
SELECT p.person_id, coalesce(s.intervals, '[]') AS intervals, p.birth_date, p.died_on, p.absences, p.hukou
FROM (SELECT * FROM person_facts WHERE person_id = :person_id AND known_at <= :at ORDER BY version DESC LIMIT 1) p
LEFT JOIN LATERAL (
    SELECT intervals FROM status_facts f WHERE f.person_id = p.person_id AND f.known_at <= :at
    ORDER BY f.version DESC LIMIT 1
) s ON true
"""
# A spend that is taken back while the month is being expired leaves something again, so only what is left is booked.
_EXPIRE = """
WITH gone AS (
    SELECT voucher_id, expired_fen AS before FROM vouchers
    WHERE month = :month AND spent_fen + expired_fen < issued_fen
    ORDER BY voucher_id LIMIT CAST(:size AS int) FOR UPDATE
)
UPDATE vouchers v SET expired_fen = v.issued_fen - v.spent_fen FROM gone WHERE v.voucher_id = gone.voucher_id
RETURNING v.voucher_id, v.person_id, v.expired_fen - gone.before AS left_fen
"""
_ENTRY_COLUMNS = (
    "posting", "movement", "account", "amount_fen", "month", "voucher_id", "facility", "reference", "booked_at",
)  # fmt: skip
_BALANCES = """
SELECT
    (SELECT coalesce(sum(amount_fen), 0) FROM voucher_entries WHERE month = :month) AS everything,
    (SELECT count(*) FROM (SELECT FROM voucher_entries WHERE month = :month
                           GROUP BY posting HAVING sum(amount_fen) <> 0) odd) AS odd,
    l.budget, l.outstanding, l.due, l.paid, v.issued, v.spent, v.expired, s.covered, t.settled
FROM (SELECT
    coalesce(sum(amount_fen) FILTER (WHERE account = 'VOUCHER_BUDGET'), 0) AS budget,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'VOUCHER_OUTSTANDING'), 0) AS outstanding,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'VOUCHER_PROVIDER_DUE'), 0) AS due,
    coalesce(sum(amount_fen) FILTER (WHERE account = 'VOUCHER_PAID'), 0) AS paid
    FROM voucher_entries WHERE month = :month) l,
   (SELECT coalesce(sum(issued_fen), 0) AS issued, coalesce(sum(spent_fen), 0) AS spent,
           coalesce(sum(expired_fen), 0) AS expired FROM vouchers WHERE month = :month) v,
   (SELECT coalesce(sum(covered_fen), 0) AS covered FROM voucher_spends
     WHERE month = :month AND reversed_at IS NULL) s,
   (SELECT coalesce(sum(l.amount_fen), 0) AS settled FROM voucher_settlement_lines l
     JOIN voucher_settlements t USING (month) WHERE l.month = :month AND t.state = 'CONFIRMED') t
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A month's issue with its sums in fen."""

    issue_id: str
    month: Month
    cut_off: datetime
    rule_version: str
    refused: Mapping[str, int]
    expired: bool
    vouchers: int
    issued_fen: int
    spent_fen: int
    expired_fen: int
    due_fen: int


class VoucherIssueStore:
    """Months' issues by month, as the kit loads and saves them. The row itself is made by `open_issue`."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, VoucherIssue]:
        """Those that exist, locked in key order."""
        rows = await tx.fetch(
            "SELECT month, issue_id, version FROM voucher_issues WHERE month = ANY(CAST(:keys AS text[]))"
            " ORDER BY month FOR UPDATE",
            keys=list(keys),
        )
        return {row.month: VoucherIssue(Month.parse(row.month), row.issue_id, row.version) for row in rows}

    async def save(self, tx: Tx, changes: Sequence[Change[VoucherIssue]]) -> None:
        """Only versions change."""
        touched = await tx.execute(
            "UPDATE voucher_issues i SET version = t.version"
            " FROM unnest(CAST(:months AS text[]), CAST(:versions AS bigint[]), CAST(:loaded AS bigint[]))"
            " AS t(month, version, loaded) WHERE i.month = t.month AND i.version = t.loaded",
            months=[one.key for one in changes],
            versions=[one.state.version for one in changes],
            loaded=[one.loaded_version for one in changes],
        )
        expect_rows(touched, len(changes))


class VoucherBookStore:
    """What was told of each person's spends, as the kit loads and saves it."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, VoucherBook]:
        """Those that exist, locked in key order."""
        rows = await tx.fetch(
            "SELECT * FROM voucher_books WHERE person_id = ANY(CAST(:keys AS text[])) ORDER BY person_id FOR UPDATE",
            keys=list(keys),
        )
        return {row.person_id: VoucherBook(row.person_id, row.version) for row in rows}

    async def save(self, tx: Tx, changes: Sequence[Change[VoucherBook]]) -> None:
        """New ones are inserted, others updated where their version is still the loaded one."""
        touched = await tx.execute(
            "INSERT INTO voucher_books AS b (person_id, version)"
            " SELECT person_id, version FROM unnest(CAST(:persons AS text[]), CAST(:versions AS bigint[]),"
            " CAST(:loaded AS bigint[])) AS t(person_id, version, loaded)"
            " ON CONFLICT (person_id) DO UPDATE SET version = excluded.version"
            " WHERE b.version = (SELECT loaded FROM unnest(CAST(:persons AS text[]), CAST(:loaded AS bigint[]))"
            " AS l(person_id, loaded) WHERE l.person_id = b.person_id)",
            persons=[one.key for one in changes],
            versions=[one.state.version for one in changes],
            loaded=[one.loaded_version for one in changes],
        )
        expect_rows(touched, len(changes))


async def open_issue(tx: Tx, issue: VoucherIssue, cut_off: datetime, rule_version: str) -> bool:
    """Make a month's issue where there is none, lock it, and say whether the month has expired."""
    await tx.execute(
        "INSERT INTO voucher_issues (month, issue_id, version, cut_off, rule_version, refused)"
        " VALUES (:month, :issue_id, 0, :cut_off, :rule_version, '{}') ON CONFLICT DO NOTHING",
        month=str(issue.month),
        issue_id=issue.issue_id,
        cut_off=cut_off,
        rule_version=rule_version,
    )
    (row,) = await tx.fetch(
        "SELECT expired_at FROM voucher_issues WHERE month = :month FOR UPDATE", month=str(issue.month)
    )
    return row.expired_at is not None


async def candidates(tx: Tx, month: Month, category: str, cut_off: datetime, after: str, size: int) -> Sequence[Any]:
    """The next people by id; intervals only of those who ever had the category. To be decoded by `store.facts.decode`."""
    asked = f'%"{category}"%'
    return await tx.fetch(_CANDIDATES, month=str(month), asked=asked, cut_off=cut_off, after=after, size=size)


async def person_as_known(tx: Tx, person_id: str, at: datetime) -> Any:
    """One person's facts as known at a moment; None where nobody is known."""
    rows = await tx.fetch(_PERSON, person_id=person_id, at=at)
    return rows[0] if rows else None


async def write_vouchers(tx: Tx, vouchers: Sequence[Voucher]) -> None:
    """Add vouchers. Raises Conflict where somebody has issued one of them meanwhile."""
    rows = [(one.voucher_id, one.person_id, str(one.month), one.issued_fen) for one in vouchers]
    await tx.copy_new("vouchers", ("voucher_id", "person_id", "month", "issued_fen"), rows)


async def write_refused(tx: Tx, month: Month, refused: Mapping[str, int], cut_off: datetime, version: str) -> None:
    """Who got none in the run that ends here, by reason."""
    await tx.execute(
        "UPDATE voucher_issues SET refused = :refused, cut_off = :cut_off, rule_version = :version WHERE month = :month",
        month=str(month),
        refused=json.dumps(dict(sorted(refused.items()))),
        cut_off=cut_off,
        version=version,
    )


async def lock_voucher(tx: Tx, person_id: str, month: Month) -> Voucher | None:
    """A person's voucher of a month; nobody else spends from it until the transaction ends."""
    rows = await tx.fetch(
        "SELECT * FROM vouchers WHERE person_id = :person_id AND month = :month FOR UPDATE",
        person_id=person_id,
        month=str(month),
    )
    return voucher_of(rows[0]) if rows else None


def voucher_of(row: Any) -> Voucher:
    """A row of `vouchers` as the domain wants it."""
    return Voucher(
        row.voucher_id, row.person_id, Month.parse(row.month), row.issued_fen, row.spent_fen, row.expired_fen
    )


async def change_voucher(tx: Tx, voucher_id: str, *, spent_fen: int = 0, expired_fen: int = 0) -> Voucher:
    """Add to what is spent and expired; the table refuses more than was issued."""
    (row,) = await tx.fetch(
        "UPDATE vouchers SET spent_fen = spent_fen + :spent, expired_fen = expired_fen + :expired"
        " WHERE voucher_id = :voucher_id RETURNING *",
        voucher_id=voucher_id,
        spent=spent_fen,
        expired=expired_fen,
    )
    return voucher_of(row)


async def book(tx: Tx, postings: Iterable[Posting], at: datetime) -> None:
    """Add postings; each becomes one numbered pair of entries."""
    given = list(postings)
    if not given:
        return
    (reserved,) = await tx.fetch(
        "SELECT array_agg(nextval('voucher_posting')) AS numbers FROM generate_series(1, CAST(:n AS int))", n=len(given)
    )
    rows = [
        (number, p.movement.value, account.value, fen, str(p.month), p.voucher_id, p.facility, p.reference, at)
        for number, p in zip(reserved.numbers, given, strict=True)
        for account, fen in p.sides
    ]
    await tx.copy("voucher_entries", _ENTRY_COLUMNS, rows)


async def next_expiring(tx: Tx) -> Month | None:
    """The earliest month whose vouchers have not expired."""
    rows = await tx.fetch("SELECT min(month) AS month FROM voucher_issues WHERE expired_at IS NULL")
    return Month.parse(rows[0].month) if rows[0].month else None


async def expire_some(tx: Tx, month: Month, size: int) -> Sequence[Any]:
    """Expire what is left of so many vouchers of a month; which ones, and how much of each."""
    return sorted(await tx.fetch(_EXPIRE, month=str(month), size=size), key=lambda row: row.voucher_id)


async def mark_expired(tx: Tx, month: Month, at: datetime) -> None:
    """The month is over."""
    await tx.execute("UPDATE voucher_issues SET expired_at = :at WHERE month = :month", month=str(month), at=at)


async def read_standing(tx: Tx, month: Month) -> Standing | None:
    """A month's issue with its sums; None where nothing was issued."""
    rows = await tx.fetch("SELECT * FROM voucher_issues WHERE month = :month", month=str(month))
    if not rows:
        return None
    issue = rows[0]
    (sums,) = await tx.fetch(
        "SELECT count(*) AS vouchers, coalesce(sum(issued_fen), 0) AS issued, coalesce(sum(spent_fen), 0) AS spent,"
        " coalesce(sum(expired_fen), 0) AS expired FROM vouchers WHERE month = :month",
        month=str(month),
    )
    (ledger,) = await tx.fetch(_BALANCES, month=str(month))
    return Standing(
        issue_id=issue.issue_id,
        month=month,
        cut_off=issue.cut_off,
        rule_version=issue.rule_version,
        refused=json.loads(issue.refused),
        expired=issue.expired_at is not None,
        vouchers=sums.vouchers,
        issued_fen=int(sums.issued),
        spent_fen=int(sums.spent),
        expired_fen=int(sums.expired),
        due_fen=-int(ledger.due),
    )


async def findings(tx: Tx, month: Month) -> list[str]:
    """What does not close to zero in a month, in Chinese: the ledger in itself, and against vouchers and spends."""
    (sums,) = await tx.fetch(_BALANCES, month=str(month))
    compared = (
        ("消费券总账借贷合计", sums.everything, 0),
        ("借贷不平的分录数", sums.odd, 0),
        ("未使用的消费券", -sums.outstanding, sums.issued - sums.spent - sums.expired),
        ("消费券预算支出", sums.budget, sums.issued - sums.expired),
        ("已使用金额与有效账单", sums.spent, sums.covered),
        ("应付服务机构款", -sums.due, sums.covered - sums.settled),
        ("已结算金额", -sums.paid, sums.settled),
    )
    return [f"{what}：{found} ≠ {wanted}（分）" for what, found, wanted in compared if found != wanted]


async def lock_month(tx: Tx, month: Month) -> int:
    """Wait for whoever issues, expires or settles a month; how many events its issue has told, 0 where there is none."""
    rows = await tx.fetch("SELECT version FROM voucher_issues WHERE month = :month FOR UPDATE", month=str(month))
    return rows[0].version if rows else 0
