"""The engine against a second calculation that shares nothing with it: day by day and month by month."""

from calendar import monthrange
from collections import defaultdict
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tuoqi.payments.domain.denial import Denial, why_not
from tuoqi.payments.domain.entitlement import entitled
from tuoqi.payments.domain.explain import REASONS
from tuoqi.payments.domain.facts import Absence, HukouKnown, Interval, PersonFacts
from tuoqi.payments.domain.months import Month, months_between
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.settlement import Earlier, LineType, Paid, settle

DAYS = st.dates(date(2023, 10, 1), date(2026, 8, 31))
MAYBE = st.none() | DAYS
IN, OUT = "990101101001", "990102101001"


@st.composite
def people(draw: st.DrawFn) -> PersonFacts:
    outs = sorted(draw(st.lists(DAYS, max_size=2, unique=True)))
    absences = tuple(
        Absence(
            out, None if position == len(outs) - 1 and draw(st.booleans()) else draw(st.dates(out, date(2026, 9, 1)))
        )
        for position, out in enumerate(outs)
    )
    moves = sorted(draw(st.lists(DAYS, max_size=3)))
    hukou = tuple(HukouKnown(on, draw(st.sampled_from([IN, OUT]))) for on in [date(2023, 9, 1), *moves])
    born = draw(
        st.dates(date(1922, 1, 1), date(1947, 12, 31)) | st.sampled_from([date(1936, 2, 29), date(1944, 2, 29)])
    )
    return PersonFacts("p", born, draw(st.none() | DAYS), absences, hukou)


@st.composite
def status_rows(draw: st.DrawFn) -> list[Interval]:
    rows = []
    for seq in range(draw(st.integers(0, 5))):
        category = draw(st.sampled_from(["dibao", "old_age_accepted"]))
        decided = draw(st.one_of(DAYS, DAYS, DAYS, st.none(), st.just(date(2024, 3, 5))))
        amount = draw(st.integers(1, 99_999)) if category == "dibao" else None
        rows.append(Interval(category, "", "", draw(MAYBE), decided, draw(MAYBE), draw(MAYBE), amount, seq))
    return rows


def number(day: date) -> int:
    return day.year * 12 + day.month - 1


def days_in(month: int) -> list[date]:
    year, zero_based = divmod(month, 12)
    return [date(year, zero_based + 1, n + 1) for n in range(monthrange(year, zero_based + 1)[1])]


def is_void(row: Interval) -> bool:
    if row.ended_on is None:
        return False
    return all(row.ended_on < day for day in (row.applied_on, row.decided_on) if day is not None)


def naive_age(born: date, on: date) -> int:
    mark = (born.month, born.day)
    if mark == (2, 29) and monthrange(on.year, 2)[1] == 28:
        mark = (2, 28)
    return on.year - born.year - ((on.month, on.day) < mark)


def is_gone(person: PersonFacts, month: int) -> bool:
    if person.died_on and month > number(person.died_on):
        return True
    return any(
        month > number(a.moved_out_on) and (a.returned_on is None or month < number(a.returned_on))
        for a in person.absences
    )


def naive_dibao(person: PersonFacts, rows: list[Interval], month: int) -> int:
    begun = [
        r for r in rows if r.category == "dibao" and r.decided_on and not is_void(r) and number(r.decided_on) < month
    ]
    if is_gone(person, month) or not begun:
        return 0
    ruling = max(begun, key=lambda r: (r.decided_on, r.loaded_seq))
    ends = [number(day) for day in (ruling.ended_on, ruling.valid_until) if day]
    return 0 if ends and min(ends) < month else ruling.amount_fen or 0


def region_on(person: PersonFacts, day: date) -> str:
    known = [entry.region for entry in person.hukou[1:] if entry.known_on <= day]
    return known[-1] if known else person.hukou[0].region


def is_covered(rows: list[Interval], month: int, cycle: int) -> bool:
    accepted = [
        r
        for r in rows
        if r.category == "old_age_accepted" and r.decided_on and not is_void(r) and number(r.decided_on) < cycle
    ]
    for one in accepted:
        assert one.decided_on
        until_end = one.ended_on is None or month <= number(one.ended_on)
        in_a_gap = any(
            earlier.decided_on
            and earlier.decided_on < one.decided_on
            and earlier.ended_on
            and number(earlier.ended_on) < month < number(one.decided_on)
            for earlier in accepted
        )
        if until_end and not in_a_gap:
            return True
    return False


