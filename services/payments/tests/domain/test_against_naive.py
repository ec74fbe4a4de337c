"""The engine against a second calculation that shares nothing with it: month by month, straight from the rules.

Random lives of one person: rows loaded, mended, voided and reopened between cycles, deaths, absences, registers, price
rows and their revisions. Every cycle must write the lines, and list the months beyond the limit, that the naive one does.
"""

from __future__ import annotations

import os
from calendar import monthrange
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from naive_payments import START, World, naive_cycle

from tuoqi.payments.domain.cycle import open_cycle
from tuoqi.payments.domain.explain import explain
from tuoqi.payments.domain.facts import Absence, Interval
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.price import IndexMonth, in_force
from tuoqi.payments.domain.reckoning import Known, reckon
from tuoqi.payments.domain.settlement import Earlier, Paid, Settlement

EXAMPLES = int(os.environ.get("TUOQI_NAIVE_EXAMPLES", "300"))
"""How many lives; a few in every run, many thousands when the engine changes."""

EDGES = [
    date(2023, 12, 31),
    date(2024, 1, 1),
    date(2024, 2, 29),
    date(2024, 3, 31),
    date(2025, 1, 10),
    date(2026, 2, 28),
]
DAYS = st.sampled_from(EDGES) | st.dates(date(2023, 10, 1), date(2027, 3, 31))
MAYBE = st.none() | st.none() | DAYS
KINDS = [
    *("dibao", "dibao", "old_age_accepted", "old_age_accepted", "elder_service_accepted", "in_school"),
    *("disabled_elder - 0/2/3/4", "tekun centralised/scattered none/half/full", "orphan dispersed/institution"),
    *("de_facto_unattended_child", "disability 1/5/6 1/2/3/4"),
]
"""Category, its subtypes, its levels."""
AMOUNTS = [1, 333_33, 412_50, 780_00, 960_00, 1258_99, 1359_00, 1500_00]
REGIONS = ["990101101001", "990101107205", "990102101001"]


