"""Figures that must be equal, each counted in two ways: from the tables, and from the ledger, the answers or the sources.

Where two differ, a third statement names the instructions, lines or answers that do not agree, one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

from tuoqi.kit.database import Tx

IDS_MAX = 100


@dataclass(frozen=True, slots=True)
class Rule:
    """One comparison: two statements that answer one number, and one that answers the ids that differ."""

    key: str
    what: str
    left: str
    right: str
    ids: str = ""
    unit: str = "fen"


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison as it was found; `cycle` is a name, empty for all together."""

    cycle: str
    key: str
    what: str
    left: int
    right: int
    ids: tuple[str, ...] = ()
    unit: str = "fen"

    @property
    def difference(self) -> int:
        """What does not close."""
        return self.left - self.right

    @property
    def closes(self) -> bool:
        """Whether nothing differs, neither the figures nor any row behind them."""
        return not self.difference and not self.ids


_LINES = "FROM payment_lines WHERE cycle_id = :cycle_id AND NOT cancelled"
_LEDGER = "FROM ledger_entries WHERE cycle_id = :cycle_id AND account"
_OF_BANK = (
    "SELECT sum(-amount_fen) FROM ledger_entries WHERE cycle_id = :cycle_id AND account = 'IN_TRANSIT' AND movement IN"
)
_INSTRUCTIONS = "FROM instructions WHERE cycle_id = :cycle_id"


def _by_reference(states: str, movements: str, sign: str, account: str = "IN_TRANSIT") -> str:
    """Instructions whose amount in the table and in the ledger differ."""
    return (
        "SELECT coalesce(t.id, l.id) AS id FROM (SELECT instruction_id AS id, amount_fen AS fen FROM instructions"
        f" WHERE cycle_id = :cycle_id AND {states}) t FULL JOIN (SELECT reference AS id, sum({sign}amount_fen) AS fen"
        f" FROM ledger_entries WHERE cycle_id = :cycle_id AND account = '{account}' AND movement IN ({movements})"
        " GROUP BY 1 HAVING sum(amount_fen) <> 0) l USING (id) WHERE t.fen IS DISTINCT FROM l.fen ORDER BY 1"
    )


