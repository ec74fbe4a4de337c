"""Deaths, moves and absences on one person."""

from __future__ import annotations

from datetime import date

import pytest

from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.lists import apply_death_row, apply_move_row, record_absence
from tuoqi.registry.domain.person import Absence, HukouSince, Person

TODAY = date(2026, 11, 22)
PERSON = Person("p1", date(1936, 7, 1), "M", (HukouSince("990101101201", TODAY),))


def day(text: str) -> date:
    return date.fromisoformat(f"2026-{text}")


def away(out: str, back: str = "") -> Absence:
    return Absence(day(out), day(back) if back else None)


@pytest.mark.parametrize(
    ("kept", "row", "after"),
    [
        ([], away("03-01"), [away("03-01")]),
        ([away("03-01")], away("03-01", "04-01"), [away("03-01", "04-01")]),
        # still away, or back only later than the row: the row mends the latest absence
        ([away("03-01")], away("05-01"), [away("05-01")]),
        ([away("03-01", "06-01")], away("05-01"), [away("05-01")]),
        # back by the row's day: another absence
        ([away("03-01", "05-01")], away("05-01"), [away("03-01", "05-01"), away("05-01")]),
        # the day of an earlier absence mends that one
        (
            [away("03-01", "04-01"), away("06-01")],
            away("03-01", "04-15"),
            [away("03-01", "04-15"), away("06-01")],
        ),
        # an earlier day mends the latest, which then stands in order
        ([away("03-01", "04-01"), away("06-01")], away("02-01"), [away("02-01"), away("03-01", "04-01")]),
    ],
)
def test_a_row_replaces_its_day_else_the_latest_else_is_another(
    kept: list[Absence], row: Absence, after: list[Absence]
) -> None:
    assert list(record_absence(kept, row)) == after


def move(person: Person, out: date | None, back: date | None = None) -> tuple[Person | None, Flaws]:
    flaws = Flaws()
    given = {key: value for key, value in (("moved_out_on", out), ("returned_on", back)) if value}
    return apply_move_row(person, Cells(given), flaws, today=TODAY), flaws


def test_an_empty_move_takes_back_the_latest_and_leaves_those_before() -> None:
    first, _ = move(PERSON, day("03-01"), day("04-01"))
    assert first is not None
    both, _ = move(first, day("06-01"))
    assert both is not None
    taken_back, _ = move(both, None)
    assert taken_back is not None
    assert taken_back.absences == (away("03-01", "04-01"),)
    assert move(PERSON, None)[0] is PERSON


@pytest.mark.parametrize(
    ("out", "back", "column"),
    [
        (day("03-02"), day("03-01"), "returned_on"),
        (None, day("03-01"), "moved_out_on"),
        (date(2026, 11, 23), None, "moved_out_on"),
        (date(1936, 6, 30), None, "moved_out_on"),
    ],
)
def test_a_move_that_cannot_be_is_rejected(out: date | None, back: date | None, column: str) -> None:
    after, flaws = move(PERSON, out, back)
    assert after is None
    assert flaws.found[0].column == column


def test_a_later_death_row_replaces_and_an_empty_one_withdraws() -> None:
    dead = apply_death_row(PERSON, Cells({"death_date": day("05-01"), "source": "比对"}), Flaws(), today=TODAY)
    assert dead is not None
    assert (dead.died_on, dead.private["death_source"]) == (day("05-01"), "比对")
    assert apply_death_row(dead, Cells({"death_date": day("05-01")}), Flaws(), today=TODAY) is dead
    alive = apply_death_row(dead, Cells({}), Flaws(), today=TODAY)
    assert alive is not None
    assert (alive.died_on, dict(alive.private)) == (None, {})
