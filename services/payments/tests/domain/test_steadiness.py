"""Who need not be looked at again: which cycle the others stand on, which index months are new, how long spans hold."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from tuoqi.payments.domain.cycle import Cycle, State, open_cycle
from tuoqi.payments.domain.entitlement import entitled_spans, opened
from tuoqi.payments.domain.facts import HukouKnown, Interval, PersonFacts
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy, parse_policy
from tuoqi.payments.domain.price import IndexMonth
from tuoqi.payments.domain.spans import FOREVER
from tuoqi.payments.domain.steadiness import NOBODY, new_months, newly_priced, stable_until, standing

FILES = Path(__file__).parents[4] / "deploy" / "counties" / "990101" / "payments"


@pytest.fixture(scope="module")
def policy() -> Policy:
    names = ("programmes.yaml", "cycles.yaml")
    return parse_policy({name: yaml.safe_load((FILES / name).read_text(encoding="utf-8")) for name in names})


def made(policy: Policy, month: str, seq: int, state: State = State.COMPUTED, scope: tuple[str, ...] = ()) -> Cycle:
    opened_cycle = open_cycle(Month.parse(month), (), policy)
    return replace(opened_cycle, seq=seq, state=state, scope=scope, cycle_id=f"cycle-{seq}", name=f"{month}-{seq}")


def test_a_cycle_stands_on_the_last_full_live_one(policy: Policy) -> None:
    cycles = [
        made(policy, "2024-01", 1),
        made(policy, "2024-02", 2, State.CANCELLED),
        made(policy, "2024-02", 3, State.CLOSED),
        made(policy, "2024-03", 4, scope=("dibao",)),
        made(policy, "2024-03", 5, State.DRAFT),
    ]
    where = standing(cycles[-1], cycles)
    assert where.base == cycles[2]
    assert where.trusted == (1, 3)
    assert where.apart == ("cycle-4",)
    assert new_months(cycles[-1], cycles[2]) == (Month.parse("2024-03"),)


def test_nobody_is_steady_in_a_first_cycle_one_of_some_programmes_or_after_too_long_a_gap(policy: Policy) -> None:
    base = made(policy, "2024-01", 1)
    assert standing(base, [base]) == NOBODY
    for later in (made(policy, "2024-02", 2, State.DRAFT, ("dibao",)), made(policy, "2026-02", 2, State.DRAFT)):
        assert standing(later, [base, later]) == NOBODY
    last = made(policy, "2026-01", 2, State.DRAFT)
    assert standing(last, [base, last]).base == base


def test_another_reach_of_back_pay_settles_everybody_anew(policy: Policy) -> None:
    """Months that were beyond the limit may be paid now."""
    base, later = made(policy, "2024-01", 1), made(policy, "2024-02", 2, State.DRAFT)
    longer = replace(later, rules=replace(later.rules, reach_back_months=36))
    assert standing(longer, [base, longer]) == NOBODY


def row(month: str, published: str, cpi: int = 36) -> IndexMonth:
    return IndexMonth(Month.parse(month), date.fromisoformat(published), cpi, 0, 50)


def test_a_month_is_newly_priced_once_and_only_where_it_triggers(policy: Policy) -> None:
    base, later = made(policy, "2024-01", 1), made(policy, "2024-02", 2)
    old, new, calm = row("2024-01", "2024-01-15"), row("2024-02", "2024-02-15"), row("2024-02", "2024-02-15", cpi=10)
    before = {old.month: old}
    found = newly_priced(later, base, policy, {**before, new.month: new}, before)
    assert found is not None
    assert [(key, str(month), due.amount_fen) for (key, month), due in found.items()] == [
        ("price_subsidy", "2024-02", 3_900)
    ]
    assert newly_priced(later, base, policy, {**before, calm.month: calm}, before) == {}


def test_a_revised_row_or_one_beyond_the_limit_is_settled_person_by_person(policy: Policy) -> None:
    base, later = made(policy, "2024-01", 1), made(policy, "2024-02", 2)
    old, revised = row("2024-01", "2024-01-15"), row("2024-01", "2024-02-15", cpi=40)
    assert newly_priced(later, base, policy, {revised.month: revised}, {old.month: old}) is None
    far, near = made(policy, "2027-02", 2), made(policy, "2027-01", 1)
    assert newly_priced(far, near, policy, {old.month: old}, {}) is None


def accepted(on: str, seq: int, ended: str | None = None) -> Interval:
    end = date.fromisoformat(ended) if ended else None
    return Interval("old_age_accepted", "", "", None, date.fromisoformat(on), end, None, None, seq)


@pytest.mark.parametrize("month", range(24_288, 24_302))
def test_spans_hold_up_to_the_month_that_is_said_and_no_longer(policy: Policy, month: int) -> None:
    """Cycles of every month up to it find the same, whatever waits for its month."""
    now = Month(month)
    rows = [accepted("2023-05-02", 1, "2024-03-31"), accepted("2024-06-10", 2)]
    person = PersonFacts("p", date(1935, 1, 1), hukou=(HukouKnown(date(2020, 1, 1), "990101101001"),))
    until = stable_until(rows, policy, now)
    start = int(policy.policy_start)

    def found(cycle_month: Month) -> object:
        within = (start, 24_400)
        spans = entitled_spans(person, rows, policy, cycle_month=cycle_month, within=within)
        return opened(spans, policy, {}, within)

    for later in range(month, min(until, month + 12) + 1):
        assert found(Month(later)) == found(now)
    if until != FOREVER:
        assert found(Month(until + 1)) != found(now)
