"""What other systems submit: a batch's state, and the verdict on each of its lines.

A line that is accepted pays nothing by itself: it becomes a grant only when the county releases its batch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from tuoqi.payments.domain.aid_policy import AFTER_DEATH, AidPolicy, SubmissionTerms, in_force
from tuoqi.payments.domain.errors import REFUSALS, PaymentsError
from tuoqi.payments.domain.months import Month

_REF: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_REFS: Final = re.compile(r"(?:[A-Za-z0-9_.:-]{1,64}\n)*")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class BatchState(StrEnum):
    """How far the county has let a batch go."""

    SUBMITTED = "SUBMITTED"
    RELEASED = "RELEASED"


class LineState(StrEnum):
    """Where a line is on its way to the account."""

    ACCEPTED = "ACCEPTED"
    RELEASED = "RELEASED"
    IN_CYCLE = "IN_CYCLE"
    WAITING = "WAITING"
    INSTRUCTED = "INSTRUCTED"
    SETTLED = "SETTLED"
    RETURNED = "RETURNED"
    NETTED = "NETTED"
    NOT_PAID = "NOT_PAID"
    VOIDED = "VOIDED"


UNDER_WAY: Final = ("RELEASED", "IN_CYCLE", "WAITING", "INSTRUCTED", "RETURNED", "NOT_PAID")
"""States in which a line may still move; the index of lines under way names the same."""


class Line(NamedTuple):
    """One line as submitted, with what the batch said for it; `ordinal` counts from 1. Made by the ten thousand."""

    ordinal: int
    line_ref: str
    person_id: str
    programme: str
    benefit_month: str
    amount_fen: int

    @property
    def content(self) -> tuple[str, str, str, int]:
        """What two lines of one reference must share to be the same."""
        return (self.person_id, self.programme, self.benefit_month, self.amount_fen)


@dataclass(frozen=True, slots=True)
class Taken:
    """A line that was taken in before under the same reference."""

    content: tuple[str, str, str, int]
    batch_id: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a line was not accepted: a duplicate has no reason."""

    line_ref: str
    reason: str = ""
    sentence: str = ""
    earlier_batch_id: str = ""

    @property
    def outcome(self) -> str:
        """DUPLICATE or REJECTED."""
        return "REJECTED" if self.reason else "DUPLICATE"


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows about a batch's lines: references taken before, people missing, deaths."""

    taken: Mapping[str, Taken]
    strangers: frozenset[str]
    died_on: Mapping[str, date]


class Judge:
    """Verdicts on the lines of one client on one day; what a programme and month allow is worked out once each."""

    def __init__(self, policy: AidPolicy, client: str, today: date, name_of: Callable[[str], str]) -> None:
        self._policy = policy
        self._client = client
        self._month = Month.of(today)
        self._name_of = name_of
        self._terms: dict[tuple[str, str], SubmissionTerms | tuple[str, str]] = {}

    def judge(self, lines: Sequence[Line], known: Known, batch_id: str) -> tuple[list[Line], list[Verdict]]:
        """Those accepted and verdicts on the others, both in order."""
        accepted: list[Line] = []
        verdicts: list[Verdict] = []
        taken = dict(known.taken)
        for line in lines:
            before = taken.get(line.line_ref)
            if before is not None:
                verdicts.append(self._again(line, before))
                continue
            reason = self._fault(line, known)
            if reason is not None:
                verdicts.append(Verdict(line.line_ref, *reason))
                continue
            taken[line.line_ref] = Taken(line.content, batch_id)
            accepted.append(line)
        return accepted, verdicts

    def _again(self, line: Line, before: Taken) -> Verdict:
        if before.content == line.content:
            return Verdict(line.line_ref, earlier_batch_id=before.batch_id)
        slug, sentence = _refused("payments.line_ref_reused", line_ref=line.line_ref)
        return Verdict(line.line_ref, slug, sentence, before.batch_id)

    def _fault(self, line: Line, known: Known) -> tuple[str, str] | None:
        """Slug and sentence of the first wall that a line meets."""
        terms = self._terms.get((line.programme, line.benefit_month))
        if terms is None:
            terms = self._terms[line.programme, line.benefit_month] = self._look_up(line.programme, line.benefit_month)
        if not isinstance(terms, SubmissionTerms):
            return terms
        if line.amount_fen <= 0:
            return _refused("payments.line_amount_wrong", line_ref=line.line_ref)
        if line.amount_fen > terms.ceiling_fen:
            return _refused("payments.line_above_ceiling", amount=yuan(line.amount_fen), limit=yuan(terms.ceiling_fen))
        if line.person_id in known.strangers:
            return _refused("payments.line_person_unknown", line_ref=line.line_ref)
        died_on = known.died_on.get(line.person_id)
        if died_on is not None and line.benefit_month > died_on.isoformat()[:7] and not self._after_death(line):
            return _refused("payments.line_after_death", month=line.benefit_month, died=died_on)
        return None

    def _after_death(self, line: Line) -> bool:
        programme = self._policy.programmes.get(line.programme)
        return programme is not None and programme.kind == AFTER_DEATH

    def _look_up(self, programme: str, written: str) -> SubmissionTerms | tuple[str, str]:
        """What may be submitted for a programme and month; else slug and sentence of the refusal."""
        allowed = self._policy.submissions.get(programme)
        if allowed is None or self._client not in allowed.clients:
            return _refused(
                "payments.line_programme_closed", programme=programme or "（未写项目）", client=self._client
            )
        try:
            month = Month.parse(written)
        except ValueError:
            return _refused("payments.line_month_wrong", month=written[:10] or "（未写月份）")
        terms = in_force(allowed.terms, month)
        first = self._month.plus(-terms.reach_back_months) if terms else month.plus(1)
        if terms is None or not first <= month <= self._month:
            name = self._name_of(programme)
            return _refused("payments.line_month_out_of_reach", name=name, month=month, last=self._month)
        return terms


