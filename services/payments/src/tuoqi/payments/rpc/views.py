"""Cycles and lines as the contract shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tuoqi.contracts.payments.v1 import cycle_pb2
from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.domain.cycle import Act, Cycle
from tuoqi.payments.handlers import ref
from tuoqi.payments.jobs.trial import Trial
from tuoqi.payments.store.cycles import Total, read_acts, read_totals
from tuoqi.payments.store.instructions import count_instructions
from tuoqi.payments.store.ledger import findings


async def view(database: Database, cycles: Sequence[Cycle], *, proven: bool = False) -> list[pb.Cycle]:
    """Cycles with totals and instructions; `proven` adds what the ledger's own proof finds, and the history."""
    async with database.begin() as tx:
        ids = [cycle.cycle_id for cycle in cycles]
        totals = await read_totals(tx, ids)
        counts = await count_instructions(tx, ids)
        return [
            _cycle(
                cycle,
                totals[cycle.cycle_id],
                counts[cycle.cycle_id],
                await _findings(tx, cycle) if proven else (),
                await read_acts(tx, cycle.cycle_id) if proven else (),
            )
            for cycle in cycles
        ]


async def _findings(tx: Tx, cycle: Cycle) -> Sequence[str]:
    return await findings(tx, cycle.cycle_id)


def _cycle(
    cycle: Cycle, totals: Sequence[Total], counts: dict[str, int], found: Sequence[str], acts: Sequence[Act]
) -> pb.Cycle:
    return pb.Cycle(
        ref=ref(cycle),
        month=str(cycle.month),
        state=cycle.state.value,
        cutoff=stamp_of(cycle.cut_off),
        posted_until="" if cycle.posted_until is None else cycle.posted_until.isoformat(),
        reviewed_by=cycle.reviewed_by,
        approved_by=cycle.approved_by,
        approvals_needed=cycle.approvers_needed,
        totals=totals_view(totals),
        instructions=counts,
        control_findings=found,
        rule_version=cycle.policy_version,
        programmes=cycle.scope,
        objections_open=cycle.objections_open,
        must_cancel=cycle.must_cancel,
        history=[pb.CycleAct(act=act.name, by=act.by, at=stamp_of(act.at), times=act.times) for act in acts],
        posting_cut_because=cycle.posting_cut_because if acts else "",
        cancelled_because=cycle.cancelled_because if acts else "",
    )


def totals_view(totals: Sequence[Total]) -> list[cycle_pb2.ProgrammeTotal]:
    """Sums by programme and type."""
    return [
        cycle_pb2.ProgrammeTotal(
            programme=one.programme, line_type=one.line_type, lines=one.lines, amount_fen=one.amount_fen
        )
        for one in totals
    ]


def trial_view(trial: Trial) -> pb.Trial:
    """What a cycle would write."""
    cycle = trial.cycle
    return pb.Trial(
        name=cycle.name,
        month=str(cycle.month),
        cutoff=stamp_of(cycle.cut_off),
        totals=totals_view(trial.totals),
        persons=trial.persons,
        beyond_limit_fen=trial.beyond_limit_fen,
    )


def line_view(row: Any) -> cycle_pb2.PaymentLine:
    """A line without anybody's name."""
    return cycle_pb2.PaymentLine(
        line_id=row.line_id,
        person_id=row.person_id,
        programme=row.programme,
        benefit_month=row.benefit_month,
        line_type=row.line_type,
        amount_fen=row.amount_fen,
    )
