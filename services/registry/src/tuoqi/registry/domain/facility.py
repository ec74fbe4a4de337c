"""Facilities 设施 as known now: what a row of their file does, what is missing in them, when they close."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from tuoqi.registry.domain.categories import PolicyError
from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.identity import normalise_card, passes_luhn
from tuoqi.registry.domain.person_rows import Regions, merge_private

DETAILS: Final = (
    "resource_type", "ownership", "floors", "total_area_m2", "canteen_m2", "outdoor_m2", "fire_equipment", "beds",
    "batch",
)  # fmt: skip
PRIVATE: Final = ("account_no", "account_name", "bank")
AREAS: Final = ("total_area_m2", "canteen_m2", "outdoor_m2")
_FIGURE: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,4})?)\s*(?:m\s*[²2]|平方米|㎡)?")
FIRE_GAP: Final = "fire"
MEDICAL_GAP: Final = "medical"
BEDS_GAP: Final = "beds"
GAPS: Final = {FIRE_GAP: "消防缺口", MEDICAL_GAP: "医疗服务缺口", BEDS_GAP: "床位缺口"}


@dataclass(frozen=True, slots=True)
class AgreementKind:
    """A kind of agreement or model 医养结合模式."""

    name: str
    is_medical: bool
    """It gives the people of the house a doctor."""


@dataclass(frozen=True, slots=True)
class FacilityRules:
    """What the county's policy says of facilities."""

    kinds: Mapping[str, str]
    """Code → Chinese word."""
    lived_in: frozenset[str] = frozenset()
    """Kinds in which people live: they need beds, fire equipment and a doctor."""
    fire_ready: tuple[re.Pattern[str], ...] = ()
    """What real fire equipment is called."""
    fire_missing: tuple[re.Pattern[str], ...] = ()
    """What is written where there is none yet."""
    agreements: Mapping[str, AgreementKind] = field(default_factory=dict)
    uses: Mapping[str, str] = field(default_factory=dict)
    """What a building may serve after its residents have moved: code → Chinese word."""


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
    closed_on: date | None = None
    """The last day on which somebody lived here, where it was merged into another."""
    merged_into: str = ""
    """The code of the facility that took its residents."""
    building_use: str = ""
    """What the building serves since then."""
    known_at: datetime | None = field(default=None, compare=False)
    """When this version became known; None until it is stored."""

    @property
    def beds(self) -> int | None:
        """Beds, where what is written is a number."""
        text = self.details.get("beds", "")
        return int(text) if text.isascii() and text.isdigit() else None

    @property
    def account(self) -> tuple[str, str, str]:
        """What makes an account version: number, name, bank."""
        number, name, bank = (self.private.get(key, "") for key in PRIVATE)
        return number, name, bank

    def is_closed(self, day: date) -> bool:
        """Whether nobody can live here any more on that day."""
        return self.closed_on is not None and day > self.closed_on

    def merge(self, into: str, *, on: date, use: str) -> Facility:
        """The facility after its residents have moved to another on that day."""
        return replace(
            self, closed_on=on - timedelta(days=1), merged_into=into, building_use=use, version=self.version + 1
        )

    def reopen(self) -> Facility:
        """The facility as it was before it was merged."""
        return replace(self, closed_on=None, merged_into="", building_use="", version=self.version + 1)


@dataclass(frozen=True, slots=True)
class Agreement:
    """An agreement of a facility with somebody 协议, like a hospital's to see its residents."""

    agreement_id: str
    facility: str
    kind: str
    partner: str
    """An organisation."""
    valid_from: date
    valid_to: date | None = None
    """The last day; None while it has no end."""
    known_at: datetime | None = field(default=None, compare=False)
    """When this version became known; None until it is stored."""

    def covers(self, day: date) -> bool:
        """Whether it holds on that day, first and last day included."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


def read_facility_rules(kinds: Mapping[str, str], document: Mapping[str, Any]) -> FacilityRules:
    """The rules from the kinds of facilities and the county's `facility_rules`. Raises PolicyError."""
    try:
        rules = FacilityRules(
            kinds=kinds,
            lived_in=frozenset(document.get("lived_in", ())),
            fire_ready=tuple(re.compile(one) for one in document.get("fire_ready", ())),
            fire_missing=tuple(re.compile(one) for one in document.get("fire_missing", ())),
            agreements={
                key: AgreementKind(str(one["name"]), bool(one.get("medical", False)))
                for key, one in document.get("agreements", {}).items()
            },
            uses={str(key): str(word) for key, word in document.get("building_uses", {}).items()},
        )
    except (re.error, KeyError, TypeError, AttributeError) as error:
        raise PolicyError(f"facility rules: {error!r}") from error
    if unknown := rules.lived_in - kinds.keys():
        raise PolicyError(f"facility rules: nobody can live in the unknown {sorted(unknown)}")
    return rules


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
    open_values = {column: given[column] for column in ("name", "kind", "region") if column in given}
    return replace(
        base,
        **open_values,
        details=merge_private(base.details, whole, DETAILS),
        private=merge_private(base.private, whole, PRIVATE),
    )


def has_fire_gap(facility: Facility, rules: FacilityRules) -> bool:
    """Whether what is written of fire equipment is no real equipment, or nothing is where people live 消防缺口."""
    text = facility.details.get("fire_equipment", "")
    if not text:
        return facility.kind in rules.lived_in
    if any(pattern.search(text) for pattern in rules.fire_missing):
        return True
    return bool(rules.fire_ready) and not any(pattern.search(text) for pattern in rules.fire_ready)


def gaps_of(
    facility: Facility, agreements: Collection[Agreement], rules: FacilityRules, *, day: date, occupied: int
) -> list[str]:
    """What a facility lacks on a day, by the keys of GAPS; nothing is asked of one that is closed."""
    if facility.is_closed(day):
        return []
    gaps = [FIRE_GAP] if has_fire_gap(facility, rules) else []
    if facility.kind in rules.lived_in:
        kinds = {one.kind for one in agreements if one.covers(day)}
        if not any(rules.agreements[kind].is_medical for kind in kinds if kind in rules.agreements):
            gaps.append(MEDICAL_GAP)
        if facility.beds is None or occupied > facility.beds:
            gaps.append(BEDS_GAP)
    return gaps


def figure(text: str) -> Decimal | None:
    """Square metres as a number, where what is written is one; a unit behind it is passed over."""
    found = _FIGURE.fullmatch(text.strip())
    return Decimal(found[1]) if found else None
