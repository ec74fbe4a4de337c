"""The day's list: the order of the way, and who stands on it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import permutations

import pytest

from tuoqi.visits.domain.daylist import DEADLINE, OVERDUE, TASK, Reason, plan_day
from tuoqi.visits.domain.walking import Door, in_walking_order, natural

VILLAGE, NEXT = "990101101201", "990101101202"
DAY = date(2026, 11, 5)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("禾溪村3组2号", "禾溪村3组10号"),
        ("禾溪村3组10号", "禾溪村10组2号"),
        ("禾溪村三组2号", "禾溪村4组1号"),
        ("禾溪村十二组1号", "禾溪村二十组1号"),
        ("禾溪村３组２号", "禾溪村3组10号"),
        ("阳光小区2栋1单元301", "阳光小区2栋1单元1002"),
    ],
)
def test_numbers_of_an_address_count_as_numbers(first: str, second: str) -> None:
    """Also Chinese and full-width ones, before the words that make them numbers of a place."""
    assert natural(first) < natural(second)


def test_a_household_stays_together_and_villages_do_not_mix() -> None:
    """By region, then house by house; whoever has no address of his own stands with his household."""
    doors = [
        Door("a", NEXT, "h9", "1组1号"),
        Door("b", VILLAGE, "h1", "3组10号"),
        Door("c", VILLAGE, "h2", "3组2号"),
        Door("d", VILLAGE, "", ""),
        Door("e", VILLAGE, "h1", ""),
        Door("f", VILLAGE, "h3", "3组9号"),
    ]
    for mixed in list(permutations(doors))[::7]:
        assert [door.person_id for door in in_walking_order(mixed)] == ["c", "f", "b", "e", "d", "a"]


def reason(person: str, rank: int, day: int, kind: str = "") -> Reason:
    """One reason in November 2026."""
    at = datetime(2026, 11, day, 1, tzinfo=UTC) if rank == TASK else None
    return Reason(person, VILLAGE, "HIGH", rank, kind, date(2026, 11, day), at)


def test_whoever_cannot_wait_is_on_the_list_however_full_the_day_is() -> None:
    """Missed visits and what is due today come beyond the capacity; others fill what room is left."""
    late = [reason(f"late{number}", OVERDUE, 1) for number in range(3)]
    today = [reason("today", DEADLINE, 5)]
    soon = [reason(f"soon{number}", DEADLINE, 7) for number in range(3)]
    full = plan_day([*late, *today, *soon], DAY, 2)
    assert [one.person_id for one in full.visits] == ["late0", "late1", "late2", "today"]
    assert full.more == 3
    roomy = plan_day([*late, *today, *soon], DAY, 6)
    assert [one.person_id for one in roomy.visits[4:]] == ["soon0", "soon1"]
    assert roomy.more == 1


def test_a_person_stands_once_with_every_reason() -> None:
    """The most urgent reason comes first."""
    planned = plan_day([reason("a", OVERDUE, 2), reason("a", TASK, 6, "weather"), reason("a", DEADLINE, 8)], DAY, 5)
    (visit,) = planned.visits
    assert [one.rank for one in visit.reasons] == [OVERDUE, TASK, DEADLINE]
    assert visit.first.due_on == date(2026, 11, 2)
