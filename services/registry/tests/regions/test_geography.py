"""What became of regions, decided without a database."""

from __future__ import annotations

from datetime import date
from itertools import chain

import pytest

from tuoqi.registry.domain.region import Geography, Region
from tuoqi.registry.domain.region_change import Change, Changed, ChangeRefused, NewRegion, change_regions
from tuoqi.registry.domain.whereabouts import KnownPlace, history, on_day

TODAY = date(2026, 11, 22)
FIRST = date(2026, 7, 1)
EVE = date(2026, 6, 30)
COUNTY, TOWN, OTHER_TOWN = "990101000000", "990101101000", "990101102000"
A, B, C, NEW, NEWER = ("990101101201", "990101101202", "990101102201", "990101101301", "990101101302")
COUNTRY = Geography(
    [
        Region(COUNTY, "县", "", "county"),
        Region(TOWN, "甲镇", COUNTY, "town"),
        Region(OTHER_TOWN, "乙镇", COUNTY, "town"),
        Region(A, "甲村", TOWN, "village"),
        Region(B, "乙村", TOWN, "village"),
        Region(C, "丙村", OTHER_TOWN, "village"),
    ]
)


def changed(*changes: Change, base: Geography = COUNTRY) -> Geography:
    """The country after these changes."""
    forms, successions = [], []
    regions = dict(base.regions)
    for change in changes:
        base = Geography(regions.values(), forms, successions)
        made: Changed = change_regions(base, change, today=TODAY)
        regions |= {one.code: one for one in made.regions}
        forms += made.forms
        successions += made.successions
    return Geography(regions.values(), forms, successions)


MERGE = Change("merge", (A, B), (NewRegion(NEW, "新村"),), FIRST)
SPLIT = Change("split", (A,), (NewRegion(NEW, "东村"), NewRegion(NEWER, "西村")), FIRST)


def test_people_of_merged_villages_are_counted_in_the_new_one_and_before_it_in_their_own() -> None:
    after = changed(MERGE)
    assert [after.place(code, FIRST) for code in (A, B, NEW)] == [NEW, NEW, NEW]
    assert [after.place(code, EVE) for code in (A, B)] == [A, B]
    assert after.successors(NEW, EVE) == (A, B)
    assert after.place(NEW, EVE) == NEW, "which of the two it was nobody can say"
    assert after.path(after.place(A, FIRST), FIRST) == (COUNTY, TOWN, NEW)
    assert not after.exists(A, FIRST)
    assert after.exists(A, EVE)


def test_whoever_lived_in_a_split_village_stays_under_its_code_until_somebody_says_where() -> None:
    after = changed(SPLIT)
    assert after.successors(A, FIRST) == (NEW, NEWER)
    assert after.place(A, FIRST) == A
    assert after.unit(A, "township", FIRST) == TOWN
    assert after.place(NEW, EVE) == A


def test_a_village_that_loses_a_part_goes_on_as_itself() -> None:
    after = changed(Change("split", (A,), (NewRegion(A), NewRegion(NEW, "新村")), FIRST))
    assert after.exists(A, FIRST)
    assert after.place(A, FIRST) == A
    assert after.successors(A, FIRST) == (A, NEW)


def test_a_renamed_village_has_both_names_each_in_its_time() -> None:
    after = changed(Change("rename", (A,), (NewRegion(A, "红旗社区", kind="community"),), FIRST))
    assert (after.name(A, EVE), after.name(A, FIRST)) == ("甲村", "红旗社区")
    assert after.form(A, FIRST).kind == "community"
    assert after.form(A, EVE).kind == "village"


def test_a_village_moves_under_another_township_with_or_without_a_new_code() -> None:
    same = changed(Change("move", (A,), (NewRegion(A, parent=OTHER_TOWN),), FIRST))
    assert (same.unit(A, "township", EVE), same.unit(A, "township", FIRST)) == (TOWN, OTHER_TOWN)
    fresh = changed(Change("move", (A,), (NewRegion("990101102301", parent=OTHER_TOWN),), FIRST))
    assert fresh.place(A, FIRST) == "990101102301"
    assert fresh.place("990101102301", EVE) == A
    assert fresh.name("990101102301", FIRST) == "甲村"


