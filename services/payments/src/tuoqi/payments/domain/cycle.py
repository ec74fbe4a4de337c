"""The life of a payment cycle 发放周期: its states, who may move it, what cancelling takes with it.

A Cycle is never changed: each act answers a new one with the next version, or raises CycleError. Roles are checked
where the call arrives; here stands only what one person may not do beside another act of the same cycle.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Self

from tuoqi.payments.domain.errors import CycleError
from tuoqi.payments.domain.months import Month, age_on, day_of
from tuoqi.payments.domain.payees import ADULT_AGE
from tuoqi.payments.domain.policy import CycleRules, Policy, Programme


class State(StrEnum):
    """The states of a cycle, in their order."""

    DRAFT = "DRAFT"
    COMPUTED = "COMPUTED"
    REVIEWED = "REVIEWED"
    POSTED = "POSTED"
    APPROVED = "APPROVED"
    INSTRUCTED = "INSTRUCTED"
    SETTLING = "SETTLING"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


PAYING_OUT = frozenset({State.INSTRUCTED, State.SETTLING, State.CLOSED})
"""From INSTRUCTED on money is on its way: no cycle that has come so far is cancelled."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something done to a cycle: what, by whom, when, and how often in one go (results of the bank come by file)."""

    name: str
    by: str
    at: datetime
    times: int = 1


@dataclass(frozen=True, slots=True)
class Cycle:
    """One cycle of one month; `seq` is its place in the one order of all cycles, `rules` those it was opened under.

    `cycle_id` and `policy_version` (the county's files that computed it) are given and kept by whoever stores it.
    `scope` names the programmes whose lines it writes, in the county's order; empty = all of them.
    """

    name: str
    seq: int
    month: Month
    cut_off: datetime
    rules: CycleRules
    state: State = State.DRAFT
    version: int = 1
    positive_fen: int = 0
    reviewed_by: str = ""
    posted_on: date | None = None
    posting_cut_because: str = ""
    approved_by: tuple[str, ...] = ()
    instructed_on: date | None = None
    cancelled_because: str = ""
    cycle_id: str = ""
    policy_version: str = ""
    scope: tuple[str, ...] = ()
    objections_open: int = 0
    """Objections 异议 to its posting that nobody has decided yet."""
    must_cancel: bool = False
    """An objection was upheld, and the decision says that the cycle has to be cancelled."""
    acts: tuple[Act, ...] = ()
    """What was done to it since it was loaded; whoever stores it adds them to its history."""

    @property
    def is_live(self) -> bool:
        """Whether its lines count; a cancelled cycle is as if it had never been."""
        return self.state is not State.CANCELLED

    @property
    def approvers_needed(self) -> int:
        """One, or two where the positive lines sum to more than the county's threshold."""
        return 2 if self.positive_fen > self.rules.two_approvers_above_fen else 1

    @property
    def posted_until(self) -> date | None:
        """The day on which the posting 公示 is over and approval may follow; None before it is posted."""
        return None if self.posted_on is None else self.posted_on + timedelta(days=self.rules.posting_days)

    def compute(self, *, positive_fen: int, cycles: "Sequence[Cycle]") -> Self:
        """DRAFT → COMPUTED: its lines are written and count as paid. Every earlier live cycle must have come so far."""
        self._only_in("核算", State.DRAFT)
        for earlier in cycles:
            if earlier.seq < self.seq and earlier.state is State.DRAFT:
                raise CycleError("payments.cycle_earlier_not_computed", earlier=earlier.name)
        return replace(self, version=self.version + 1, state=State.COMPUTED, positive_fen=positive_fen)

    def review(self, *, by: str) -> Self:
        """COMPUTED → REVIEWED by county civil affairs 民政复核."""
        self._only_in("复核", State.COMPUTED)
        return replace(self, version=self.version + 1, state=State.REVIEWED, reviewed_by=by)

    def post(self, *, on: date) -> Self:
        """REVIEWED → POSTED: the posting 公示 begins, also where nothing may be posted."""
        self._only_in("公示", State.REVIEWED)
        return replace(self, version=self.version + 1, state=State.POSTED, posted_on=on)

    def approve(self, *, by: str, on: date) -> Self:
        """POSTED → APPROVED by finance 财政审批 after the posting; a large cycle stays POSTED for the second person."""
        self._only_in("审批", State.POSTED)
        if self.must_cancel:
            raise CycleError("payments.cycle_to_be_cancelled", cycle=self.name)
        if self.objections_open:
            raise CycleError("payments.cycle_open_objections", cycle=self.name, count=self.objections_open)
        if by == self.reviewed_by:
            raise CycleError("payments.cycle_reviewer_may_not_approve", by=by, cycle=self.name)
        if by in self.approved_by:
            raise CycleError("payments.cycle_already_approved_by", by=by, cycle=self.name)
        if self.posted_until is not None and on < self.posted_until and not self.posting_cut_because:
            raise CycleError("payments.cycle_still_posted", cycle=self.name, until=self.posted_until)
        approved_by = (*self.approved_by, by)
        enough = len(approved_by) >= self.approvers_needed
        return replace(
            self, version=self.version + 1, state=State.APPROVED if enough else State.POSTED, approved_by=approved_by
        )

    def object(self) -> Self:
        """An objection 异议 to the posting is recorded; until it is decided nobody approves."""
        self._only_in("登记公示异议", State.POSTED)
        return replace(self, objections_open=self.objections_open + 1)

    def decide_objection(self, *, must_cancel: bool) -> Self:
        """One objection less, in whatever state the cycle is by then; an upheld one may ask for its cancellation."""
        return replace(
            self,
            objections_open=self.objections_open - 1,
            must_cancel=self.must_cancel or (must_cancel and self.is_live),
        )

    def noting(self, act: Act) -> Self:
        """With an act added to what was done since it was loaded; the same again in one go is counted, not added."""
        last = self.acts[-1] if self.acts else None
        if last is not None and replace(last, times=1) == act:
            return replace(self, acts=(*self.acts[:-1], replace(last, times=last.times + 1)))
        return replace(self, acts=(*self.acts, act))

    def cut_posting(self, *, because: str) -> Self:
        """Lets approval follow a posting that is not over, with a reason.

        Meant for a parallel run whose calendar ends first; who calls must refuse it where the clock is the real one.
        """
        self._only_in("提前结束公示", State.POSTED)
        if not because.strip():
            raise CycleError("payments.cycle_reason_missing", cycle=self.name, act="提前结束公示")
        return replace(self, version=self.version + 1, posting_cut_because=because)

    def instruct(self, *, on: date) -> Self:
        """APPROVED → INSTRUCTED: the day on which accounts are looked at."""
        self._only_in("发出代发指令", State.APPROVED)
        return replace(self, version=self.version + 1, state=State.INSTRUCTED, instructed_on=on)

    def settle(self) -> Self:
        """INSTRUCTED → SETTLING with the first result of the bank; a further result changes nothing."""
        self._only_in("登记回盘", State.INSTRUCTED, State.SETTLING)
        return self if self.state is State.SETTLING else replace(self, version=self.version + 1, state=State.SETTLING)

    def close(self, *, without_result: int) -> Self:
        """INSTRUCTED or SETTLING → CLOSED once every instruction has a result or was withdrawn."""
        self._only_in("关账", State.INSTRUCTED, State.SETTLING)
        if without_result:
            raise CycleError("payments.cycle_open_instructions", cycle=self.name, count=without_result)
        return replace(self, version=self.version + 1, state=State.CLOSED)

    def cancel(self, *, because: str) -> Self:
        """Any state before INSTRUCTED → CANCELLED, with a reason; `cancellation` says which cycles go with it."""
        if self.state in PAYING_OUT or not self.is_live:
            raise CycleError("payments.cycle_wrong_state", cycle=self.name, state=self.state, act="作废")
        if not because.strip():
            raise CycleError("payments.cycle_reason_missing", cycle=self.name, act="作废")
        return replace(self, version=self.version + 1, state=State.CANCELLED, cancelled_because=because)

    def _only_in(self, act: str, *states: State) -> None:
        if self.state not in states:
            raise CycleError("payments.cycle_wrong_state", cycle=self.name, state=self.state, act=act)


