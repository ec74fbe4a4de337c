"""Where the money of a cycle's lines goes: each stage by itself, then all of them over random months."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuoqi.payments.domain.cash import Pending, PendingState, Step, StepKind, by_file, effects, plan_cash, undo
from tuoqi.payments.domain.ledger import Account, post_lines, post_steps, prove, reverse
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.settlement import Line, LineType

ORDER = ("first", "second", "third")
MAY, JUNE = Month.parse("2024-05"), Month.parse("2024-06")


def line(programme: str, month: Month, fen: int) -> Line:
    kind = LineType.RECOVERY if fen < 0 else LineType.BACKPAY
    return Line(programme, "p", month, kind, fen, "reason", max(fen, 0), max(-fen, 0), (), "v")


def held(programme: str, fen: int, seq: int, state: PendingState = PendingState.WAITING, month: Month = MAY) -> Pending:
    return Pending(f"c{seq}", seq, programme, month, fen, state)


def test_a_recovery_first_takes_back_what_has_not_been_paid_out_oldest_cycle_first() -> None:
    pending = [
        held("first", 500, 3, PendingState.TO_INSTRUCT),
        held("first", 300, 1),
        held("first", 200, 2, PendingState.RETURNED),
        held("second", 900, 1),
        held("first", 900, 1, month=JUNE),
    ]
    assert plan_cash([line("first", MAY, -700)], pending, {}, ORDER) == (
        Step(StepKind.WITHDRAW, "first", MAY, 300, cycle="c1", state=PendingState.WAITING),
        Step(StepKind.WITHDRAW, "first", MAY, 200, cycle="c2", state=PendingState.RETURNED),
        Step(StepKind.WITHDRAW, "first", MAY, 200, cycle="c3", state=PendingState.TO_INSTRUCT),
    )


def test_what_is_left_of_a_recovery_is_set_against_the_months_positive_lines_of_every_programme() -> None:
    lines = [line("third", MAY, 300), line("second", MAY, 500), line("first", MAY, -600), line("first", JUNE, 50)]
    assert plan_cash(lines, [], {}, ORDER) == (
        Step(StepKind.NET, "first", MAY, 500, other="second"),
        Step(StepKind.NET, "first", MAY, 100, other="third"),
        Step(StepKind.INSTRUCT, "third", MAY, 200),
        Step(StepKind.INSTRUCT, "first", JUNE, 50),
    )


def test_the_rest_of_the_recoveries_is_owed_under_its_own_programme() -> None:
    lines = [line("second", MAY, -200), line("first", MAY, -100), line("third", MAY, 150)]
    assert plan_cash(lines, [], {}, ORDER) == (
        Step(StepKind.NET, "first", MAY, 100, other="third"),
        Step(StepKind.NET, "second", MAY, 50, other="third"),
        Step(StepKind.RAISE_CASE, "second", MAY, 150),
    )


def test_a_positive_line_first_reduces_open_cases_of_its_month_in_the_countys_order() -> None:
    cases = {("second", MAY): 80, ("first", MAY): 50, ("first", JUNE): 999, ("third", MAY): 0}
    assert plan_cash([line("third", MAY, 100)], [], cases, ORDER) == (
        Step(StepKind.REDUCE_CASE, "first", MAY, 50, other="third"),
        Step(StepKind.REDUCE_CASE, "second", MAY, 50, other="third"),
    )


def test_money_that_waits_reduces_no_case() -> None:
    """Only lines of the cycle itself do; released money goes out whole."""
    assert plan_cash([], [held("first", 500, 1)], {("first", MAY): 100}, ORDER) == ()


def test_an_end_and_its_withdrawal_leave_no_case_and_send_only_the_new_months() -> None:
    """Recovered two months, then all due again: the back-pay clears the cases, two months go out."""
    months = [Month.parse(f"2024-0{number}") for number in (3, 4, 5, 6)]
    opened = effects(plan_cash([line("first", month, -400) for month in months[:2]], [], {}, ORDER)).cases
    assert opened == {("first", months[0]): 400, ("first", months[1]): 400}
    later = effects(plan_cash([line("first", month, 400) for month in months], [], opened, ORDER))
    assert later.cases == {("first", months[0]): -400, ("first", months[1]): -400}
    assert later.to_instruct == {("first", months[2]): 400, ("first", months[3]): 400}


def test_cancelling_takes_the_inverse_steps_last_first() -> None:
    steps = plan_cash([line("first", MAY, -700)], [held("first", 300, 1)], {}, ORDER)
    assert undo(steps) == (
        Step(StepKind.RAISE_CASE, "first", MAY, -400),
        Step(StepKind.WITHDRAW, "first", MAY, -300, cycle="c1", state=PendingState.WAITING),
    )
    assert effects(undo(steps)).pending == {("c1", "first", MAY): 300}


@st.composite
def months_of_money(draw: st.DrawFn, most: int = 900) -> tuple[list[Line], list[Pending], dict[tuple[str, Month], int]]:
    keys = [(programme, month) for programme in ORDER for month in (MAY, JUNE)]
    lines = [
        line(*key, draw(st.integers(-most, most).filter(bool)))
        for key in draw(st.lists(st.sampled_from(keys), unique=True))
    ]
    pending = [
        held(programme, draw(st.integers(1, most)), seq, draw(st.sampled_from(PendingState)), month)
        for programme, month in keys
        for seq in draw(st.lists(st.integers(1, 4), unique=True, max_size=2))
    ]
    return lines, pending, {key: draw(st.integers(0, most)) for key in keys}


@given(months_of_money())
def test_every_fen_of_every_line_has_exactly_one_place(
    money: tuple[list[Line], list[Pending], dict[tuple[str, Month], int]],
) -> None:
    """Per month: recoveries = withdrawn + netted + owed, positive lines = netted + reduced + sent; none below 0."""
    lines, pending, cases = money
    steps = plan_cash(lines, pending, cases, ORDER)
    assert all(step.amount_fen > 0 for step in steps)
    moved: defaultdict[tuple[StepKind, Month], int] = defaultdict(int)
    for step in steps:
        moved[step.kind, step.benefit_month] += step.amount_fen
    for month in (MAY, JUNE):
        down = -sum(one.amount_fen for one in lines if one.benefit_month == month and one.amount_fen < 0)
        up = sum(one.amount_fen for one in lines if one.benefit_month == month and one.amount_fen > 0)
        net = moved[StepKind.NET, month]
        assert down == moved[StepKind.WITHDRAW, month] + net + moved[StepKind.RAISE_CASE, month]
        assert up == net + moved[StepKind.REDUCE_CASE, month] + moved[StepKind.INSTRUCT, month]
    after = effects(steps)
    assert all(
        one.amount_fen + after.pending.get((one.cycle, one.programme, one.benefit_month), 0) >= 0 for one in pending
    )
    assert all(fen + after.cases.get(key, 0) >= 0 for key, fen in cases.items())
    both = effects((*steps, *undo(steps)))
    assert (both.pending, both.cases, both.to_instruct) == ({}, {}, {})


def coins(amounts: dict[str, int]) -> list[str]:
    """One name for each fen, in the county's order."""
    return [programme for programme in ORDER for _ in range(amounts.get(programme, 0))]


