"""Offset by agreement over plain steps: only what was agreed is ever touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuoqi.payments.domain.cash import Step, StepKind, effects, plan_cash, undo
from tuoqi.payments.domain.ledger import post_lines, post_steps, prove, reverse
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.offset import Agreement, offset
from tuoqi.payments.domain.settlement import Line, LineType

ORDER = ("first", "second", "third")
MAY, JUNE, JULY = (Month.parse(f"2024-0{month}") for month in (5, 6, 7))
NO_FACILITY: frozenset[tuple[str, Month]] = frozenset()


def line(programme: str, month: Month, fen: int) -> Line:
    kind = LineType.RECOVERY if fen < 0 else LineType.BACKPAY
    return Line(programme, "p", month, kind, fen, "reason", max(fen, 0), max(-fen, 0), (), "v")


def pay(programme: str, month: Month, fen: int) -> Step:
    return Step(StepKind.INSTRUCT, programme, month, fen)


def agreed(covers: dict[tuple[str, str, Month], int], *, programmes: tuple[str, ...] = ORDER, **cap: int) -> Agreement:
    return Agreement("r", frozenset(programmes), covers, **cap)


def taken(steps: tuple[Step, ...]) -> list[tuple[str, Month, str, int]]:
    return [(s.programme, s.benefit_month, s.other, s.amount_fen) for s in steps if s.kind is StepKind.OFFSET_CASE]


def test_the_oldest_case_first_then_the_countys_order_and_what_is_left_is_instructed() -> None:
    steps = (pay("third", JULY, 100), pay("first", JUNE, 50))
    cases = {("second", MAY): 60, ("first", MAY): 30, ("first", JUNE): 500}
    covers = {("", programme, month): fen for (programme, month), fen in cases.items()}
    done = offset(steps, [agreed(covers, cap_fen=100)], cases, {}, ORDER, NO_FACILITY)
    assert taken(done) == [
        ("first", MAY, "first", 30),
        ("second", MAY, "first", 20),
        ("second", MAY, "third", 40),
        ("first", JUNE, "third", 10),
    ]
    assert effects(done).to_instruct == {("third", JULY): 50}


def test_no_agreement_leaves_every_step_as_it_was() -> None:
    steps = (pay("first", MAY, 100),)
    assert offset(steps, [], {("first", JUNE): 500}, {}, ORDER, NO_FACILITY) == steps


@pytest.mark.parametrize(
    ("cap", "fen"),
    [
        ({"cap_fen": 40}, 40),
        ({"cap_fen": 40, "taken_fen": 30}, 10),
        ({"cap_fen": 40, "taken_fen": 50}, 0),
        ({"cap_hundredths": 3333}, 33),
        ({"cap_hundredths": 10_000}, 100),
    ],
)
def test_the_cap_counts_what_the_month_has_taken_and_a_share_is_rounded_down(cap: dict[str, int], fen: int) -> None:
    covers = {("", "first", MAY): 500}
    done = offset((pay("first", JULY, 100),), [agreed(covers, **cap)], {("first", MAY): 500}, {}, ORDER, NO_FACILITY)
    assert sum(amount for *_, amount in taken(done)) == fen


def test_only_named_programmes_pay_only_covered_cases_and_never_a_facilitys_money() -> None:
    steps = (pay("first", JULY, 100), pay("second", JULY, 100), pay("third", JULY, 100))
    cases = {("first", MAY): 500, ("first", JUNE): 500}
    one = agreed({("", "first", JUNE): 120}, programmes=("first", "third"), cap_fen=900)
    done = offset(steps, [one], cases, {}, ORDER, frozenset({("third", JULY)}))
    assert taken(done) == [("first", JUNE, "first", 100)]


def test_what_the_cycles_own_lines_have_reduced_is_not_reduced_twice() -> None:
    steps = (Step(StepKind.REDUCE_CASE, "first", MAY, 70, other="second"), pay("first", JULY, 100))
    one = agreed({("", "first", MAY): 100}, cap_fen=100)
    done = offset(steps, [one], {("first", MAY): 100}, {}, ORDER, NO_FACILITY)
    assert taken(done) == [("first", MAY, "first", 30)]


def test_a_merged_files_case_is_reduced_under_its_own_id() -> None:
    one = agreed({("b", "first", MAY): 40}, cap_fen=100)
    cases, shares = {("first", MAY): 100}, {("first", MAY): {"b": 40}}
    done = offset((pay("first", JULY, 100),), [one], cases, shares, ORDER, NO_FACILITY)
    assert effects(done).file_cases == {("b", "first", MAY): -40}
    assert effects(done).cases == {}


@given(
    lines=st.dictionaries(
        st.tuples(st.sampled_from(ORDER), st.sampled_from([MAY, JUNE, JULY])), st.integers(-300, 300).filter(bool)
    ),
    cases=st.dictionaries(st.tuples(st.sampled_from(ORDER), st.sampled_from([MAY, JUNE, JULY])), st.integers(0, 300)),
    cap=st.integers(0, 400),
    share=st.integers(1, 10_000),
)
def test_every_fen_of_every_line_still_has_one_place_and_no_case_goes_below_nought(
    lines: dict[tuple[str, Month], int], cases: dict[tuple[str, Month], int], cap: int, share: int
) -> None:
    written = [line(*key, fen) for key, fen in lines.items()]
    covers = {("", programme, month): fen for (programme, month), fen in cases.items()}
    agreements = [
        agreed(covers, programmes=("first", "second"), cap_fen=cap),
        agreed(covers, programmes=("third", "second"), cap_hundredths=share),
    ]
    before = plan_cash(written, [], cases, ORDER)
    after = offset(before, agreements, cases, {}, ORDER, NO_FACILITY)
    gone = sum(amount for *_, amount in taken(after))
    sent = [sum(s.amount_fen for s in steps if s.kind is StepKind.INSTRUCT) for steps in (before, after)]
    assert sent[0] == sent[1] + gone
    assert all(step.amount_fen > 0 for step in after)
    changed = effects(after).cases
    assert all(fen + changed.get(key, 0) >= 0 for key, fen in cases.items())
    both = effects((*after, *undo(after)))
    assert (both.cases, both.to_instruct) == ({}, {})
    postings = (*post_lines("c", written), *post_steps("c", "p", after))
    assert set(prove((*postings, *reverse(postings))).get("c", {}).values()) <= {0}
