"""Months, ages, stacking, the limit across programmes, the ledger's flow and the sentences: each promise by itself."""

import time
from dataclasses import replace
from datetime import date

import pytest

from tuoqi.payments.domain.denial import Denial
from tuoqi.payments.domain.due import Entitlement, Span
from tuoqi.payments.domain.entitlement import entitled
from tuoqi.payments.domain.errors import LedgerError
from tuoqi.payments.domain.facts import HukouKnown, Interval, PersonFacts, hukou_inside, ruling
from tuoqi.payments.domain.ledger import Account, Entry, Movement, Posting, post, post_instruction, post_lines, prove
from tuoqi.payments.domain.months import Month, age_on, birthday, month_after, month_after_birthday, months_between
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.policy_stacking import Exclude
from tuoqi.payments.domain.settlement import Earlier, Line, LineType, Paid, settle
from tuoqi.payments.domain.spans import covers, intersect, subtract, union
from tuoqi.payments.domain.stacking import stacked

MAY = Month.parse("2024-05")


def test_a_month_reads_counts_and_prints_as_the_calendar_does() -> None:
    assert str(Month.of(date(2024, 12, 31)).plus(1)) == "2025-01"
    assert (Month.parse("2024-02").last_day, Month.parse("2023-02").last_day) == (date(2024, 2, 29), date(2023, 2, 28))
    assert [str(month) for month in months_between(MAY.plus(-1), MAY)] == ["2024-04", "2024-05"]
    assert months_between(MAY, MAY.plus(-1)) == ()
    assert month_after(date(2024, 4, 30)) == MAY
    for text in ("2024-5", "2024-13", "2024-00", "24-05", ""):
        with pytest.raises(ValueError, match="not a month"):
            Month.parse(text)


def test_a_29_february_birthday_is_on_the_28th_in_common_years() -> None:
    born = date(1936, 2, 29)
    assert (birthday(born, 90), birthday(born, 88)) == (date(2026, 2, 28), date(2024, 2, 29))
    assert [age_on(born, day) for day in (date(2026, 2, 27), date(2026, 2, 28), date(2024, 2, 28))] == [89, 90, 87]
    assert str(month_after_birthday(born, 90)) == "2026-03"


def test_ranges_of_months_meet_part_and_join() -> None:
    assert intersect([(1, 5), (8, 9)], [(4, 8)]) == [(4, 5), (8, 8)]
    assert subtract([(1, 9)], [(3, 4), (9, 12)]) == [(1, 2), (5, 8)]
    assert subtract([(1, 9)], [(6, 4)]) == [(1, 9)]
    assert union([(5, 6), (1, 2), (3, 3), (9, 8)]) == [(1, 3), (5, 6)]


def test_an_interval_begun_later_and_decided_earlier_never_rules() -> None:
    """Where the first month follows the application, a late first month does not bring an older decision back."""
    older = Interval("c", "", "", date(2024, 5, 1), date(2024, 1, 1), None, None, None, 1)
    newer = Interval("c", "", "", date(2024, 2, 1), date(2024, 3, 1), None, None, None, 2)
    found = ruling([older, newer], lambda one: Month.of(one.applied_on) if one.applied_on else MAY)
    assert [(str(Month(rule.first)), rule.interval) for rule in found] == [("2024-02", newer)]


def test_the_first_known_register_holds_for_all_time_before() -> None:
    """Loaded in May, it covers every month up to the change in July; the day of a change already belongs to the new."""
    history = (
        HukouKnown(date(2024, 5, 9), "990101101001"),
        HukouKnown(date(2024, 7, 2), "990102101001"),
        HukouKnown(date(2024, 9, 30), "990101101002"),
    )
    inside = hukou_inside(history, "990101")
    covered = [month.number for month in months_between(MAY.plus(-4), MAY.plus(5)) if covers(inside, month)]
    assert covered == [1, 2, 3, 4, 5, 6, 7, 9, 10]
    assert hukou_inside((), "990101") == []


def test_a_stacking_step_sees_each_stretch_of_months_in_which_nothing_changes() -> None:
    """A step that lets the first stop the second acts only where both are due; a stopped one says so with 0."""
    one, two = Entitlement(100, "r", (), "v"), Entitlement(70, "r", (), "v")
    due: dict[str, list[Span]] = {"a": [(3, 5, one)], "b": [(1, 4, two), (7, 7, two)]}

    after = {
        programme: {month: span[2].amount_fen for span in found for month in range(span[0], span[1] + 1)}
        for programme, found in stacked(due, [Exclude(("a",), ("b",))]).items()
    }
    assert after == {"a": {3: 100, 4: 100, 5: 100}, "b": {1: 70, 2: 70, 3: 0, 4: 0, 7: 70}}