def by_coins(
    lines: list[Line], pending: list[Pending], cases: dict[tuple[str, Month], int], month: Month
) -> tuple[Counter[tuple[str, str]], Counter[str], Counter[str]]:
    """The rules fen by fen: withdrawn by cycle and programme, cases after it, what is sent."""
    here = [one for one in lines if one.benefit_month == month]
    owed = coins({one.programme: -one.amount_fen for one in here if one.amount_fen < 0})
    gained = coins({one.programme: one.amount_fen for one in here if one.amount_fen > 0})
    withdrawn: Counter[tuple[str, str]] = Counter()
    for one in sorted(pending, key=lambda one: one.cycle_seq):
        while (
            one.benefit_month == month
            and one.programme in owed
            and withdrawn[one.cycle, one.programme] < one.amount_fen
        ):
            owed.remove(one.programme)
            withdrawn[one.cycle, one.programme] += 1
    netted = min(len(owed), len(gained))
    owed, gained = owed[netted:], gained[netted:]
    still = coins({programme: cases.get((programme, month), 0) for programme in ORDER})
    reduced = min(len(gained), len(still))
    return withdrawn, Counter(owed) + Counter(still[reduced:]), Counter(gained[reduced:])


@given(months_of_money(most=12))
def test_cash_counted_fen_by_fen_goes_to_the_same_places(
    money: tuple[list[Line], list[Pending], dict[tuple[str, Month], int]],
) -> None:
    """A second calculation that lays out single fen in their order agrees in every place."""
    lines, pending, cases = money
    after = effects(plan_cash(lines, pending, cases, ORDER))
    for month in (MAY, JUNE):
        withdrawn, open_cases, sent = by_coins(lines, pending, cases, month)
        assert {(c, p): -fen for (c, p, m), fen in after.pending.items() if m == month} == +withdrawn
        assert {p: fen for (p, m), fen in after.to_instruct.items() if m == month} == +sent
        now = {p: cases.get((p, month), 0) + after.cases.get((p, month), 0) for p in ORDER}
        assert {p: fen for p, fen in now.items() if fen} == +open_cases


