"""The same facts give the same bytes: whatever the order of a set, the seed of a hash, or how often it is asked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tuoqi.payments.domain.due import Entitlement
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.policy_stacking import Exclude, StackingStep, TakeHigher, TopUp
from tuoqi.payments.domain.price import price_months
from tuoqi.payments.domain.stacking import stacked, take

PROGRAM = """
import sys
from datetime import date
from pathlib import Path
import yaml
from tuoqi.payments.domain.entitlement import entitled
from tuoqi.payments.domain.facts import Grant, HukouKnown, Interval, PersonFacts
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import parse_policy

policy = parse_policy({path.name: yaml.safe_load(path.read_text("utf-8")) for path in Path(sys.argv[1]).glob("*.yaml")})
on = date(2023, 12, 5)
rows = [
    Interval(category, subtype, level, None, on, None, None, 40_000, seq)
    for seq, (category, subtype, level) in enumerate(
        [("dibao", "", ""), ("old_age_accepted", "", ""), ("elder_service_accepted", "", ""),
         ("disabled_elder", "", "3"), ("disability", "6", "3"), ("de_facto_unattended_child", "", ""), ("in_school", "", "")]
    )
]
person = PersonFacts("p", date(1940, 2, 29), hukou=(HukouKnown(on, "990101101001"),),
                     grants=(Grant("g", "condolence", Month.parse("2024-03"), 100),))
month = Month.parse("2024-06")
print(repr(entitled(person, rows, policy, cycle_month=month, first=policy.policy_start, last=month)))
"""


def run(county: Path, seed: str) -> bytes:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(county)], env=environment, capture_output=True, check=True
    )
    return done.stdout


def test_processes_with_different_hash_seeds_answer_the_same_bytes(county_files: Path) -> None:
    """Nothing in the answer follows the order of a set or a hash."""
    answers = {run(county_files, seed) for seed in ("0", "1", "4711")}
    assert len(answers) == 1
    assert b"disability_living" in answers.pop()


def test_facts_loaded_in_any_order_give_identical_lines(someone: Callable[[str], Any]) -> None:
    """Where no two rows compete by the order of loading, each order of files gives the same lines to the byte."""
    facts: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
        ("row", ("dibao", "2024-01-10"), {"amount": 300}),
        ("row", ("elder_service_accepted", "2024-01-12"), {}),
        ("row", ("disabled_elder", "2024-01-15"), {"level": "3"}),
        ("published", ("2024-02", "2024-03-12", "3.6", "0.0", "3.1"), {}),
        ("granted", ("condolence", "2024-03", 200), {}),  # type: ignore[list-item]
    ]
    found = set()
    for order in permutations(facts):
        person = someone("1955-05-05")
        for method, arguments, columns in order:
            getattr(person, method)(*arguments, **columns)
        found.add(repr(person.run("2024-03")))
    assert len(found) == 1
    assert "PRICE" in found.pop()


def test_whoever_is_stopped_stands_in_no_group_and_whoever_is_topped_up_to_nothing_does(policy: Policy) -> None:
    """The price subsidy follows what is still entitled after stacking, a top-up that comes to nothing included."""
    stopped = Entitlement(0, "stopped_by", (), "v", stopped=True)
    found = {
        "dibao": [(24_290, 24_292, stopped)],
        "de_facto_unattended_living": [(24_291, 24_291, Entitlement(0, "topped_up", (), "v"))],
        "disability_living": [(24_290, 24_299, Entitlement(100, "r", (), "v"))],
    }
    assert price_months(found, policy.programme("price_subsidy")) == [(24_291, 24_291)]


def due(**fen: int) -> dict[str, Entitlement]:
    return {key: Entitlement(amount, "r", (), "v") for key, amount in fen.items()}


def left(here: Mapping[str, Entitlement]) -> dict[str, int]:
    return {key: one.amount_fen for key, one in here.items() if not one.stopped}


@pytest.mark.parametrize(
    ("fen", "steps", "expected"),
    [
        pytest.param({"a": 5, "b": 5}, [TakeHigher(("a", "b"))], {"a": 5}, id="of equal ones the first listed"),
        pytest.param({"a": 5, "b": 5}, [TakeHigher(("b", "a"))], {"b": 5}, id="listed the other way round"),
        pytest.param(
            {"a": 5, "b": 6, "c": 6}, [TakeHigher(("a", "b", "c"))], {"b": 6}, id="of three the first highest"
        ),
        pytest.param({"a": 5}, [TakeHigher(("a", "b"))], {"a": 5}, id="one alone stays"),
        pytest.param(
            {"a": 9, "b": 8, "c": 7},
            [TakeHigher(("a", "b")), TakeHigher(("b", "c"))],
            {"a": 9, "c": 7},
            id="what a step stopped stops nothing in the next",
        ),
        pytest.param(
            {"a": 1, "b": 1, "c": 1},
            [Exclude(("a",), ("b",)), Exclude(("b",), ("c",))],
            {"a": 1, "c": 1},
            id="a chain ends where a link was stopped",
        ),
        pytest.param(
            {"a": 1, "b": 1, "c": 1},
            [Exclude(("b",), ("c",)), Exclude(("a",), ("b",))],
            {"a": 1},
            id="the order of steps decides",
        ),
        pytest.param(
            {"a": 10, "b": 3, "c": 4},
            [Exclude(("c",), ("b",)), TopUp("a", ("b", "c"))],
            {"a": 6, "c": 4},
            id="a top-up takes off only what is still paid",
        ),
        pytest.param({"a": 10, "b": 30}, [TopUp("a", ("b",))], {"a": 0, "b": 30}, id="a top-up is never negative"),
        pytest.param(
            {"a": 10, "b": 30, "c": 1},
            [TopUp("a", ("b",)), Exclude(("a",), ("c",))],
            {"a": 0, "b": 30},
            id="one that stands at nothing by its top-up is still entitled",
        ),
    ],
)
def test_steps_are_taken_in_their_order_over_what_is_still_entitled(
    fen: dict[str, int], steps: Sequence[StackingStep], expected: dict[str, int]
) -> None:
    here = due(**fen)
    for step in steps:
        take(here, step)
    assert left(here) == expected
    whole = stacked({key: [(1, 1, one)] for key, one in due(**fen).items()}, steps)
    assert left({key: found[0][2] for key, found in whole.items()}) == expected
