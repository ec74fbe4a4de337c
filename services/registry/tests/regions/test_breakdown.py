"""Small counts of sensitive figures are merged upward, and no sum gives them away."""

from __future__ import annotations

from datetime import date

import pytest

from tuoqi.registry.domain.breakdown import Cell, Tally, View, break_down
from tuoqi.registry.domain.figures import born_by, read_number
from tuoqi.registry.domain.region import Geography, Region

COUNTY = "990101000000"
TOWNS = [f"9901011{town:02d}000" for town in (1, 2, 3)]
VILLAGES = {town: [f"{town[:9]}20{village}" for village in (1, 2, 3)] for town in TOWNS}
COUNTRY = Geography(
    [
        Region(COUNTY, "县", "", "county"),
        *(Region(town, town, COUNTY, "town") for town in TOWNS),
        *(Region(one, one, town, "village") for town in TOWNS for one in VILLAGES[town]),
    ]
)


def look(
    by: str, counts: dict[str, int], *, area: str = COUNTY, prefix: str = "", sensitive: bool = True
) -> list[Cell]:
    """The total first, then the cells."""
    view = View(COUNTRY, date(2026, 11, 22), COUNTY, area, by, lambda code: code.startswith(prefix))
    total, cells = break_down({code: Tally(count) for code, count in counts.items()}, view, sensitive=sensitive)
    return [total, *cells]


def told(cells: list[Cell]) -> dict[str, int | None]:
    return {("rest" if one.is_rest else one.region): one.tally.value if one.tally else None for one in cells}


V = [one for town in TOWNS for one in VILLAGES[town]]


def test_counts_below_five_are_told_together_as_the_rest() -> None:
    counts = dict(zip(V, (9, 3, 4, 8, 0, 7, 6, 6, 6), strict=True))
    assert told(look("village", counts)[1:]) == {
        V[0]: 9, V[1]: None, V[2]: None, V[3]: 8, V[5]: 7, V[6]: 6, V[7]: 6, V[8]: 6, "rest": 7,
    }  # fmt: skip


def test_one_small_count_takes_another_along_so_that_the_townships_sum_does_not_tell_it() -> None:
    counts = dict(zip(V, (9, 3, 20, 8, 8, 8, 6, 6, 6), strict=True))
    cells = told(look("village", counts)[1:])
    assert (cells[V[1]], cells[V[0]], cells[V[2]]) == (None, None, 20)
    assert cells["rest"] == 12


def test_a_small_township_takes_another_along_and_neither_townships_villages_are_told() -> None:
    counts = dict(zip(V, (1, 1, 1, 6, 6, 6, 9, 9, 9), strict=True))
    assert told(look("town", counts)) == {COUNTY: 48, TOWNS[0]: None, TOWNS[1]: None, TOWNS[2]: 27, "rest": 21}
    villages = told(look("village", counts)[1:])
    assert {code for code, count in villages.items() if count is None} == set(V[:6])


@pytest.mark.parametrize("sensitive", [True, False])
def test_asking_for_one_township_tells_no_more_than_asking_for_all(sensitive: bool) -> None:  # noqa: FBT001
    counts = dict(zip(V, (1, 1, 1, 6, 6, 6, 9, 9, 9), strict=True))
    totals = [look("", counts, area=town, sensitive=sensitive)[0].tally for town in TOWNS]
    assert [one.value if one else None for one in totals] == ([None, None, 27] if sensitive else [3, 18, 27])


def test_who_may_see_one_township_sees_its_numbers_only() -> None:
    counts = dict.fromkeys(V, 10)
    assert told(look("village", counts, prefix=TOWNS[1][:9])) == {COUNTY: 30, **dict.fromkeys(VILLAGES[TOWNS[1]], 10)}


def test_the_number_of_the_whole_county_is_told_however_small() -> None:
    assert told(look("village", {V[0]: 2})) == {COUNTY: 2, V[0]: None}
    assert told(look("", {V[0]: 2}, prefix=TOWNS[0][:9])) == {COUNTY: 2}
    assert told(look("", {V[0]: 2, V[4]: 9}, prefix=TOWNS[0][:9])) == {COUNTY: None}


def test_who_holds_posts_in_two_villages_is_one_in_the_township() -> None:
    view = View(COUNTRY, date(2026, 11, 22), COUNTY, COUNTY, "village", lambda _: True)
    tallies = {V[0]: Tally(1, subjects=frozenset({"a"})), V[1]: Tally(2, subjects=frozenset({"a", "b"}))}
    total, cells = break_down(tallies, view, sensitive=False)
    assert total.tally is not None
    assert [total.tally.value, *(one.tally.value for one in cells if one.tally)] == [2, 1, 2]


@pytest.mark.parametrize(
    ("years", "day", "latest"),
    [
        (18, "2026-11-22", "2008-11-22"),
        (18, "2026-02-28", "2008-02-29"),
        (18, "2024-02-28", "2006-02-28"),
        (18, "2024-02-29", "2006-02-28"),
        (20, "2024-02-28", "2004-02-28"),
    ],
)
def test_a_birthday_on_29_february_counts_as_the_28th_in_common_years(years: int, day: str, latest: str) -> None:
    assert born_by(years, date.fromisoformat(day)) == date.fromisoformat(latest)


def test_areas_are_read_in_tenths_and_what_is_no_figure_adds_nothing() -> None:
    texts = ("2873.1", "1,200 ㎡", "52 平方米", "未定", "", "3.14", "约八十")
    assert [read_number(text, 1) for text in texts] == [28731, 12000, 520, 0, 0, 0, 0]