def test_merged_townships_take_their_villages_along() -> None:
    after = changed(Change("merge", (TOWN,), (NewRegion(OTHER_TOWN),), FIRST))
    assert after.path(A, FIRST) == (COUNTY, OTHER_TOWN, A)
    assert after.path(A, EVE) == (COUNTY, TOWN, A)
    with pytest.raises(ChangeRefused, match="region_has_children"):
        changed(Change("split", (TOWN,), (NewRegion("990101103000", "东"), NewRegion("990101104000", "西")), FIRST))


def test_changes_follow_each_other_through_the_years() -> None:
    later = Change("rename", (NEW,), (NewRegion(NEW, "更新村"),), date(2026, 9, 1))
    again = Change("merge", (NEW, C), (NewRegion(C),), date(2026, 10, 1))
    after = changed(MERGE, later, again)
    assert [after.place(A, day) for day in (EVE, FIRST, date(2026, 10, 1))] == [A, NEW, C]
    assert after.name(NEW, date(2026, 9, 1)) == "更新村"


@pytest.mark.parametrize(
    ("change", "slug"),
    [
        (Change("merge", (A, B), (NewRegion(NEW, "新村"),), date(2026, 12, 1)), "region_day_in_future"),
        (Change("merge", (A, A), (NewRegion(NEW, "新村"),), FIRST), "region_change_shape"),
        (Change("merge", (A,), (NewRegion(A),), FIRST), "region_change_shape"),
        (Change("merge", (A, B), (NewRegion(NEW),), FIRST), "region_name_missing"),
        (Change("merge", (A, B), (NewRegion("990101103000", "镇", kind="town"),), FIRST), "region_level"),
        (Change("merge", (A, "990101101999"), (NewRegion(NEW, "新村"),), FIRST), "region_not_in_force"),
        (Change("rename", (A,), (NewRegion(B, "乙"),), FIRST), "region_change_shape"),
        (Change("rename", (A,), (NewRegion(A),), FIRST), "region_same"),
        (Change("move", (A,), (NewRegion(A),), FIRST), "region_change_shape"),
        (Change("move", (TOWN,), (NewRegion(TOWN, parent=A),), FIRST), "region_level"),
        (Change("split", (A,), (NewRegion(NEW, "东村"),), FIRST), "region_change_shape"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(change: Change, slug: str) -> None:
    with pytest.raises(ChangeRefused, match=slug):
        changed(change)


def test_a_closed_code_is_never_used_again_and_changes_are_recorded_in_their_order() -> None:
    with pytest.raises(ChangeRefused, match="region_code_used"):
        changed(MERGE, Change("merge", (NEW, C), (NewRegion(A, "甲"),), date(2026, 9, 1)))
    rename = Change("rename", (C,), (NewRegion(C, "丁村"),), FIRST)
    with pytest.raises(ChangeRefused, match="region_change_order"):
        changed(rename, Change("rename", (C,), (NewRegion(C, "戊村"),), EVE))


def test_codes_that_nobody_loaded_are_read_by_their_digits() -> None:
    assert COUNTRY.path("990102101201", TODAY) == (
        "990000000000", "990100000000", "990102000000", "990102101000", "990102101201",
    )  # fmt: skip
    assert COUNTRY.unit("990102101201", "township", TODAY) == "990102101000"


def test_the_tree_of_a_day_has_parents_before_children() -> None:
    after = changed(MERGE)
    codes = [region.code for _, region in after.tree(FIRST)]
    assert codes == [COUNTY, TOWN, NEW, OTHER_TOWN, C]
    assert set(codes) ^ {one.code for _, one in after.tree(EVE)} == {NEW, A, B}


def test_a_persons_history_has_residence_and_hukou_from_the_day_on_which_each_became_known() -> None:
    hukou = ((A, date(2020, 1, 1)), (C, date(2025, 5, 1)))
    places = history(
        [
            KnownPlace(date(2020, 1, 1), "", hukou[:1]),
            KnownPlace(date(2024, 1, 1), B, hukou[:1]),
            KnownPlace(date(2025, 5, 1), B, hukou),
        ]
    )
    assert [(one.since, one.stored, one.hukou) for one in places] == [
        (None, A, A), (date(2024, 1, 1), B, A), (date(2025, 5, 1), B, C),
    ]  # fmt: skip
    assert [on_day(places, day).stored for day in (date(1990, 1, 1), date(2023, 12, 31), TODAY)] == [A, A, B]
    assert len(set(chain(*((one.residence, one.hukou) for one in places)))) == 4
