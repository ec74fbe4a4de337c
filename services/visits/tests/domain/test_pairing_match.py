"""Proposals for many children at once: hard rules, as many as possible, near, fair, and always the same."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from tuoqi.visits.domain.pairing_figures import Loads, figures_of
from tuoqi.visits.domain.pairing_match import Matching, Proposal
from tuoqi.visits.domain.pairings import (
    COUNTY,
    STEPS,
    TOWNSHIP,
    VILLAGE,
    Child,
    Helper,
    PairingKind,
    broken_wishes,
    sex_allowed,
    step_between,
)

VILLAGES = ("990101101001", "990101101201", "990101102001", "990101102201", "990101103001")
KIND = PairingKind("loving_mother", "爱心妈妈", posts=("loving_mother",), women_for_girls_from=10, max_load=3)


def a_county(rng: random.Random, children: int, helpers: int) -> tuple[list[Child], list[Helper]]:
    """People with all the wishes there are."""
    names = [f"h{number:03d}" for number in range(helpers)]
    those = [
        Helper(
            name,
            rng.choice((*VILLAGES, "990101101000", "990101000000")),
            rng.choice("FFM"),
            load=rng.choice((0, 0, 1)),
            at_most=rng.choice((None, None, 1, 2)),
            sex_wish=rng.choice(("", "", "F", "M")),
            age_from=rng.choice((0, 0, 6)),
            age_to=rng.choice((99, 99, 12)),
            village=rng.choice(("", "", "", *VILLAGES)),
        )
        for name in names
    ]
    return [
        Child(
            f"c{number:03d}",
            rng.choice(VILLAGES),
            rng.choice("FM"),
            rng.randrange(18),
            rank=rng.randrange(3),
            refuses=frozenset(rng.sample(names, rng.choice((0, 0, 0, 1, 2)))) if helpers > 1 else frozenset(),
            sex_wish=rng.choice(("", "", "", "F")),
            wants=rng.choice(("", "", rng.choice(names))),
        )
        for number in range(children)
    ], those


def may(kind: PairingKind, child: Child, helper: Helper) -> bool:
    """Whether no hard rule but the load speaks against the two."""
    near = STEPS.index(step_between(helper.place, child.region)) <= STEPS.index(kind.reach)
    return near and helper.helper_id not in child.refuses and sex_allowed(kind, child, helper.sex)


def cost_of(kind: PairingKind, children: list[Child], helpers: list[Helper], chosen: tuple[Any, ...]) -> Any:
    """What a choice of helpers comes to, the first goal first; None where it breaks a hard rule."""
    loads = Counter({helper.helper_id: helper.load for helper in helpers})
    left, ranks, over, steps, wishes, uneven = 0, 0, 0, [0, 0], 0, 0
    target = kind.target or -(-(len(children) + sum(loads.values())) // len(helpers))
    for child, helper in zip(children, chosen, strict=True):
        if helper is None:
            left += 1
            continue
        loads[helper.helper_id] += 1
        if not may(kind, child, helper) or loads[helper.helper_id] > helper.limit(kind):
            return None
        ranks += child.rank
        over += loads[helper.helper_id] > target
        uneven += loads[helper.helper_id]
        step = step_between(helper.place, child.region)
        steps[0] += step == COUNTY
        steps[1] += step != VILLAGE
        # The village that a helper wishes for is where nearness is counted from.
        wishes += len(set(broken_wishes(child, helper)) - {"helper_village"})
    order = {
        VILLAGE: (steps[0], steps[1], wishes, uneven),
        TOWNSHIP: (steps[0], uneven, steps[1], wishes),
        COUNTY: (uneven, steps[0], steps[1], wishes),
    }[kind.balance]
    return (left, ranks, over, *order)


def chosen_of(proposals: list[Proposal]) -> tuple[Any, ...]:
    """The helpers, in the order of the children."""
    return tuple(one.helper for one in proposals)


@pytest.mark.parametrize("balance", STEPS)
@pytest.mark.parametrize("seed", range(25))
def test_no_other_choice_is_better_in_the_order_of_the_goals(seed: int, balance: str) -> None:
    """All choices of a small county are tried; ranks count only where somebody is left over."""
    rng = random.Random(f"{seed}{balance}")  # noqa: S311  a test wants the same numbers each time
    children, helpers = a_county(rng, 5, 3)
    kind = replace(KIND, balance=balance, reach=rng.choice(STEPS), max_load=2)
    found = cost_of(kind, children, helpers, chosen_of(Matching(kind, children, helpers).propose()))
    every = product((None, *helpers), repeat=len(children))
    best = min(cost for choice in every if (cost := cost_of(kind, children, helpers, choice)) is not None)
    assert found == best


@pytest.mark.parametrize("seed", range(10))
def test_hard_rules_are_never_broken_and_everybody_left_over_has_a_reason(seed: int) -> None:
    """In counties with too few helpers, with refusals, limits and girls who need women."""
    rng = random.Random(seed)  # noqa: S311
    children, helpers = a_county(rng, 200, 40)
    kind = replace(KIND, reach=rng.choice(STEPS), balance=rng.choice(STEPS))
    proposals = Matching(kind, children, helpers).propose()
    assert [one.child.person_id for one in proposals] == sorted(one.person_id for one in children)
    loads = Counter(one.helper.helper_id for one in proposals if one.helper)
    assert all(one.load + loads[one.helper_id] <= max(one.limit(kind), one.load) for one in helpers)
    for child, helper, *_, reason in proposals:
        assert (helper is None) == bool(reason)
        assert helper is None or may(kind, child, helper)
        able = [one for one in helpers if may(kind, child, one)]
        if reason == "all_full":
            assert able
            assert all(one.load + loads[one.helper_id] >= one.limit(kind) for one in able)
        elif reason:
            assert not able


def test_the_order_in_which_people_come_changes_nothing() -> None:
    """The same proposals from shuffled lists."""
    rng = random.Random(7)  # noqa: S311
    children, helpers = a_county(rng, 150, 40)
    first = Matching(KIND, children, helpers).propose()
    rng.shuffle(children)
    rng.shuffle(helpers)
    assert Matching(KIND, children, helpers).propose() == first


def test_loads_within_a_township_differ_by_one_at_most_where_no_rule_speaks_against_it() -> None:
    """Whatever the villages' sizes, and also where some have pairings already."""
    rng = random.Random(3)  # noqa: S311
    children = [Child(f"c{number:04d}", rng.choice(VILLAGES[:3] + VILLAGES[:1] * 5), "M", 8) for number in range(300)]
    helpers = [Helper(f"h{number:03d}", VILLAGES[number % 5], "F", load=number % 3) for number in range(50)]
    proposals = Matching(replace(KIND, max_load=9), children, helpers).propose()
    loads = Counter({one.helper_id: one.load for one in helpers})
    loads.update(one.helper.helper_id for one in proposals if one.helper)
    townships: dict[str, list[int]] = {}
    for helper in helpers:
        townships.setdefault(helper.region[:9], []).append(loads[helper.helper_id])
    assert sum(one.helper is not None for one in proposals) == 300
    assert all(max(those) - min(those) <= 1 for those in townships.values())


