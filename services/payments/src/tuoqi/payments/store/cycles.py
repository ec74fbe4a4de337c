"""Cycles: state by id, their one order, and the lock that lets money move in one place at a time."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.payments.domain.cycle import Act, Cycle, State
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import CycleRules

_MONEY_LOCK = 7_401_001
"""Any number that no other advisory lock of this database uses."""

_COLUMNS: tuple[tuple[str, str], ...] = (
    ("cycle_id", "text"),
    ("name", "text"),
    ("seq", "int"),
    ("month", "text"),
    ("cut_off", "timestamptz"),
    ("rules", "text"),
    ("state", "text"),
    ("version", "bigint"),
    ("positive_fen", "bigint"),
    ("reviewed_by", "text"),
    ("posted_on", "date"),
    ("posting_cut_because", "text"),
    ("approved_by", "text"),
    ("instructed_on", "date"),
    ("cancelled_because", "text"),
    ("policy_version", "text"),
    ("scope", "text"),
    ("objections_open", "int"),
    ("must_cancel", "boolean"),
)
_NAMES = ", ".join(name for name, _ in _COLUMNS)
_ARRAYS = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS)
_INSERT = f"INSERT INTO cycles ({_NAMES}) SELECT * FROM unnest({_ARRAYS}) ON CONFLICT DO NOTHING"
_CHANGING = (
    "state",
    "version",
    "positive_fen",
    "reviewed_by",
    "posted_on",
    "posting_cut_because",
    "approved_by",
    "instructed_on",
    "cancelled_because",
    "policy_version",
    "objections_open",
    "must_cancel",
)
_UPDATE = f"""
UPDATE cycles SET {", ".join(f"{name} = t.{name}" for name in _CHANGING)}
FROM unnest({_ARRAYS}, CAST(:loaded AS bigint[])) AS t({_NAMES}, loaded)
WHERE cycles.cycle_id = t.cycle_id AND cycles.version = t.loaded
"""

# The cycle's row is locked, so nobody else counts meanwhile.
_ACTS = """
INSERT INTO cycle_acts (cycle_id, nth, act, actor, at, times)
SELECT t.cycle_id, t.nth + (SELECT count(*) FROM cycle_acts a WHERE a.cycle_id = t.cycle_id), t.act, t.actor, t.at, t.times
FROM unnest(CAST(:cycle_ids AS text[]), CAST(:nths AS int[]), CAST(:acts AS text[]), CAST(:actors AS text[]),
            CAST(:ats AS timestamptz[]), CAST(:times AS int[])) AS t(cycle_id, nth, act, actor, at, times)
"""


@dataclass(frozen=True, slots=True)
class Total:
    """What the lines of one programme and type come to."""

    programme: str
    line_type: str
    lines: int
    amount_fen: int


class CycleStore:
    """Cycles by id, as the kit's commands load and save them."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, Cycle]:
        """Those that exist, locked in key order."""
        rows = await tx.fetch(
            "SELECT * FROM cycles WHERE cycle_id = ANY(CAST(:keys AS text[])) ORDER BY cycle_id FOR UPDATE",
            keys=list(keys),
        )
        return {row.cycle_id: _cycle(row) for row in rows}

    async def save(self, tx: Tx, changes: Sequence[Change[Cycle]]) -> None:
        """New ones are inserted, others updated where their version is still the loaded one."""
        new = [change for change in changes if change.loaded_version is None]
        old = [change for change in changes if change.loaded_version is not None]
        if new:
            expect_rows(await tx.execute(_INSERT, **_arrays(new)), len(new))
        if old:
            loaded = [change.loaded_version for change in old]
            expect_rows(await tx.execute(_UPDATE, **_arrays(old), loaded=loaded), len(old))
        await _remember(tx, [change.state for change in changes])


async def _remember(tx: Tx, cycles: Sequence[Cycle]) -> None:
    """Add what was done to the cycles' histories, which are never changed."""
    done = [(cycle.cycle_id, nth, act) for cycle in cycles for nth, act in enumerate(cycle.acts, start=1)]
    if done:
        await tx.execute(
            _ACTS,
            cycle_ids=[cycle_id for cycle_id, _, _ in done],
            nths=[nth for _, nth, _ in done],
            acts=[act.name for *_, act in done],
            actors=[act.by for *_, act in done],
            ats=[act.at for *_, act in done],
            times=[act.times for *_, act in done],
        )


async def read_acts(tx: Tx, cycle_id: str) -> list[Act]:
    """What was done to a cycle, oldest first."""
    rows = await tx.fetch("SELECT * FROM cycle_acts WHERE cycle_id = :cycle_id ORDER BY nth", cycle_id=cycle_id)
    return [Act(row.act, row.actor, row.at, row.times) for row in rows]


