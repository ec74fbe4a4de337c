"""The county's rules case by case: what is known of one person, and every line that each cycle must then write.

The cases stand in `rules/*.yaml`, one file for each area of the rules, worked out by hand; those of `counties/*.yaml` are
other counties' variants, with the policy beside them. A step is one of

    dibao 2024-01-10 400 applied=… ended=… until=…   a status row: category, subtype/level, decision (`-`: none), amount
    died 2024-05-01 · alive · away 2024-03-10..2024-05-02 2024-08-20.. · register 990102101001 2024-03-19
    index 2024-03 cpi=3.6 food=1.0 scpi=3.1 published=2024-04-12 · grant temporary_assistance 2024-03 500
    seen 2024-10-05                                  life certification 生存认证
    other dibao 2024-01-05 300 · merge · split       a second file of the person 并档: its facts, and when it counts
    instructed · waits                               the money of the cycles so far has gone out, or waits
    2024-05 => dibao 400, dibao BACKPAY 2024-03..2024-04 400   a cycle and all its lines; without type: REGULAR of its month
    2024-05..2024-08 => dibao 400                    the same of each month's cycle
    why not 2024-05 dibao => status_ended            the reason why a programme is not due for a month in its own cycle
    owed => dibao 2024-03 400 · to send => … · beyond => …     open cases, money to go out, what the last cycle cut off
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy, parse_policy

TABLES = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
COUNTIES = sorted((Path(__file__).parent / "counties").glob("*.yaml"))
"""Other counties: each file has the variants of one and the cases worked by hand from them."""
LEAST = 200
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_AMOUNT = re.compile(r"\d+(\.\d\d)?")
_MONTHS = re.compile(r"(\d{4}-\d\d)(?:\.\.(\d{4}-\d\d))?")


def read_cases() -> dict[str, dict[str, Any]]:
    """All cases by area and name; a name stands once."""
    found: dict[str, dict[str, Any]] = {}
    for path in TABLES:
        for case in yaml.safe_load(path.read_text("utf-8")):
            name = f"{path.stem}: {case['case']}"
            assert name not in found, name
            found[name] = case
    for path in COUNTIES:
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            for case in document["cases"]:
                name = f"{path.stem}: {case['case']}"
                assert name not in found, name
                found[name] = {**case, "county": document["county"]}
    return found


def policy_of(county: dict[str, Any]) -> Policy:
    """The policy of another county: what its file says, on cycles that reach back 24 months."""
    rules = {"effective_from": "2024-01", "cut_off_day": 20, "cut_off_hour": 18, "posting_days": 7}
    cycles = {**rules, "reach_back_months": 24, "two_approvers_above_yuan": 5_000_000}
    programmes = {"county": "990101", "policy_start": "2024-01", "stacking": [], **county}
    return parse_policy({"programmes.yaml": programmes, "cycles.yaml": {"county": "990101", "versions": [cycles]}})


CASES = read_cases()


def months(text: str) -> Iterator[str]:
    """`2024-03..2024-05` opened into its months."""
    first, _, last = text.partition("..")
    start = Month.parse(first)
    for ahead in range(Month.parse(last or first) - start + 1):
        yield str(start.plus(ahead))


def lines(text: str, cycle: str) -> set[str]:
    """The lines that a step names, one text for each month."""
    found = set()
    for one in text.split(", ") if text != "nothing" else ():
        words = one.split()
        programme, amount = words[0], words[-1]
        kind, span = words[1:-1] if len(words) > 2 else ("REGULAR", cycle)
        found |= {f"{programme} {kind} {month} {amount}" for month in months(span)}
    return found


def sums(text: str) -> set[str]:
    """`dibao 2024-03..2024-04 400` opened into its months."""
    parts = [one.split() for one in text.split(", ")] if text != "nothing" else []
    return {f"{programme} {month} {amount}" for programme, span, amount in parts for month in months(span)}


def know(person: Any, fact: str) -> None:
    """One fact becomes known."""
    what, *words = fact.split()
    if what in {"alive", "instructed", "waits"}:
        {"alive": lambda: person.died(None), "instructed": person.instructed, "waits": person.waits}[what]()
    elif what == "other":
        know(person.other_file(), " ".join(words))
    elif what in {"merge", "split"}:
        person.is_merged = what == "merge"
    elif what == "died":
        person.died(words[0])
    elif what == "away":
        person.away(*[(out, back or None) for out, _, back in (word.partition("..") for word in words)])
    elif what == "register":
        person.registered_in(*words)
    elif what == "seen":
        person.seen(words[0])
    elif what == "grant":
        person.granted(words[0], words[1], int(words[2]))
    elif what == "index":
        row = dict(word.split("=") for word in words[1:])
        person.published(words[0], row["published"], row["cpi"], row.get("food", "0.0"), row["scpi"])
    else:
        status(person, what, words)


def status(person: Any, category: str, words: list[str]) -> None:
    """A row of a status file."""
    decided, columns = None, {}
    for word in words:
        if _DAY.fullmatch(word):
            decided = word
        elif _AMOUNT.fullmatch(word):
            columns["amount"] = word
        elif "=" in word:
            name, _, value = word.partition("=")
            columns[name] = value
        elif word != "-":
            columns["subtype"], _, columns["level"] = word.partition("/")
    person.row(category, decided, **columns)


def check(person: Any, asked: str, expected: str, text_of: Callable[[int], str]) -> None:
    """A cycle and its lines, or where the money stands after it."""
    if span := _MONTHS.fullmatch(asked):
        for month in months(span[0]):
            assert person.cycle(month) == lines(expected, month), month
    elif asked.startswith("why not "):
        assert person.denials(asked.split()[2])[asked.split()[3]] == expected
    elif asked == "owed":
        assert {f"{key[0]} {key[1]} {text_of(fen)}" for key, fen in person.cases.items() if fen} == sums(expected)
    elif asked == "to send":
        held = {f"{one.programme} {one.benefit_month} {text_of(one.amount_fen)}" for one in person.pending}
        assert held == sums(expected)
    else:
        assert asked == "beyond"
        cut = person.last.beyond_limit
        assert {f"{one.programme} {one.benefit_month} {text_of(one.amount_fen)}" for one in cut} == sums(expected)


@pytest.mark.parametrize("name", CASES)
def test_a_case_gives_exactly_its_lines(
    name: str, someone: Callable[[str], Any], text_of: Callable[[int], str]
) -> None:
    """Each cycle of the case writes the lines that it names and no others."""
    case = CASES[name]
    person = someone(str(case["born"]))
    if "county" in case:
        person.policy = policy_of(case["county"])
    if "register" in case:
        person.first_registered_in(str(case["register"]))
    for step in case["steps"]:
        asked, arrow, expected = step.partition(" => ")
        if arrow:
            check(person, asked, expected, text_of)
        else:
            know(person, step)


def test_the_table_is_as_long_as_the_rules_need() -> None:
    """At least two hundred cases, and each of them expects something."""
    assert len(CASES) >= LEAST
    assert all(any(" => " in step for step in case["steps"]) for case in CASES.values())
