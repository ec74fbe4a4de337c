"""The life of a cycle: order of states, two-person rules, names, order of cycles, cancelling."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from string import Formatter

import pytest

from tuoqi.payments.domain import errors
from tuoqi.payments.domain.cycle import Act, Cycle, State, cancellation, may_be_posted, open_cycle, order_in
from tuoqi.payments.domain.errors import CycleError
from tuoqi.payments.domain.months import Month, moment
from tuoqi.payments.domain.policy import Policy

MAY, JUNE = Month.parse("2024-05"), Month.parse("2024-06")
POSTED, OVER = date(2024, 5, 21), date(2024, 5, 28)
THRESHOLD = 500_000_000


def slug_of(act: Callable[[], object]) -> str:
    with pytest.raises(CycleError) as refused:
        act()
    assert refused.value.sentence
    return refused.value.slug


@pytest.fixture
def draft(policy: Policy) -> Cycle:
    return open_cycle(MAY, [], policy)


def posted(cycle: Cycle, positive_fen: int = 100) -> Cycle:
    return cycle.compute(positive_fen=positive_fen, cycles=[cycle]).review(by="rev").post(on=POSTED)


def test_a_cycle_goes_through_all_states_and_each_act_raises_its_version(draft: Cycle) -> None:
    instructed = posted(draft).approve(by="fin", on=OVER).instruct(on=OVER)
    closed = instructed.settle().settle().close(without_result=0)
    assert (draft.state, instructed.state, closed.state) == (State.DRAFT, State.INSTRUCTED, State.CLOSED)
    assert (draft.version, instructed.version, closed.version) == (1, 6, 8)
    assert instructed.instructed_on == OVER


def test_no_act_is_done_in_a_wrong_state(draft: Cycle) -> None:
    """Each act is refused in every state but its own, and refusing changes nothing."""
    acts: dict[str, tuple[Callable[[Cycle], object], set[State]]] = {
        "compute": (lambda c: c.compute(positive_fen=0, cycles=[]), {State.DRAFT}),
        "review": (lambda c: c.review(by="rev"), {State.COMPUTED}),
        "post": (lambda c: c.post(on=POSTED), {State.REVIEWED}),
        "object": (lambda c: c.object(), {State.POSTED}),
        "cut_posting": (lambda c: c.cut_posting(because="calendar ends"), {State.POSTED}),
        "approve": (lambda c: c.approve(by="fin", on=OVER), {State.POSTED}),
        "instruct": (lambda c: c.instruct(on=OVER), {State.APPROVED}),
        "settle": (lambda c: c.settle(), {State.INSTRUCTED, State.SETTLING}),
        "close": (lambda c: c.close(without_result=0), {State.INSTRUCTED, State.SETTLING}),
        "cancel": (lambda c: c.cancel(because="wrong file"), set(State) - {
            State.INSTRUCTED, State.SETTLING, State.CLOSED, State.CANCELLED
        }),
    }  # fmt: skip
    for name, (act, allowed) in acts.items():
        for state in State:
            cycle = replace(draft, state=state)
            if state in allowed:
                act(cycle)
            else:
                assert slug_of(lambda act=act, cycle=cycle: act(cycle)) == "payments.cycle_wrong_state", (name, state)  # type: ignore[misc]


def test_who_reviewed_may_not_approve(draft: Cycle) -> None:
    assert slug_of(lambda: posted(draft).approve(by="rev", on=OVER)) == "payments.cycle_reviewer_may_not_approve"


def test_a_cycle_at_the_threshold_needs_one_approver_above_it_two(draft: Cycle) -> None:
    assert posted(draft, THRESHOLD).approve(by="fin", on=OVER).state is State.APPROVED
    half = posted(draft, THRESHOLD + 1).approve(by="fin", on=OVER)
    assert half.state is State.POSTED
    assert slug_of(lambda: half.approve(by="fin", on=OVER)) == "payments.cycle_already_approved_by"
    assert slug_of(lambda: half.approve(by="rev", on=OVER)) == "payments.cycle_reviewer_may_not_approve"
    assert half.approve(by="fin2", on=OVER).approved_by == ("fin", "fin2")


def test_approval_waits_for_seven_days_of_posting(draft: Cycle) -> None:
    early = date(2024, 5, 27)
    assert slug_of(lambda: posted(draft).approve(by="fin", on=early)) == "payments.cycle_still_posted"
    assert posted(draft).cut_posting(because="calendar ends").approve(by="fin", on=early).state is State.APPROVED
    assert slug_of(lambda: posted(draft).cut_posting(because=" ")) == "payments.cycle_reason_missing"


def test_an_open_objection_keeps_finance_waiting_and_one_that_asks_to_cancel_ends_the_cycle(draft: Cycle) -> None:
    objected = posted(draft).object().object()
    one_left = objected.decide_objection(must_cancel=False)
    assert slug_of(lambda: objected.approve(by="fin", on=OVER)) == "payments.cycle_open_objections"
    assert slug_of(lambda: one_left.approve(by="fin", on=OVER)) == "payments.cycle_open_objections"
    assert one_left.decide_objection(must_cancel=False).approve(by="fin", on=OVER).state is State.APPROVED
    upheld = one_left.decide_objection(must_cancel=True)
    assert slug_of(lambda: upheld.approve(by="fin", on=OVER)) == "payments.cycle_to_be_cancelled"
    assert upheld.cancel(because="upheld").state is State.CANCELLED


def test_a_large_cycle_keeps_its_first_approval_while_an_objection_is_open(draft: Cycle) -> None:
    half = posted(draft, THRESHOLD + 1).approve(by="fin", on=OVER).object()
    assert slug_of(lambda: half.approve(by="fin2", on=OVER)) == "payments.cycle_open_objections"
    assert half.decide_objection(must_cancel=False).approve(by="fin2", on=OVER).approved_by == ("fin", "fin2")


def test_an_ad_hoc_cycle_has_its_programmes_in_the_county_s_order_and_all_of_them_are_a_full_one(
    policy: Policy,
) -> None:
    adhoc = open_cycle(MAY, [], policy, programmes=["dibao", "old_age_allowance"])
    assert adhoc.scope == order_in(adhoc, policy) == ("old_age_allowance", "dibao")
    full = open_cycle(MAY, [adhoc], policy, programmes=policy.order)
    assert (full.name, full.scope, order_in(full, policy)) == ("2024-05-2", (), policy.order)
    assert slug_of(lambda: open_cycle(MAY, [], policy, programmes=["x"])) == "payments.cycle_programme_unknown"


def test_what_is_done_again_in_one_go_is_counted_in_the_history(draft: Cycle) -> None:
    at = moment(POSTED, 9)
    noted = draft.noting(Act("settle", "fin", at)).noting(Act("settle", "fin", at)).noting(Act("settle", "fin2", at))
    assert noted.acts == (Act("settle", "fin", at, 2), Act("settle", "fin2", at))


def test_a_cycle_closes_only_when_every_instruction_has_a_result(draft: Cycle) -> None:
    instructed = posted(draft).approve(by="fin", on=OVER).instruct(on=OVER)
    assert slug_of(lambda: instructed.close(without_result=3)) == "payments.cycle_open_instructions"


def test_the_default_cut_off_is_the_20th_at_18_in_shanghai(draft: Cycle) -> None:
    assert draft.cut_off.isoformat() == "2024-05-20T18:00:00+08:00"


def test_further_cycles_of_a_month_are_numbered_and_names_never_come_back(policy: Policy, draft: Cycle) -> None:
    second = open_cycle(MAY, [draft], policy)
    gone = second.cancel(because="opened twice")
    third = open_cycle(MAY, [draft, gone], policy)
    assert [draft.name, second.name, third.name] == ["2024-05", "2024-05-2", "2024-05-3"]
    assert [draft.seq, second.seq, third.seq] == [1, 2, 3]


def test_cycles_run_in_one_order(policy: Policy, draft: Cycle) -> None:
    """No month or cut-off before the last live cycle's; none is computed while an earlier one is a draft."""
    june = open_cycle(JUNE, [draft], policy)
    early = moment(date(2024, 5, 19), 9)
    assert slug_of(lambda: open_cycle(MAY, [draft, june], policy)) == "payments.cycle_month_before_last"
    assert slug_of(lambda: open_cycle(MAY, [draft], policy, early)) == "payments.cycle_cut_off_before_last"
    assert slug_of(lambda: june.compute(positive_fen=0, cycles=[draft])) == "payments.cycle_earlier_not_computed"
    assert slug_of(lambda: open_cycle(Month.parse("2023-12"), [], policy)) == "payments.cycle_month_before_policy"
    assert open_cycle(MAY, [draft, june.cancel(because="too early")], policy).name == "2024-05-2"