OF_CYCLE: tuple[Rule, ...] = (
    Rule(
        "lines_totals",
        "发放明细合计与核算汇总",
        f"SELECT sum(amount_fen) {_LINES}",
        "SELECT sum(amount_fen) FROM cycle_totals WHERE cycle_id = :cycle_id",
        "SELECT coalesce(t.id, l.id) AS id FROM (SELECT programme || '/' || line_type AS id, amount_fen AS fen"
        " FROM cycle_totals WHERE cycle_id = :cycle_id) t FULL JOIN (SELECT programme || '/' || line_type AS id,"
        f" sum(amount_fen) AS fen {_LINES} GROUP BY 1) l USING (id) WHERE t.fen IS DISTINCT FROM l.fen ORDER BY 1",
    ),
    Rule(
        "lines_ledger",
        "发放明细合计与总账补助支出",
        f"SELECT sum(amount_fen) {_LINES}",
        f"SELECT sum(amount_fen) {_LEDGER} = 'SUBSIDY_EXPENSE'",
        "SELECT coalesce(t.id, l.id) AS id FROM"
        f" (SELECT programme || '/' || person_id || '/' || benefit_month AS id, sum(amount_fen) AS fen {_LINES}"
        " GROUP BY 1) t FULL JOIN (SELECT programme || '/' || person_id || '/' || benefit_month AS id,"
        f" sum(amount_fen) AS fen {_LEDGER} = 'SUBSIDY_EXPENSE' GROUP BY 1) l USING (id)"
        " WHERE coalesce(t.fen, 0) <> coalesce(l.fen, 0) ORDER BY 1",
    ),
    Rule(
        "lines_money",
        "应发明细与其去处（已发、待发、冲抵、抵减追回、被撤回）",
        f"SELECT sum(amount_fen) {_LINES} AND amount_fen > 0",
        "SELECT (SELECT coalesce(sum(amount_fen), 0) FROM outgoing WHERE cycle_id = :cycle_id AND state <> 'CANCELLED'"
        "     AND NOT refund)"
        " + (SELECT coalesce(sum(amount_fen), 0) FROM cash_steps WHERE cycle_id = :cycle_id"
        "     AND kind NOT IN ('WITHDRAW', 'RAISE_CASE'))"
        " + (SELECT coalesce(sum(s.amount_fen), 0) FROM cash_steps s JOIN cycles c USING (cycle_id)"
        "     WHERE s.from_cycle_id = :cycle_id AND s.kind = 'WITHDRAW' AND c.state <> 'CANCELLED'"
        "     AND NOT EXISTS (SELECT FROM outgoing o WHERE o.refund AND o.cycle_id = s.from_cycle_id"
        "         AND o.part = s.from_part AND o.programme = s.programme AND o.benefit_month = s.benefit_month"
        "         AND o.person_id = coalesce(nullif(s.from_person_id, ''), s.person_id)))"
        " - (SELECT coalesce(sum(given_back_fen), 0) FROM overpayments WHERE cycle_id = :cycle_id)",
    ),
    Rule(
        "recoveries",
        "追回明细与其去处（撤回、冲抵、立案）",
        f"SELECT -sum(amount_fen) {_LINES} AND amount_fen < 0",
        "SELECT sum(amount_fen) FROM cash_steps WHERE cycle_id = :cycle_id AND kind IN ('WITHDRAW', 'NET', 'RAISE_CASE')",
    ),
    Rule(
        "instructed",
        "代发指令合计与总账发出",
        f"SELECT sum(amount_fen) {_INSTRUCTIONS}",
        f"{_OF_BANK} ('INSTRUCTED', 'REISSUED')",
        _by_reference("true", "'INSTRUCTED', 'REISSUED'", "-"),
    ),
    Rule(
        "settled",
        "成功指令与总账专户付出",
        f"SELECT sum(amount_fen) {_INSTRUCTIONS} AND state = 'SUCCESS'",
        f"SELECT sum(-amount_fen) {_LEDGER} = 'SUBSIDY_FUND' AND movement = 'SETTLED'",
        _by_reference("state = 'SUCCESS'", "'SETTLED'", "-", "SUBSIDY_FUND"),
    ),
    Rule(
        "returned",
        "退票和撤下指令与总账退回",
        f"SELECT sum(amount_fen) {_INSTRUCTIONS} AND state IN ('RETURNED', 'WITHDRAWN')",
        f"SELECT sum(amount_fen) {_LEDGER} = 'IN_TRANSIT' AND movement IN ('RETURNED', 'STOPPED')",
        _by_reference("state IN ('RETURNED', 'WITHDRAWN')", "'RETURNED', 'STOPPED'", ""),
    ),
    Rule(
        "open",
        "无结果指令与总账在途",
        f"SELECT sum(amount_fen) {_INSTRUCTIONS} AND state = 'OPEN'",
        f"SELECT sum(-amount_fen) {_LEDGER} = 'IN_TRANSIT'",
    ),
    Rule(
        "items",
        "指令金额与所含各笔",
        f"SELECT sum(amount_fen) {_INSTRUCTIONS}",
        "SELECT sum(j.amount_fen) FROM instruction_items j JOIN instructions i USING (instruction_id)"
        " WHERE i.cycle_id = :cycle_id",
        "SELECT i.instruction_id AS id FROM instructions i LEFT JOIN instruction_items j USING (instruction_id)"
        " WHERE i.cycle_id = :cycle_id GROUP BY i.instruction_id, i.amount_fen"
        " HAVING i.amount_fen <> coalesce(sum(j.amount_fen), 0) ORDER BY 1",
    ),
    Rule(
        "answers",
        "成功指令与银行最后回盘",
        f"SELECT sum(amount_fen) {_INSTRUCTIONS} AND state = 'SUCCESS'",
        "SELECT sum(i.amount_fen) FROM instructions i JOIN LATERAL (SELECT result FROM bank_answers a"
        " WHERE a.instruction_id = i.instruction_id ORDER BY answer DESC LIMIT 1) last ON last.result = 'SUCCESS'"
        " WHERE i.cycle_id = :cycle_id",
        "SELECT i.instruction_id AS id FROM instructions i LEFT JOIN LATERAL (SELECT result FROM bank_answers a"
        " WHERE a.instruction_id = i.instruction_id ORDER BY answer DESC LIMIT 1) last ON true"
        " WHERE i.cycle_id = :cycle_id AND (i.state = 'SUCCESS') IS DISTINCT FROM"
        " (coalesce(last.result, '') = 'SUCCESS') ORDER BY 1",
    ),
    *(
        Rule(
            f"funds_{key}",
            f"资金来源{word}与指令合计",
            f"SELECT sum({key}_fen) FROM funding_sums WHERE cycle_id = :cycle_id",
            f"SELECT sum(amount_fen) {_INSTRUCTIONS} AND {states}",
            f"SELECT coalesce(f.id, i.id) AS id FROM (SELECT programme AS id, sum({key}_fen) AS fen FROM funding_sums"
            " WHERE cycle_id = :cycle_id GROUP BY 1) f FULL JOIN (SELECT programme AS id, sum(amount_fen) AS fen"
            f" {_INSTRUCTIONS} AND {states} GROUP BY 1) i USING (id)"
            " WHERE coalesce(f.fen, 0) <> coalesce(i.fen, 0) ORDER BY 1",
        )
        for key, word, states in (
            ("committed", "承担数", "true"),
            ("paid", "支出数", "state = 'SUCCESS'"),
            ("returned", "退回数", "state IN ('RETURNED', 'WITHDRAWN')"),
        )
    ),
)
"""Within one cycle, in their order."""

