"""Regions 行政区划, facilities 设施 and households 户 as known now, and what rows of their files do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.identity import normalise_card, passes_luhn
from tuoqi.registry.domain.person_rows import Regions, merge_private

FACILITY_DETAILS: Final = (
    "resource_type", "ownership", "floors", "total_area_m2", "canteen_m2", "outdoor_m2", "fire_equipment", "beds",
    "batch",
)  # fmt: skip
FACILITY_PRIVATE: Final = ("account_no", "account_name", "bank")
HEAD_WORDS: Final = frozenset({"户主", "本人", "本人或户主"})


@dataclass(frozen=True, slots=True)
class Region:
    """A node of the county's tree."""

    code: str
    name: str
    parent: str
    kind: str
    valid_from: date | None = None
    valid_to: date | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Facility:
    """A place where people live, eat or meet."""

    code: str
    name: str
    kind: str
    region: str
    details: Mapping[str, str]
    """Column → text as the county wrote it; a value that is no figure stays visible."""
    private: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The account, sealed."""
    version: int = 0

    @property
    def beds(self) -> int | None:
        """Beds, where what is written is a number."""
        text = self.details.get("beds", "")
        return int(text) if text.isascii() and text.isdigit() else None


@dataclass(frozen=True, slots=True)
class Household:
    """Who is counted together; the members are found by their own rows."""

    household_id: str
    number: str = field(repr=False)
    head_person_id: str = ""
    version: int = 0


def apply_region_row(
    before: Region | None, cells: Cells, flaws: Flaws, *, today: date, known: Collection[str]
) -> Region | None:
    """The region after a row of regions.csv; None where it is rejected."""
    flaws.check_days(cells, ("valid_from", "valid_to"), today=today, born=None)
    base = before or Region(code=cells.text("code"), name="", parent="", kind="")
    after = replace(base, **_open_values(cells, ("name", "parent", "kind", "valid_from", "valid_to")))
    if after.valid_from and after.valid_to and after.valid_to < after.valid_from:
        flaws.reject("valid_to", after.valid_to, "失效日期不能早于生效日期。")
    if after.parent == after.code:
        flaws.reject("parent", after.parent, "上级代码不能是本身。")
    elif after.parent and after.parent not in known:
        flaws.warn("parent", after.parent, "没有登记过这个上级区划，请核对。")
    return None if flaws.is_rejected() else after


def apply_facility_row(before: Facility | None, cells: Cells, flaws: Flaws, *, regions: Regions) -> Facility | None:
    """The facility after a row of facilities.csv; None where it is rejected."""
    given = dict(cells.given)
    if "account_no" in given:
        card = given["account_no"] = normalise_card(given["account_no"])
        if not passes_luhn(card):
            flaws.warn("account_no", card, "收款账号的校验位不对，请核对。")
    if regions.is_doubtful(cells.text("region")):
        flaws.warn("region", cells.text("region"), "本县区划中没有这个代码，请核对。")
    base = before or Facility(code=cells.text("code"), name="", kind="", region="", details={})
    whole = Cells(given, cells.cleared)
    return replace(
        base,
        **_open_values(whole, ("name", "kind", "region")),
        details=merge_private(base.details, whole, FACILITY_DETAILS),
        private=merge_private(base.private, whole, FACILITY_PRIVATE),
    )


def follow_head(household: Household, person_id: str, relation: str) -> Household:
    """The household after one of its members' rows: whoever is called its head is, until somebody else is."""
    if relation in HEAD_WORDS:
        return replace(household, head_person_id=person_id)
    if household.head_person_id == person_id:
        return replace(household, head_person_id="")
    return household


def _open_values(cells: Cells, columns: Collection[str]) -> dict[str, Any]:
    """New values of a dataclass: given ones; an emptied one as its type has it; the others are left out."""
    values: dict[str, Any] = {column: cells.given[column] for column in columns if column in cells.given}
    for column in cells.cleared.intersection(columns):
        values[column] = None if column.startswith("valid_") else ""
    return values