def test_before_the_limit_as_much_is_written_as_the_same_month_recovers() -> None:
    """A re-classification learnt late leaves nobody in debt: given out in the county's order, the rest is listed."""
    june = Month.parse("2026-06")
    due = {name: {MAY: Entitlement(fen, "r", (), "v")} for name, fen in [("a", 300), ("b", 200), ("c", 500)]}
    result = settle(
        "p",
        cycle_month=june,
        due=due,
        earlier=Earlier({"c": {MAY: Paid(900, 1)}}, {}),
        order=("a", "b", "c"),
        reach_back_months=24,
        why_not=lambda _programme, _month: Denial("never asked"),
    )
    assert [(line.programme, line.type, line.amount_fen) for line in result.lines] == [
        ("a", LineType.BACKPAY, 300),
        ("b", LineType.BACKPAY, 100),
        ("c", LineType.RECOVERY, -400),
    ]
    assert [(cut.programme, cut.amount_fen) for cut in result.beyond_limit] == [("b", 100)]


def test_what_the_limit_no_longer_keeps_back_leaves_its_list() -> None:
    """The list sums to what is kept back today: a death that ends the month takes it off again."""
    result = settle(
        "p",
        cycle_month=Month.parse("2026-07"),
        due={},
        earlier=Earlier({}, {"a": {MAY: 100}}),
        order=("a",),
        reach_back_months=24,
        why_not=lambda _programme, _month: Denial("never asked"),
    )
    assert (result.lines, [cut.amount_fen for cut in result.beyond_limit]) == ((), [-100])


def a_line(**changes: object) -> Line:
    known = (("birth_date", "1943-12-05"), ("from_age", "80"), ("below_age", "90"), ("accepted_on", "2024-01-10"))
    line = Line("old_age_allowance", "p", MAY, LineType.REGULAR, 5000, "age_band", 5000, 0, known, "v")
    return replace(line, **changes)  # type: ignore[arg-type]


def test_the_ledger_follows_one_instruction_through_return_and_reissue() -> None:
    """Returned money is payable again; after the re-issue settles, expense stands against the fund and nothing else."""
    postings = [
        *post_lines("c", [a_line()]),
        post_instruction("c", Movement.INSTRUCTED, "i", "old_age_allowance", 5000),
        post_instruction("c", Movement.RETURNED, "i", "old_age_allowance", 5000),
    ]
    assert prove(postings)["c"][Account.PAYABLE] == -5000
    postings.append(post_instruction("c", Movement.REISSUED, "i-R2", "old_age_allowance", 5000))
    postings.append(post_instruction("c", Movement.SETTLED, "i-R2", "old_age_allowance", 5000))
    balances = {account: fen for account, fen in prove(postings)["c"].items() if fen}
    assert balances == {Account.SUBSIDY_EXPENSE: 5000, Account.SUBSIDY_FUND: -5000}


def test_the_proof_stops_at_postings_that_do_not_balance_and_at_recoveries_without_a_place() -> None:
    crooked = Posting(
        "c", Movement.SETTLED, "a", "p", MAY, "", (Entry(Account.IN_TRANSIT, 5), Entry(Account.PAYABLE, -4))
    )
    with pytest.raises(LedgerError) as unbalanced:
        prove([crooked])
    assert unbalanced.value.slug == "payments.ledger_unbalanced"
    with pytest.raises(LedgerError) as unallocated:
        prove([post("c", Movement.RECLAIMED, 5, programme="a")])
    assert unallocated.value.slug == "payments.ledger_recovery_unallocated"


def test_thirteen_thousand_people_over_35_months_take_seconds_not_minutes(policy: Policy) -> None:
    """The demo county's engine work; measured well under 2 s, asserted with room for a busy machine."""
    month = Month.parse("2026-11")
    hukou = (HukouKnown(date(2023, 12, 1), "990101101001"),)
    accepted = Interval("old_age_accepted", "", "", None, date(2023, 12, 5), None, None, None, 1)
    dibao = Interval("dibao", "", "", None, date(2023, 12, 5), None, None, 40_000, 2)
    people = [PersonFacts(str(n), date(1935, 1 + n % 12, 1 + n % 28), hukou=hukou) for n in range(13_000)]
    started = time.process_time()
    months = sum(
        len(found)
        for person in people
        for found in entitled(
            person, [accepted, dibao], policy, cycle_month=month, first=policy.policy_start, last=month
        ).values()
    )
    took = time.process_time() - started
    assert months == 13_000 * 35 * 2
    assert took < 10