def test_6676_children_and_1060_helpers_get_loads_of_6_and_7() -> None:
    """Balanced over the county nobody has more than one child more than another."""
    rng = random.Random(1)  # noqa: S311
    weights = [1, 2, 3, 4, 5]
    children = [
        Child(f"c{number:04d}", rng.choices(VILLAGES, weights)[0], rng.choice("FM"), rng.randrange(18))
        for number in range(6_676)
    ]
    helpers = [Helper(f"h{number:04d}", VILLAGES[number % 5], "F") for number in range(1_060)]
    proposals = Matching(replace(KIND, max_load=8, balance=COUNTY), children, helpers).propose()
    figures = figures_of(proposals, helpers, 0)
    assert (figures.proposed, figures.left_over, figures.loads.helpers) == (6_676, 0, 1_060)
    assert (figures.loads.least, figures.loads.most, figures.loads.within_one) == (6, 7, 1.0)


def test_what_was_accepted_stays_when_a_child_and_a_helper_are_added() -> None:
    """Kept pairings are loads; the next run proposes for the new child only."""
    rng = random.Random(5)  # noqa: S311
    children, helpers = a_county(rng, 20, 12)
    first = Matching(KIND, children, helpers).propose()
    loads = Counter(one.helper.helper_id for one in first if one.helper)
    later = [replace(one, load=one.load + loads[one.helper_id]) for one in helpers] + [Helper("z", VILLAGES[0], "F")]
    paired = {one.child.person_id for one in first if one.helper}
    again = Matching(
        KIND, [*(one for one in children if one.person_id not in paired), Child("new", VILLAGES[0], "M", 5)], later
    ).propose()
    assert {one.child.person_id for one in again}.isdisjoint(paired)
    assert next(one.helper for one in again if one.child.person_id == "new") is not None


def test_children_of_the_first_category_come_first_where_helpers_are_few() -> None:
    """One helper with room for two: both orphans, wherever they live."""
    children = [Child(f"c{number}", VILLAGES[number], "M", 5, rank=int(number < 3)) for number in range(5)]
    proposals = Matching(replace(KIND, max_load=2), children, [Helper("h", VILLAGES[0], "F")]).propose()
    assert [one.child.person_id for one in proposals if one.helper] == ["c3", "c4"]
    assert {one.reason for one in proposals if not one.helper} == {"all_full"}


def test_a_relative_is_paired_with_his_own_child_only() -> None:
    """Whoever has none registered is left over for that reason."""
    children = [Child("a", VILLAGES[0], "F", 5), Child("b", VILLAGES[0], "F", 5)]
    helpers = [Helper("aunt", VILLAGES[4], "F", only=frozenset({"b"}))]
    proposals = Matching(replace(KIND, relatives=True, posts=()), children, helpers).propose()
    assert [(one.helper and one.helper.helper_id, one.reason) for one in proposals] == [
        (None, "no_relative"),
        ("aunt", ""),
    ]


@pytest.mark.parametrize(
    ("loads", "gini", "within"),
    [((6, 6, 6, 6), 0.0, 1.0), ((0, 0, 0, 8), 0.75, 0.0), ((6, 7), 0.0385, 1.0), ((), 0.0, 0.0)],
)
def test_fairness_is_what_it_says(loads: tuple[int, ...], gini: float, within: float) -> None:
    """Gini and the share within one of the mean, by hand."""
    found = Loads.of(loads)
    assert (found.gini, found.within_one) == (gini, within)
