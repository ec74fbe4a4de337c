"""Recovery files as the contract shows them: codes, days and fen; words only for whoever says why he asks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from tuoqi.contracts.payments.v1 import recovery_pb2, recovery_service_pb2
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.domain.explain import explain
from tuoqi.payments.domain.recovery import LIVE
from tuoqi.payments.jobs.recovery_files import sentence_of
from tuoqi.payments.jobs.recovery_forecast import Expected

pb = recovery_service_pb2


def file_view(row: Any) -> recovery_service_pb2.Recovery:
    """One file without its items."""
    return pb.Recovery(
        ref=recovery_pb2.RecoveryRef(recovery_id=row.recovery_id, person_id=row.person_id),
        state=row.state,
        owed_fen=row.owed_fen,
        repaid_fen=row.repaid_fen,
        offset_fen=row.offset_fen,
        reduced_fen=row.reduced_fen,
        written_off_fen=row.written_off_fen,
        refunded_fen=row.refunded_fen,
        opened_on=_day(row.opened_on),
        closed_on=_day(row.closed_on),
        notice_no=row.notice_no,
        notice_fen=row.notice_fen,
        noticed_on=_day(row.noticed_on),
        due_on=_day(row.due_on),
        delivered_on=_day(row.delivered_on),
        delivered_how=row.delivered_how,
        overdue=bool(row.overdue),
        needs_notice=row.state in LIVE and row.owed_fen > row.notice_fen,
        signed_on=_day(row.signed_on),
        offset_programmes=json.loads(row.programmes),
        cap_fen=row.cap_fen or 0,
        cap_hundredths=row.cap_hundredths or 0,
        write_off_id=row.write_off_id,
        proposed_fen=row.proposed_fen,
        proposed_by=row.proposed_by,
        proposed_reason=row.proposed_reason,
        items=row.items,
    )


def item_views(rows: Sequence[Any], words: Mapping[str, str], *, told: bool) -> list[recovery_service_pb2.RecoveryItem]:
    """The cases of a file; `told` adds their sentences."""
    return [
        pb.RecoveryItem(
            person_id=row.person_id,
            programme=row.programme,
            benefit_month=row.benefit_month,
            owed_fen=row.owed_fen,
            raised_fen=row.raised_fen,
            agreed_fen=row.agreed_fen,
            reason=row.reason,
            cycle=row.cycle,
            sentence=sentence_of(row, words) if told else "",
        )
        for row in rows
    ]


def part_views(rows: Sequence[Any], paid_fen: int, today: date) -> list[recovery_service_pb2.RecoveryPart]:
    """The instalments, by what has come so far."""
    parts = []
    for row in rows:
        late = "MISSED" if row.due_on < today else "DUE"
        instalment = recovery_pb2.RecoveryInstalment(
            nth=row.nth, due_on=row.due_on.isoformat(), amount_fen=row.amount_fen
        )
        parts.append(pb.RecoveryPart(instalment=instalment, state="PAID" if row.upto_fen <= paid_fen else late))
    return parts


def repayment_views(rows: Sequence[Any], *, told: bool) -> list[recovery_service_pb2.Repayment]:
    """The repayments of a file."""
    return [
        pb.Repayment(
            repayment_id=row.repayment_id,
            amount_fen=row.amount_fen,
            paid_on=row.paid_on.isoformat(),
            receipt_no=row.receipt_no,
            payer=row.payer,
            recorded_by=row.recorded_by,
            recorded_at=stamp_of(row.recorded_at),
            reversed_by=row.reversed_by,
            reversed_because=row.reversed_because if told else "",
        )
        for row in rows
    ]


def act_views(rows: Sequence[Any], *, told: bool) -> list[recovery_service_pb2.RecoveryAct]:
    """The history of a file."""
    return [
        pb.RecoveryAct(
            act=row.act,
            by=row.actor,
            at=stamp_of(row.at),
            amount_fen=row.amount_fen,
            code=row.code,
            reference=row.reference,
            note=row.note if told else "",
        )
        for row in rows
    ]


def forecast_views(
    expected: Sequence[Expected], words: Mapping[str, str]
) -> list[recovery_service_pb2.RecoveryForecast]:
    """What the next cycle would recover."""
    return [
        pb.RecoveryForecast(
            person_id=one.line.person_id,
            programme=one.line.programme,
            benefit_month=str(one.line.benefit_month),
            amount_fen=-one.line.amount_fen,
            owed_fen=one.owed_fen,
            reason=one.line.reason,
            sentence=explain(one.line, words),
        )
        for one in expected
    ]


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()