@given(months_of_money())
def test_the_ledger_of_any_cash_balances_and_cancelling_empties_it(
    money: tuple[list[Line], list[Pending], dict[tuple[str, Month], int]],
) -> None:
    """Balances sum to zero, reclaimed money has found its place, and the opposite postings leave nothing."""
    lines, pending, cases = money
    postings = (*post_lines("c", lines), *post_steps("c", "p", plan_cash(lines, pending, cases, ORDER)))
    balances = prove(postings).get("c", {})
    assert sum(balances.values()) == 0
    assert balances.get(Account.SUBSIDY_EXPENSE, 0) == sum(one.amount_fen for one in lines)
    assert set(prove((*postings, *reverse(postings))).get("c", {}).values()) <= {0}


def test_cash_is_the_same_however_its_input_is_ordered() -> None:
    lines = [line("third", MAY, 100), line("first", JUNE, -10), line("second", MAY, -60), line("first", MAY, -90)]
    pending = [held("first", 20, 2), held("first", 30, 1)]
    cases = {("second", MAY): 5, ("first", MAY): 7}
    straight = plan_cash(lines, pending, cases, ORDER)
    turned = plan_cash(lines[::-1], pending[::-1], dict(reversed(cases.items())), ORDER)
    assert straight == turned


def test_an_unknown_programme_is_no_silent_zero() -> None:
    with pytest.raises(KeyError):
        plan_cash([line("fourth", MAY, 1)], [], {}, ORDER)


def test_what_reduces_a_case_of_two_files_goes_to_the_persons_own_first_and_then_by_id() -> None:
    """Files merged into one person owe side by side; the steps say whose case each reduces."""
    cases = {("first", MAY): 700, ("second", MAY): 50}
    shares = {("first", MAY): {"b": 100, "a": 400}}
    steps = by_file(plan_cash([line("third", MAY, 690)], [], cases, ORDER), cases, shares)
    reduced = [(step.programme, step.file, step.amount_fen) for step in steps if step.kind is StepKind.REDUCE_CASE]
    assert reduced == [("first", "", 200), ("first", "a", 400), ("first", "b", 90)]
    assert effects(steps).cases == {("first", MAY): -200}
    assert effects(steps).file_cases == {("a", "first", MAY): -400, ("b", "first", MAY): -90}
    assert effects((*steps, *undo(steps))).file_cases == {}