def naive_old_age(person: PersonFacts, rows: list[Interval], month: int, cycle: int) -> int:
    age = naive_age(person.birth_date, days_in(month)[0] - timedelta(days=1))
    inside = any(region_on(person, day).startswith("990101") for day in days_in(month))
    if is_gone(person, month) or age < 80 or not inside or not is_covered(rows, month, cycle):
        return 0
    return 5_000 if age < 90 else 10_000 if age < 100 else 30_000


def naive(person: PersonFacts, rows: list[Interval], month: int, cycle: int) -> dict[str, int]:
    return {"old_age_allowance": naive_old_age(person, rows, month, cycle), "dibao": naive_dibao(person, rows, month)}


@settings(max_examples=250, deadline=None)
@given(person=people(), rows=status_rows(), ahead=st.integers(0, 34))
def test_the_engine_gives_every_month_what_the_naive_calculation_gives(
    policy: Policy, person: PersonFacts, rows: list[Interval], ahead: int
) -> None:
    """Spans and single months agree in every month up to the cycle's; each denial can be explained."""
    start = policy.policy_start
    cycle = start.plus(ahead)
    due = entitled(person, rows, policy, cycle_month=cycle, first=start, last=cycle)
    for month in range(start, cycle + 1):
        expected = naive(person, rows, month, cycle)
        got = {key: due.get(key, {}).get(Month(month)) for key in expected}
        assert {key: one.amount_fen if one else 0 for key, one in got.items()} == expected, str(Month(month))
        for programme in (key for key, one in got.items() if one is None):
            denial = why_not(person, rows, policy, cycle_month=cycle, programme=programme, month=Month(month))
            assert REASONS[denial.reason](dict(denial.facts))


def one_cycle(
    policy: Policy, person: PersonFacts, rows: list[Interval], cycle: Month, paid: dict[str, dict[Month, Paid]]
) -> list[tuple[str, Month, LineType, int]]:
    due = entitled(person, rows, policy, cycle_month=cycle, first=policy.policy_start, last=cycle)

    def ask(programme: str, month: Month) -> Denial:
        return why_not(person, rows, policy, cycle_month=cycle, programme=programme, month=month)

    result = settle(
        "p",
        cycle_month=cycle,
        due=due,
        earlier=Earlier(paid, {}),
        order=policy.order,
        reach_back_months=24,
        why_not=ask,
    )
    for line in result.lines:
        before = paid[line.programme].get(line.benefit_month, Paid(0, 0))
        paid[line.programme][line.benefit_month] = Paid(before.sum_fen + line.amount_fen, before.count + 1)
    return [(line.programme, line.benefit_month, line.type, line.amount_fen) for line in result.lines]


@settings(max_examples=120, deadline=None)
@given(person=people(), versions=st.lists(st.tuples(st.integers(0, 6), status_rows()), min_size=1, max_size=5))
def test_after_every_cycle_what_was_paid_is_what_is_due(
    policy: Policy, person: PersonFacts, versions: list[tuple[int, list[Interval]]]
) -> None:
    """However facts change between cycles: within the reach paid equals due, before it nobody is overpaid."""
    cycle: Month = policy.policy_start
    paid: defaultdict[str, dict[Month, Paid]] = defaultdict(dict)
    regular: set[tuple[str, Month]] = set()
    for ahead, rows in versions:
        cycle = cycle.plus(ahead)
        for programme, month, kind, amount in one_cycle(policy, person, rows, cycle, paid):
            assert (amount < 0) == (kind is LineType.RECOVERY)
            assert kind is not LineType.REGULAR or (programme, month) not in regular
            if kind is LineType.REGULAR:
                regular.add((programme, month))
        for benefit in months_between(policy.policy_start, cycle):
            for programme, expected in naive(person, rows, benefit, cycle).items():
                settled = paid[programme].get(benefit, Paid(0, 0)).sum_fen
                assert settled == expected if benefit >= cycle - 24 else settled <= expected
        assert one_cycle(policy, person, rows, cycle, paid) == []