@st.composite
def births(draw: st.DrawFn) -> date:
    """Mostly near an age that counts."""
    age, year = draw(st.sampled_from([18, 18, 60, 60, 80, 90, 100, 10, 70, 85])), draw(st.integers(2023, 2027))
    if draw(st.integers(0, 9)) == 0:
        return date((year - age) // 4 * 4, 2, 29)
    month, day = draw(st.integers(1, 12)), draw(st.sampled_from([1, 2, 15, 28]))
    return (
        date(year - age, month, day)
        if draw(st.booleans())
        else date(year - age, month, monthrange(year - age, month)[1])
    )


Change = Callable[[World], None]


@st.composite
def a_row(draw: st.DrawFn) -> Change:
    """A status row, or one that was loaded before with other ends."""
    category, subtypes, levels = [*draw(st.sampled_from(KINDS)).split(), "-", "-"][:3]
    subtype, level = (draw(st.sampled_from(words.replace("-", "").split("/"))) for words in (subtypes, levels))
    again, file = draw(st.integers(0, 3)), draw(st.sampled_from([0, 0, 0, 1]))
    decided, application = draw(st.one_of(DAYS, DAYS, DAYS, st.none())), draw(MAYBE)
    ended, until, amount = draw(MAYBE), draw(st.one_of(st.none(), MAYBE)), draw(st.sampled_from(AMOUNTS))

    def load(world: World) -> None:
        seq, fen = next_seq(world), amount if category == "dibao" else None
        mended = [key for key, row in world.rows.items() if row.category == category]
        if again and mended:
            key = mended[again % len(mended)]
            old = world.rows[key]
            world.rows[key] = replace(old, ended_on=ended, valid_until=until, amount_fen=fen, loaded_seq=seq)
            return
        key = (file, category, subtype, level, application, decided)
        world.rows[key] = Interval(category, subtype, level, application, decided, ended, until, fen, seq)

    return load


def next_seq(world: World) -> int:
    """A number that rises with every row loaded."""
    return max((row.loaded_seq for row in world.rows.values()), default=0) + 1


def set_death(day: date | None) -> Change:
    return lambda world: setattr(world, "died_on", day)


def set_absences(days: list[date]) -> Change:
    """Pairs of a move and a return; the last may have none."""
    found = [Absence(out, days[n + 1] if n + 1 < len(days) else None) for n, out in list(enumerate(days))[::2]]
    return lambda world: setattr(world, "absences", tuple(found))


def set_register(entry: tuple[date, str]) -> Change:
    return lambda world: world.hukou.append((max(entry[0], world.hukou[-1][0]), entry[1]))


def add_index(drawn: tuple[int, int, int, int, date]) -> Change:
    ahead, cpi, food, scpi, on = drawn
    return lambda world: world.index.append(IndexMonth(Month(START + ahead), on, cpi, food, scpi))


def add_grant(drawn: tuple[int, int]) -> Change:
    return lambda world: world.grants.append((START + drawn[0], drawn[1]))


CHANGES: st.SearchStrategy[Change] = st.one_of(
    a_row(),
    a_row(),
    a_row(),
    a_row(),
    st.builds(set_death, st.none() | DAYS),
    st.builds(set_absences, st.lists(DAYS, max_size=4, unique=True).map(sorted)),
    st.builds(set_register, st.tuples(DAYS, st.sampled_from(REGIONS))),
    st.builds(
        add_index,
        st.tuples(st.integers(-1, 30), st.integers(30, 40), st.integers(55, 65), st.integers(-20, 80), DAYS),
    ),
    st.builds(add_grant, st.tuples(st.integers(0, 30), st.integers(1, 5_000_00))),
)
CYCLES = st.lists(
    st.tuples(st.lists(CHANGES, max_size=5), st.sampled_from([0, 0, 1, 1, 1, 2, 3, 6, 13, 25])), min_size=1, max_size=6
)


def engine_cycle(
    world: World, policy: Policy, cycle: Month, cut_off: date, turn: Callable[[list[Any]], list[Any]] = list
) -> Settlement:
    """The same by the engine; `turn` changes the order of what has no order of its own."""
    facts, rows = world.facts(), turn(list(world.rows.values()))
    facts = replace(facts, grants=tuple(turn(list(facts.grants))))
    index = dict(turn(list(in_force(world.index, cut_off).items())))
    paid: defaultdict[str, dict[Month, Paid]] = defaultdict(dict)
    for (key, month), amounts in turn(list(world.lines.items())):
        paid[key][Month(month)] = Paid(sum(amounts), len(amounts))
    known = Known(facts, rows, Earlier(paid, world.listed))
    return reckon(known, open_cycle(cycle, (), policy), policy, index).settlement


@settings(max_examples=EXAMPLES, deadline=None)
@given(born=births(), region=st.sampled_from(REGIONS), cycles=CYCLES)
def test_every_cycle_of_a_random_life_writes_the_lines_of_the_naive_calculation(
    policy: Policy, born: date, region: str, cycles: list[tuple[list[Change], int]]
) -> None:
    """Lines, types and amounts, what stands beyond the limit, and a sentence for each line.

    Run again before its lines count it answers the same to the byte, in whatever order the facts came; after it, nothing.
    """
    world = World(born, hukou=[(date(2023, 9, 1), region)])
    cycle = policy.policy_start
    for changes, ahead in cycles:
        for change in changes:
            change(world)
        cycle = cycle.plus(ahead)
        cut_off = date(cycle.year, cycle.number, 20)
        expected, kept_back = naive_cycle(world, cycle, cut_off)
        settlement = engine_cycle(world, policy, cycle, cut_off)
        found = {(one.programme, str(one.benefit_month), str(one.type), one.amount_fen) for one in settlement.lines}
        assert found == expected
        assert repr(engine_cycle(world, policy, cycle, cut_off)) == repr(settlement)
        assert repr(engine_cycle(world, policy, cycle, cut_off, lambda items: items[::-1])) == repr(settlement)
        for line in settlement.lines:
            world.lines[line.programme, line.benefit_month].append(line.amount_fen)
            assert explain(line, policy.words).endswith("。")
        for cut in settlement.beyond_limit:
            world.listed[cut.programme][cut.benefit_month] += cut.amount_fen
        listed = {
            (key, int(month)): fen for key, months in world.listed.items() for month, fen in months.items() if fen
        }
        assert listed == kept_back
        assert engine_cycle(world, policy, cycle, cut_off).lines == ()
