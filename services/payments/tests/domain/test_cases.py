"""Worked cases of the two programmes: facts loaded before a month's cycle, and every line that must come out of it."""

from collections.abc import Callable
from typing import Any

import pytest

A, D = "old_age_allowance", "dibao"
YOUNG = "1970-03-03"  # not near any age that counts
OLD = "1943-12-05"  # 80 in 2023-12, so entitled by age from 2024-01

Script = list[tuple[str, Any]]


def load(method: str, *arguments: Any, **columns: Any) -> tuple[str, Any]:
    return ("load", lambda person: getattr(person, method)(*arguments, **columns))


def cycle(month: str, *lines: str) -> tuple[str, Any]:
    return (month, lines)


DIBAO_400 = load("dibao", 400, "2024-01-10")
PAID_IN_FEBRUARY = cycle("2024-02", f"{D} REGULAR 2024-02 400")

CASES: dict[str, tuple[str, Script]] = {
    "an acceptance pays from the month after it and reaches back 24 months": (
        "1940-06-15",
        [
            load("accepted", "2026-03-10"),
            cycle("2026-03"),
            cycle("2026-04", f"{A} BACKPAY 2024-04..2026-03 50", f"{A} REGULAR 2026-04 50"),
        ],
    ),
    "the band changes in the month after the birthday, within the back-pay too": (
        "1934-10-31",
        [
            load("accepted", "2024-12-05"),
            cycle("2024-12"),
            cycle(
                "2025-01",
                f"{A} BACKPAY 2024-01..2024-10 50",
                f"{A} BACKPAY 2024-11..2024-12 100",
                f"{A} REGULAR 2025-01 100",
            ),
        ],
    ),
    "a birthday on 29 February is on 28 February in a common year": (
        "1936-02-29",
        [
            load("accepted", "2025-12-05"),
            cycle("2026-01", f"{A} BACKPAY 2024-01..2025-12 50", f"{A} REGULAR 2026-01 50"),
            cycle("2026-02", f"{A} REGULAR 2026-02 50"),
            cycle("2026-03", f"{A} REGULAR 2026-03 100"),
        ],
    ),
    "a hundredth birthday on the last day of March raises April": (
        "1924-03-31",
        [
            load("accepted", "2024-02-10"),
            cycle("2024-02"),
            cycle("2024-03", f"{A} BACKPAY 2024-01..2024-02 100", f"{A} REGULAR 2024-03 100"),
            cycle("2024-04", f"{A} REGULAR 2024-04 300"),
        ],
    ),
    "nothing is due in the month of the 80th birthday itself": (
        "1944-05-01",
        [load("accepted", "2024-01-10"), cycle("2024-05"), cycle("2024-06", f"{A} REGULAR 2024-06 50")],
    ),
    "an end learnt late is recovered, an emptied end is paid back": (
        YOUNG,
        [
            DIBAO_400,
            PAID_IN_FEBRUARY,
            cycle("2024-03", f"{D} REGULAR 2024-03 400"),
            cycle("2024-04", f"{D} REGULAR 2024-04 400"),
            load("dibao", 400, "2024-01-10", ended="2024-02-20"),
            cycle("2024-05", f"{D} RECOVERY 2024-03..2024-04 -400"),
            DIBAO_400,
            cycle("2024-06", f"{D} BACKPAY 2024-03..2024-05 400", f"{D} REGULAR 2024-06 400"),
        ],
    ),
    "an amount mended in the same row is settled for all months": (
        YOUNG,
        [
            DIBAO_400,
            PAID_IN_FEBRUARY,
            cycle("2024-03", f"{D} REGULAR 2024-03 400"),
            load("dibao", 450, "2024-01-10"),
            cycle("2024-04", f"{D} DIFFERENCE 2024-02..2024-03 50", f"{D} REGULAR 2024-04 450"),
            load("dibao", 470, "2024-01-10"),
            cycle("2024-05", f"{D} DIFFERENCE 2024-02..2024-04 20", f"{D} REGULAR 2024-05 470"),
            load("dibao", 380, "2024-01-10"),
            cycle("2024-06", f"{D} RECOVERY 2024-02..2024-05 -90", f"{D} REGULAR 2024-06 380"),
        ],
    ),
    "a death learnt late is recovered from the month after, and paid back when withdrawn": (
        YOUNG,
        [
            DIBAO_400,
            PAID_IN_FEBRUARY,
            cycle("2024-03", f"{D} REGULAR 2024-03 400"),
            load("died", "2024-02-11"),
            cycle("2024-04", f"{D} RECOVERY 2024-03 -400"),
            load("died", None),
            cycle("2024-05", f"{D} BACKPAY 2024-03..2024-04 400", f"{D} REGULAR 2024-05 400"),
        ],
    ),
    "a later decision rules alone and its end revives nothing": (
        YOUNG,
        [
            DIBAO_400,
            PAID_IN_FEBRUARY,
            load("dibao", 300, "2024-02-15", ended="2024-04-30"),
            cycle("2024-03", f"{D} REGULAR 2024-03 300"),
            cycle("2024-04", f"{D} REGULAR 2024-04 300"),
            cycle("2024-05"),
        ],
    ),
    "of two rows decided on one day the one loaded last rules": (
        YOUNG,
        [
            DIBAO_400,
            load("dibao", 350, "2024-01-10", applied="2023-12-01"),
            cycle("2024-02", f"{D} REGULAR 2024-02 350"),
            DIBAO_400,
            cycle("2024-03", f"{D} DIFFERENCE 2024-02 50", f"{D} REGULAR 2024-03 400"),
        ],
    ),
    "a later decision that ended before its first month still stops the earlier one": (
        YOUNG,
        [
            DIBAO_400,
            PAID_IN_FEBRUARY,
            load("dibao", 300, "2024-02-15", applied="2024-02-20", ended="2024-02-18"),
            cycle("2024-03"),
        ],
    ),
    "a void decision is as if it had never been": (
        YOUNG,
        [
            DIBAO_400,
            PAID_IN_FEBRUARY,
            load("dibao", 300, "2024-02-15", ended="2024-02-14"),
            cycle("2024-03", f"{D} REGULAR 2024-03 400"),
        ],
    ),
    "the same roster loaded again changes nothing": (
        YOUNG,
        [DIBAO_400, PAID_IN_FEBRUARY, DIBAO_400, cycle("2024-03", f"{D} REGULAR 2024-03 400")],
    ),
    "validity ends a dibao with its month": (
        YOUNG,
        [
            load("dibao", 400, "2024-01-10", until="2024-02-10", ended="2024-05-31"),
            PAID_IN_FEBRUARY,
            cycle("2024-03"),
        ],
    ),
    "validity does not end an acceptance": (
        OLD,
        [
            load("accepted", "2023-12-20", until="2024-01-31"),
            cycle("2024-01", f"{A} REGULAR 2024-01 50"),
            cycle("2024-02", f"{A} REGULAR 2024-02 50"),
        ],
    ),
    "a row that is not decided entitles to nothing": (
        YOUNG,
        [load("row", "dibao", None, amount=400), cycle("2024-02")],
    ),
    "a register outside the county stops the allowance after its month and recovers nothing": (
        OLD,
        [
            load("accepted", "2024-01-10"),
            cycle("2024-02", f"{A} BACKPAY 2024-01 50", f"{A} REGULAR 2024-02 50"),
            load("registered_in", "990102101001", "2024-03-19"),
            cycle("2024-03", f"{A} REGULAR 2024-03 50"),
            cycle("2024-04"),
        ],
    ),
    "a register that leaves on the first of a month no longer counts in it": (
        OLD,
        [
            load("accepted", "2023-12-10"),
            load("registered_in", "990102101001", "2024-02-01"),
            cycle("2024-02", f"{A} BACKPAY 2024-01 50"),
        ],
    ),
    "a register outside the county says nothing against dibao": (
        YOUNG,
        [DIBAO_400, load("registered_in", "990102101001", "2024-01-15"), PAID_IN_FEBRUARY],
    ),
    "months before a move are paid though the acceptance came after it": (
        OLD,
        [
            load("away", ("2024-06-10", None)),
            load("accepted", "2024-08-05"),
            cycle("2024-08"),
            cycle("2024-09", f"{A} BACKPAY 2024-01..2024-06 50"),
        ],
    ),
    "an acceptance after one that ended leaves the gap between them unpaid": (
        OLD,
        [
            load("accepted", "2024-03-01", ended="2024-04-30"),
            load("accepted", "2024-09-15"),
            cycle(
                "2024-10", *[f"{A} BACKPAY 2024-01..2024-04 50", f"{A} BACKPAY 2024-09 50", f"{A} REGULAR 2024-10 50"]
            ),
        ],
    ),
    "three acceptances in a row are each judged by the ends before them": (
        OLD,
        [
            load("accepted", "2024-01-10", ended="2024-03-31"),
            load("accepted", "2024-06-05", ended="2024-08-31"),
            load("accepted", "2025-01-05"),
            cycle(
                "2025-02",
                f"{A} BACKPAY 2024-01..2024-03 50",
                f"{A} BACKPAY 2024-06..2024-08 50",
                f"{A} BACKPAY 2025-01 50",
                f"{A} REGULAR 2025-02 50",
            ),
        ],
    ),
    "an acceptance voided later takes everything back": (
        OLD,
        [
            load("accepted", "2024-02-10"),
            cycle("2024-03", f"{A} BACKPAY 2024-01..2024-02 50", f"{A} REGULAR 2024-03 50"),
            load("accepted", "2024-02-10", ended="2024-02-01"),
            cycle("2024-04", f"{A} RECOVERY 2024-01..2024-03 -50"),
        ],
    ),
    "a raise learnt late is paid 24 months back and no further": (
        YOUNG,
        [
            load("dibao", 400, "2024-03-10"),
            cycle("2024-04", f"{D} REGULAR 2024-04 400"),
            cycle("2024-05", f"{D} REGULAR 2024-05 400"),
            load("dibao", 500, "2024-03-10"),
            cycle(
                "2026-05",
                *[f"{D} DIFFERENCE 2024-05 100", f"{D} BACKPAY 2024-06..2026-04 500", f"{D} REGULAR 2026-05 500"],
            ),
        ],
    ),
    "a recovery has no limit": (
        YOUNG,
        [
            DIBAO_400,
            PAID_IN_FEBRUARY,
            load("dibao", 400, "2024-01-10", ended="2024-01-31"),
            cycle("2027-06", f"{D} RECOVERY 2024-02 -400"),
        ],
    ),
    "a second cycle of a month pays the difference of that month": (
        YOUNG,
        [
            load("dibao", 400, "2024-04-10"),
            cycle("2024-05", f"{D} REGULAR 2024-05 400"),
            load("dibao", 450, "2024-04-10"),
            cycle("2024-05", f"{D} DIFFERENCE 2024-05 50"),
        ],
    ),
    "what was recovered whole and is due again is back-pay, also in its own month": (
        YOUNG,
        [
            DIBAO_400,
            PAID_IN_FEBRUARY,
            load("dibao", 400, "2024-01-10", ended="2024-01-15"),
            cycle("2024-02", f"{D} RECOVERY 2024-02 -400"),
            DIBAO_400,
            cycle("2024-02", f"{D} BACKPAY 2024-02 400"),
        ],
    ),
    "a return opens the months from its own": (
        YOUNG,
        [
            DIBAO_400,
            PAID_IN_FEBRUARY,
            cycle("2024-03", f"{D} REGULAR 2024-03 400"),
            load("away", ("2024-03-10", None)),
            cycle("2024-04"),
            load("away", ("2024-03-10", "2024-06-20")),
            cycle("2024-07", f"{D} BACKPAY 2024-06 400", f"{D} REGULAR 2024-07 400"),
        ],
    ),
    "two absences close the months of both": (
        YOUNG,
        [
            DIBAO_400,
            load("away", ("2024-03-10", "2024-05-02"), ("2024-08-20", None)),
            cycle("2024-10", f"{D} BACKPAY 2024-02..2024-03 400", f"{D} BACKPAY 2024-05..2024-08 400"),
        ],
    ),
    "the two programmes stand side by side": (
        OLD,
        [
            DIBAO_400,
            load("accepted", "2024-01-10"),
            cycle("2024-02", f"{A} BACKPAY 2024-01 50", f"{A} REGULAR 2024-02 50", f"{D} REGULAR 2024-02 400"),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_worked_case_gives_exactly_its_lines(
    name: str, someone: Callable[[str], Any], lines_of: Callable[..., set[str]]
) -> None:
    """Each cycle of the case writes the lines that it names and no others."""
    born, script = CASES[name]
    person = someone(born)
    for step, content in script:
        if step == "load":
            content(person)
        else:
            assert person.cycle(step) == lines_of(*content), step


def test_what_the_limit_cuts_off_is_listed_once_in_the_cycle_in_which_it_arises(someone: Callable[[str], Any]) -> None:
    """A raise learnt in 2026-06 leaves four months beyond the limit: named then, not again in 2026-07."""
    person = someone(YOUNG)
    person.dibao(400, "2024-01-10")
    person.cycles("2024-02", "2026-05")
    person.dibao(500, "2024-01-10")
    found = person.settlement("2026-06").beyond_limit
    assert [(str(cut.benefit_month), cut.amount_fen) for cut in found] == [
        (f"2024-{number:02d}", 10_000) for number in (2, 3, 4, 5)
    ]
    person.run("2026-06")
    assert [str(cut.benefit_month) for cut in person.settlement("2026-07").beyond_limit] == []


def test_a_cycle_run_again_over_its_own_lines_writes_nothing(someone: Callable[[str], Any]) -> None:
    """Entitled minus settled is zero once the lines count."""
    person = someone(OLD)
    person.dibao(400, "2024-01-10")
    person.accepted("2024-01-10")
    assert person.run("2024-03")
    assert person.run("2024-03") == ()