def open_cycle(
    month: Month,
    cycles: Sequence[Cycle],
    policy: Policy,
    cut_off: datetime | None = None,
    programmes: Collection[str] = (),
) -> Cycle:
    """A new DRAFT cycle of a month; never for a month or with a cut-off before the last live cycle's.

    A second cycle of a month is named `2024-05-2`; the names of cancelled cycles are not used again. An ad-hoc cycle
    临时周期 names the programmes whose lines it writes; what the others owe waits for the next cycle that has them.
    """
    scope = scope_of(programmes, policy)
    if month < policy.policy_start:
        raise CycleError("payments.cycle_month_before_policy", month=month, start=policy.policy_start)
    rules = policy.cycle_rules(month)
    moment = cut_off or rules.cut_off(month)
    last = max((cycle for cycle in cycles if cycle.is_live), key=lambda cycle: cycle.seq, default=None)
    if last is not None and month < last.month:
        raise CycleError("payments.cycle_month_before_last", month=month, last=last.name)
    if last is not None and moment < last.cut_off:
        raise CycleError("payments.cycle_cut_off_before_last", last=last.name)
    nth = sum(cycle.month == month for cycle in cycles) + 1
    return Cycle(
        name=str(month) if nth == 1 else f"{month}-{nth}",
        seq=max((cycle.seq for cycle in cycles), default=0) + 1,
        month=month,
        cut_off=moment,
        rules=rules,
        scope=scope,
    )


def scope_of(programmes: Collection[str], policy: Policy) -> tuple[str, ...]:
    """Programmes in the county's order; none or all of them mean a full cycle, which is empty."""
    unknown = sorted(set(programmes) - set(policy.order))
    if unknown:
        raise CycleError("payments.cycle_programme_unknown", programmes="、".join(unknown))
    scope = tuple(key for key in policy.order if key in programmes)
    return () if len(scope) == len(policy.order) else scope


def order_in(cycle: Cycle, policy: Policy) -> tuple[str, ...]:
    """The programmes whose lines a cycle writes, in the county's order."""
    return cycle.scope or policy.order


def cancellation(name: str, cycles: Sequence[Cycle]) -> tuple[Cycle, ...]:
    """The live cycles that cancelling one takes, newest first, itself last; refused where one pays out already."""
    chosen = next((cycle for cycle in cycles if cycle.name == name), None)
    if chosen is None:
        raise CycleError("payments.cycle_unknown", cycle=name)
    if not chosen.is_live or chosen.state in PAYING_OUT:
        raise CycleError("payments.cycle_wrong_state", cycle=name, state=chosen.state, act="作废")
    later = [cycle for cycle in cycles if cycle.is_live and cycle.seq > chosen.seq]
    for cycle in later:
        if cycle.state in PAYING_OUT:
            raise CycleError("payments.cycle_later_instructed", later=cycle.name, cycle=name)
    return (*sorted(later, key=lambda cycle: cycle.seq, reverse=True), chosen)


def may_be_posted(programme: Programme, birth_date: date, cycle: Cycle) -> bool:
    """Whether a line may be on a posting list: never of a child programme or of a person under 18 at the cut-off."""
    return not programme.for_children and age_on(birth_date, day_of(cycle.cut_off)) >= ADULT_AGE
