"""Batches of other systems: taken in, released, taken back.

Taking in needs no lock but the rows' own keys: eight systems at once do not wait for each other. Releasing and taking
back change what cycles read, so they hold the money's lock.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tuoqi.contracts.payments.v1 import disbursement_service_pb2 as pb
from tuoqi.kit.commands import Call
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.masking import hide_private
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.domain.aid_policy import SCHOOL_YEAR, AidPolicy
from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.grants import (
    Batch,
    BatchState,
    Judge,
    Line,
    Verdict,
    beyond_ceiling,
    check_refs,
)
from tuoqi.payments.domain.months import Month, day_of
from tuoqi.payments.handlers.disbursements import BATCH_ACTS, AcceptBatch, ReleaseBatch, VoidLines
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store.batches import find_batch, find_by_key
from tuoqi.payments.store.cycles import lock_money
from tuoqi.payments.store.disbursements import (
    granted_between,
    known_refs,
    months_of,
    read_known,
    read_sums,
    release_lines,
    void_lines,
    write_lines,
)
from tuoqi.payments.store.grants import moment_of_grants, void_grants

_LONG_NUMBER = re.compile(r"[0-9]{11}")
"""The shortest number that could be somebody's, a mobile phone."""
NAMED_MAX = 5
"""References that a refusal names, at most."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """One submission as it came."""

    client: str
    key: str
    body_hash: bytes
    lines: Sequence[Line]


def read_submission(client: str, request: pb.SubmitBatchRequest) -> Submitted:
    """The lines with what the batch says for them. Raises payments.line_ref_wrong, payments.line_ref_private."""
    programme, month = request.programme, request.benefit_month
    lines = [
        Line(
            ordinal,
            line.line_ref,
            line.person_id,
            line.programme or programme,
            line.benefit_month or month,
            line.amount_fen,
        )
        for ordinal, line in enumerate(request.lines, start=1)
    ]
    refs = [line.line_ref for line in lines]
    check_refs(refs)
    joined = "\n".join(refs)
    # A reference goes into events: it must not be somebody's number. Looking closely is dear and seldom needed.
    if _LONG_NUMBER.search(joined) and hide_private(joined) != joined:
        raise PaymentsError("payments.line_ref_private")
    body = request.SerializeToString(deterministic=True)
    return Submitted(client, request.idempotency_key, hashlib.sha256(body).digest(), lines)


async def submit(tools: Tools, policy: AidPolicy, given: Submitted) -> bytes:
    """Take a batch in; the answer as bytes, the same for the same key and body. Raises payments.batch_key_reused."""
    answer: bytes = await tools.commander.transaction(lambda tx: _submit(tools, policy, tx, given))
    return answer


async def _submit(tools: Tools, policy: AidPolicy, tx: Tx, given: Submitted) -> bytes:
    batch_no, before = await find_by_key(tx, given.client, given.key)
    if before is not None:
        body_hash, answer = before
        if body_hash != given.body_hash:
            raise PaymentsError("payments.batch_key_reused", key=given.key)
        return answer
    now = tools.clock.now()
    batch_id = tools.ids(now, f"batch|{given.client}|{given.key}", 0)
    known = await read_known(tx, given.client, given.lines)
    judge = Judge(policy, given.client, day_of(now), lambda key: tools.policy.programme(key).name)
    accepted, verdicts = judge.judge(given.lines, known, batch_id)
    rejected = sum(verdict.outcome == "REJECTED" for verdict in verdicts)
    batch = Batch(
        batch_id=batch_id,
        batch_no=batch_no,
        client=given.client,
        idempotency_key=given.key,
        body_hash=given.body_hash,
        answer=b"",
        state=BatchState.SUBMITTED,
        accepted=len(accepted),
        duplicates=len(verdicts) - rejected,
        rejected=rejected,
        amount_fen=sum(line.amount_fen for line in accepted),
        policy_version=tools.policy_version,
        submitted_at=now,
    )
    answer = _answer(batch, verdicts)
    await _act(tools, tx, batch, AcceptBatch(replace(batch, answer=answer)), by=given.client)
    if accepted:
        await write_lines(tx, batch_no, given.client, accepted)
    return answer


def _answer(batch: Batch, verdicts: Sequence[Verdict]) -> bytes:
    response = pb.SubmitBatchResponse(batch=batch_view(batch), results=[result_view(one) for one in verdicts])
    return response.SerializeToString(deterministic=True)


async def release(tools: Tools, policy: AidPolicy, batch_id: str, *, by: str) -> Batch:
    """Let a batch be paid; a released one is answered as it is.

    Raises payments.batch_own, payments.batch_empty, payments.batch_above_ceiling, payments.batch_school_year.
    """

    async def body(tx: Tx) -> Batch:
        await lock_money(tx)
        batch = await known_batch(tx, batch_id)
        if batch.state is BatchState.RELEASED:
            return batch
        batch.release(by=by, at=tools.clock.now())  # refuses before the lines are looked at
        await _check_lines(tx, policy, batch)
        at = await moment_of_grants(tx, tools.clock.now())
        lines, amount_fen = await release_lines(tx, batch, at)
        return await _act(tools, tx, batch, ReleaseBatch(by, at, lines, amount_fen), by=by)

    released: Batch = await tools.commander.transaction(body)
    return released


async def _check_lines(tx: Tx, policy: AidPolicy, batch: Batch) -> None:
    """What can only be said of a person's whole month or school year, under the money's lock."""
    too_much = beyond_ceiling(policy, await read_sums(tx, batch.batch_no))
    if too_much:
        raise _named("payments.batch_above_ceiling", batch, too_much)
    years = {
        (key, *policy.programmes[key].school_year(Month.parse(month)))
        for key, month in await months_of(tx, batch.batch_no)
        if key in policy.programmes and policy.programmes[key].kind == SCHOOL_YEAR
    }
    for key, first, last in sorted(years):
        twice = await granted_between(tx, batch.batch_no, key, str(first), str(last))
        if twice:
            raise _named("payments.batch_school_year", batch, twice)


def _named(slug: str, batch: Batch, refs: Sequence[str]) -> PaymentsError:
    more = "……" if len(refs) > NAMED_MAX else ""
    return PaymentsError(slug, batch=batch.batch_id, count=len(refs), refs="、".join(refs[:NAMED_MAX]) + more)


async def void(
    tools: Tools, batch_id: str, refs: Sequence[str], reason: str, *, by: str, by_client: bool
) -> tuple[Batch, int]:
    """Take lines back, all of them where none is named; the batch, and how many this call took back."""

    async def body(tx: Tx) -> tuple[Batch, int]:
        await lock_money(tx)
        batch = await known_batch(tx, batch_id, by if by_client else "")
        batch.require_voidable(by_client=by_client)
        if unknown := sorted(set(refs) - await known_refs(tx, batch.batch_no, refs)):
            raise PaymentsError("payments.line_unknown", line_ref=unknown[0])
        voided, grant_ids = await void_lines(tx, batch, refs, reason)
        if not voided:
            return batch, 0
        if batch.state is BatchState.RELEASED:
            await void_grants(tx, grant_ids, await moment_of_grants(tx, tools.clock.now()))
        return await _act(tools, tx, batch, VoidLines(voided), by=by), len(voided)

    after: tuple[Batch, int] = await tools.commander.transaction(body)
    return after


async def known_batch(tx: Tx, named: str, client: str = "") -> Batch:
    """A batch by id or, for a client, by its own key. Raises payments.batch_unknown."""
    batch = await find_batch(tx, named, client)
    if batch is None:
        raise TuoqiError("payments.batch_unknown", batch=named)
    return batch


async def _act(tools: Tools, tx: Tx, batch: Batch, command: object, *, by: str) -> Batch:
    """One act on one batch within a transaction that is open. Repeated on the same version it makes the same ids."""
    call = batch_call(tools, batch.batch_id, batch.version, command, by=by)
    states = await tools.commander.within(tx, Batch, [call])
    after: Batch = states[batch.batch_id]
    return after


def batch_call(
    tools: Tools, batch_id: str, version: int, command: object, *, by: str, at: datetime | None = None
) -> Call:
    """An act on a batch, now where no moment is given."""
    name = type(command).__name__
    return Call(
        key=batch_id,
        handler=BATCH_ACTS[type(command)],
        message=command,
        cause=f"{name}|{batch_id}|{version}|{by}",
        at=at or tools.clock.now(),
        actor=by,
    )


def batch_view(batch: Batch) -> pb.DisbursementBatch:
    """A batch as it is shown, and as its submitter was told."""
    return pb.DisbursementBatch(
        batch_id=batch.batch_id,
        client=batch.client,
        idempotency_key=batch.idempotency_key,
        state=str(batch.state),
        accepted=batch.accepted,
        duplicates=batch.duplicates,
        rejected=batch.rejected,
        voided=batch.voided,
        amount_fen=batch.amount_fen,
        submitted_at=stamp_of(batch.submitted_at),
        released_by=batch.released_by,
        released_at=stamp_of(batch.released_at),
    )


def result_view(verdict: Verdict) -> pb.LineResult:
    """Why a line was not accepted."""
    return pb.LineResult(
        line_ref=verdict.line_ref,
        outcome=verdict.outcome,
        reason=verdict.reason,
        sentence=verdict.sentence,
        earlier_batch_id=verdict.earlier_batch_id,
    )