def check_refs(refs: Sequence[str]) -> None:
    """Refuses a whole batch with a reference that cannot be one. Raises payments.line_ref_wrong."""
    if _REFS.fullmatch("".join([f"{ref}\n" for ref in refs])):
        return
    for number, ref in enumerate(refs, start=1):
        if not _REF.fullmatch(ref):
            raise PaymentsError("payments.line_ref_wrong", number=number)


def is_id(text: str) -> bool:
    """Whether a text has the shape of a person's id."""
    return _UUID.fullmatch(text) is not None


def _refused(slug: str, **detail: object) -> tuple[str, str]:
    return slug, REFUSALS[slug][1].format_map(detail)


def yuan(fen: int) -> str:
    """Fen as yuan with two decimals."""
    return f"{fen // 100}.{fen % 100:02d}"


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of another system 提交批次; `answer` is what its submitter was told, byte by byte."""

    batch_id: str
    batch_no: int
    client: str
    idempotency_key: str
    body_hash: bytes
    answer: bytes
    state: BatchState
    accepted: int
    duplicates: int
    rejected: int
    amount_fen: int
    policy_version: str
    submitted_at: datetime
    version: int = 0
    voided: int = 0
    released_by: str = ""
    released_at: datetime | None = None

    def release(self, *, by: str, at: datetime) -> Batch:
        """Let it be paid. Raises payments.batch_own, payments.batch_empty."""
        if by == self.client:
            raise PaymentsError("payments.batch_own", by=by)
        if self.voided >= self.accepted:
            raise PaymentsError("payments.batch_empty", batch=self.batch_id)
        return replace(self, state=BatchState.RELEASED, released_by=by, released_at=at)

    def void(self, count: int) -> Batch:
        """So many more of its lines count no more."""
        return replace(self, voided=self.voided + count)

    def require_voidable(self, *, by_client: bool) -> None:
        """Raises payments.batch_released_already where a client wants to take back what the county released."""
        if by_client and self.state is BatchState.RELEASED:
            raise PaymentsError("payments.batch_released_already", batch=self.batch_id)


@dataclass(frozen=True, slots=True)
class MonthSum:
    """What a person would be granted for a programme and month with a batch, and what stood there before."""

    person_id: str
    programme: str
    benefit_month: str
    amount_fen: int
    before_fen: int
    line_ref: str
    """One of the batch's lines in it."""


def beyond_ceiling(policy: AidPolicy, sums: Sequence[MonthSum]) -> list[str]:
    """References of lines with which a person's month would exceed what the county lets be submitted."""
    found = []
    for one in sums:
        allowed = policy.submissions.get(one.programme)
        terms = in_force(allowed.terms, Month.parse(one.benefit_month)) if allowed else None
        if terms is None or one.before_fen + one.amount_fen > terms.ceiling_fen:
            found.append(one.line_ref)
    return found