def _arrays(changes: Sequence[Change[Cycle]]) -> dict[str, list[Any]]:
    rows = [_row(change.state) for change in changes]
    return {name: [row[name] for row in rows] for name, _ in _COLUMNS}


def _row(cycle: Cycle) -> dict[str, Any]:
    rules = {
        "effective_from": str(cycle.rules.effective_from),
        "cut_off_day": cycle.rules.cut_off_day,
        "cut_off_hour": cycle.rules.cut_off_hour,
        "posting_days": cycle.rules.posting_days,
        "reach_back_months": cycle.rules.reach_back_months,
        "two_approvers_above_fen": cycle.rules.two_approvers_above_fen,
    }
    return {
        "cycle_id": cycle.cycle_id,
        "name": cycle.name,
        "seq": cycle.seq,
        "month": str(cycle.month),
        "cut_off": cycle.cut_off,
        "rules": json.dumps(rules),
        "state": str(cycle.state),
        "version": cycle.version,
        "positive_fen": cycle.positive_fen,
        "reviewed_by": cycle.reviewed_by,
        "posted_on": cycle.posted_on,
        "posting_cut_because": cycle.posting_cut_because,
        "approved_by": json.dumps(cycle.approved_by),
        "instructed_on": cycle.instructed_on,
        "cancelled_because": cycle.cancelled_because,
        "policy_version": cycle.policy_version,
        "scope": json.dumps(cycle.scope),
        "objections_open": cycle.objections_open,
        "must_cancel": cycle.must_cancel,
    }


def _cycle(row: Any) -> Cycle:
    rules = json.loads(row.rules)
    return Cycle(
        name=row.name,
        seq=row.seq,
        month=Month.parse(row.month),
        cut_off=row.cut_off,
        rules=CycleRules(**{**rules, "effective_from": Month.parse(rules["effective_from"])}),
        state=State(row.state),
        version=row.version,
        positive_fen=row.positive_fen,
        reviewed_by=row.reviewed_by,
        posted_on=row.posted_on,
        posting_cut_because=row.posting_cut_because,
        approved_by=tuple(json.loads(row.approved_by)),
        instructed_on=row.instructed_on,
        cancelled_because=row.cancelled_because,
        cycle_id=row.cycle_id,
        policy_version=row.policy_version,
        scope=tuple(json.loads(row.scope)),
        objections_open=row.objections_open,
        must_cancel=row.must_cancel,
    )


async def lock_money(tx: Tx) -> None:
    """Wait until nobody else opens, computes, instructs, settles or cancels; held to the end of the transaction."""
    await tx.fetch("SELECT pg_advisory_xact_lock(CAST(:lock AS bigint))", lock=_MONEY_LOCK)


async def all_cycles(tx: Tx) -> list[Cycle]:
    """Every cycle, cancelled ones too, in their order."""
    return [_cycle(row) for row in await tx.fetch("SELECT * FROM cycles ORDER BY seq")]


async def newest_cycles(tx: Tx, limit: int) -> list[Cycle]:
    """The last ones, newest first."""
    rows = await tx.fetch("SELECT * FROM cycles ORDER BY seq DESC LIMIT CAST(:limit AS int)", limit=limit)
    return [_cycle(row) for row in rows]


async def find_cycle(tx: Tx, named: str) -> Cycle | None:
    """By id; or by month, which means its latest that is not cancelled, else its latest; or by name."""
    rows = await tx.fetch(
        "SELECT * FROM cycles WHERE cycle_id = :named OR name = :named OR month = :named"
        " ORDER BY cycle_id = :named DESC, month = :named DESC, state = 'CANCELLED', seq DESC LIMIT 1",
        named=named,
    )
    return _cycle(rows[0]) if rows else None


async def write_totals(tx: Tx, cycle_id: str, totals: Sequence[Total]) -> None:
    """What a computed cycle comes to."""
    await tx.copy(
        "cycle_totals",
        ("cycle_id", "programme", "line_type", "lines", "amount_fen"),
        [(cycle_id, one.programme, one.line_type, one.lines, one.amount_fen) for one in totals],
    )


async def read_totals(tx: Tx, cycle_ids: Sequence[str]) -> dict[str, list[Total]]:
    """What cycles come to, by programme and type."""
    rows = await tx.fetch(
        "SELECT * FROM cycle_totals WHERE cycle_id = ANY(CAST(:ids AS text[])) ORDER BY programme, line_type",
        ids=list(cycle_ids),
    )
    found: dict[str, list[Total]] = {cycle_id: [] for cycle_id in cycle_ids}
    for row in rows:
        found[row.cycle_id].append(Total(row.programme, row.line_type, row.lines, row.amount_fen))
    return found