_HELD = "FROM outgoing WHERE state IN ('TO_INSTRUCT', 'WAITING', 'RETURNED')"

OVER_ALL: tuple[Rule, ...] = (
    Rule("ledger", "总账借贷合计", "SELECT sum(amount_fen) FROM ledger_entries", "SELECT 0"),
    Rule(
        "clearing",
        "待冲减收回款余额",
        "SELECT sum(amount_fen) FROM ledger_entries WHERE account = 'RECOVERY_CLEARING'",
        "SELECT 0",
    ),
    Rule(
        "payable",
        "应付补助款与待发、退回金额",
        "SELECT -sum(amount_fen) FROM ledger_entries WHERE account = 'PAYABLE'",
        f"SELECT sum(amount_fen) {_HELD}",
    ),
    Rule(
        "recoverable",
        "应收追回款与追回案余额",
        "SELECT sum(amount_fen) FROM ledger_entries WHERE account = 'RECOVERABLE'",
        "SELECT sum(amount_fen) FROM recovery_cases",
    ),
    Rule(
        "sent",
        "已发出金额加多付金额与有效指令",
        "SELECT (SELECT coalesce(sum(amount_fen), 0) FROM outgoing WHERE state = 'SENT')"
        " + (SELECT coalesce(sum(amount_fen), 0) FROM overpayments)",
        "SELECT sum(amount_fen) FROM instructions WHERE state IN ('OPEN', 'SUCCESS')",
    ),
    Rule(
        "repaid",
        "总账收回款与资金来源收回数",
        "SELECT sum(amount_fen) FROM ledger_entries WHERE account = 'SUBSIDY_FUND' AND movement <> 'SETTLED'",
        "SELECT sum(repaid_fen) FROM funding_sums",
    ),
    Rule("funds", "资金来源账借贷合计", "SELECT sum(amount_fen) FROM funding_entries", "SELECT 0"),
    Rule(
        "funds_committed_booked",
        "资金来源在途余额与承担、支出、退回之差",
        "SELECT sum(amount_fen) FROM funding_entries WHERE account = 'COMMITTED'",
        "SELECT sum(committed_fen - paid_fen - returned_fen) FROM funding_sums",
    ),
    Rule(
        "receipts",
        "拨入、项目支出单据与资金来源账",
        "SELECT sum(CASE kind WHEN 'ALLOTTED' THEN amount_fen ELSE -amount_fen END) FROM funding_receipts",
        "SELECT sum(amount_fen) FROM funding_entries WHERE account = 'AVAILABLE' AND movement IN ('ALLOTTED', 'SPENT')",
    ),
    Rule(
        "unmatched",
        "未匹配回盘",
        "SELECT count(*) FROM unmatched_results WHERE state = 'OPEN'",
        "SELECT 0",
        "SELECT result_id AS id FROM unmatched_results WHERE state = 'OPEN' ORDER BY 1",
        unit="count",
    ),
)
"""Over everything, in their order."""


async def check(tx: Tx, rule: Rule, cycle: str = "", cycle_id: str = "") -> Check:
    """Compare. The ids are looked for though the sums agree: two faults that cancel each other out are two faults."""
    bound = {"cycle_id": cycle_id} if cycle_id else {}
    left, right = await _number(tx, rule.left, bound), await _number(tx, rule.right, bound)
    ids: tuple[str, ...] = ()
    if rule.ids:
        ids = tuple(row.id for row in await tx.fetch(f"{rule.ids} LIMIT {IDS_MAX}", **bound))
    return Check(cycle, rule.key, rule.what, left, right, ids, rule.unit)


async def _number(tx: Tx, sql: str, bound: dict[str, str]) -> int:
    (row,) = await tx.fetch(sql, **{name: value for name, value in bound.items() if f":{name}" in sql})
    return int(row[0] or 0)