def test_cancelling_takes_every_later_cycle_newest_first(policy: Policy, draft: Cycle) -> None:
    second = open_cycle(MAY, [draft], policy)
    gone = open_cycle(MAY, [draft, second], policy).cancel(because="x")
    june = open_cycle(JUNE, [draft, second, gone], policy)
    cycles = [draft, second, gone, june]
    assert [cycle.name for cycle in cancellation("2024-05", cycles)] == ["2024-06", "2024-05-2", "2024-05"]
    paying = [draft, second, gone, replace(june, state=State.INSTRUCTED)]
    assert slug_of(lambda: cancellation("2024-05-2", paying)) == "payments.cycle_later_instructed"
    assert slug_of(lambda: cancellation("2024-06", paying)) == "payments.cycle_wrong_state"
    assert slug_of(lambda: cancellation("2024-07", cycles)) == "payments.cycle_unknown"
    assert slug_of(lambda: draft.cancel(because="")) == "payments.cycle_reason_missing"


def test_no_line_of_a_minor_or_of_a_child_programme_is_posted(policy: Policy, draft: Cycle) -> None:
    """Under 18 is asked on the day of the cut-off."""
    dibao = policy.programme("dibao")
    assert may_be_posted(dibao, date(2006, 5, 20), draft)
    assert not may_be_posted(dibao, date(2006, 5, 21), draft)
    assert not may_be_posted(replace(dibao, for_children=True), date(1950, 1, 1), draft)


def test_every_refusal_has_a_status_and_a_sentence() -> None:
    """Sentences are Chinese and end as one; an error without the detail of its sentence fails loudly."""
    for slug, (status, sentence) in errors.REFUSALS.items():
        assert status.isupper()
        assert sentence.endswith("。") or sentence == "{reason}", slug  # what another service said, whole
        fields = [name for _, name, _, _ in Formatter().parse(sentence) if name]
        assert errors.PaymentsError(slug, **dict.fromkeys(fields, "x")).sentence
