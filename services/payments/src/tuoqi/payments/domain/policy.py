"""A county's payment policy as data: what a county changes by editing its files, never by code.

`parse_policy` takes the files as plain values (path → content) and answers a validated, frozen Policy, or a PolicyError
that names the place and the reason. Amounts are written in yuan there and are fen from here on.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TypeVar

from tuoqi.payments.domain.months import Month, moment
from tuoqi.payments.domain.policy_fields import Node, PolicyError

PROGRAMMES_FILE = "programmes.yaml"
CYCLES_FILE = "cycles.yaml"
_KEY = re.compile(r"[a-z][a-z0-9_]*")
_COUNTY = re.compile(r"\d{6}")


@dataclass(frozen=True, slots=True)
class Band:
    """From this age on, in completed years, so much a month."""

    from_age: int
    monthly_fen: int


@dataclass(frozen=True, slots=True)
class AgeBands:
    """Parameters of the rule `age_bands_on_acceptance`: bands by rising age."""

    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class IntervalAmount:
    """The rule `interval_amount` has no parameters: the status interval itself carries the amount."""


Parameters = AgeBands | IntervalAmount


@dataclass(frozen=True, slots=True)
class ProgrammeVersion:
    """What a programme pays for benefit months from `effective_from` until the next version."""

    name: str
    effective_from: Month
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Programme:
    """One row of the county's table of programmes 补贴项目."""

    key: str
    name: str
    rule: str
    category: str
    hukou_in_county: bool
    for_children: bool
    versions: tuple[ProgrammeVersion, ...]

    def version_in(self, month: Month) -> ProgrammeVersion | None:
        """The version that pays a benefit month; None before the first."""
        position = bisect_right([version.effective_from for version in self.versions], month)
        return self.versions[position - 1] if position else None


@dataclass(frozen=True, slots=True)
class CycleRules:
    """How cycles of months from `effective_from` on run 发放周期."""

    effective_from: Month
    cut_off_day: int
    cut_off_hour: int
    posting_days: int
    reach_back_months: int
    two_approvers_above_fen: int

    def cut_off(self, month: Month) -> datetime:
        """The default cut-off 截止时点 of a month's cycle."""
        return moment(month.first_day.replace(day=self.cut_off_day), self.cut_off_hour)


@dataclass(frozen=True, slots=True)
class Policy:
    """The whole payment policy of one county; `programmes` stand in the order in which they are listed everywhere."""

    county: str
    policy_start: Month
    programmes: tuple[Programme, ...]
    stacking: tuple[str, ...]
    cycles: tuple[CycleRules, ...]

    @property
    def order(self) -> tuple[str, ...]:
        """Programme keys in the county's order."""
        return tuple(programme.key for programme in self.programmes)

    def programme(self, key: str) -> Programme:
        """The programme with a key; KeyError where the county has none."""
        for programme in self.programmes:
            if programme.key == key:
                return programme
        raise KeyError(key)

    def cycle_rules(self, month: Month) -> CycleRules:
        """The rules of a month's cycle; ValueError before the county's first."""
        position = bisect_right([rules.effective_from for rules in self.cycles], month)
        if not position:
            raise ValueError(f"no cycle rules are in force in {month}")
        return self.cycles[position - 1]


def parse_policy(files: Mapping[str, object]) -> Policy:
    """Reads a county's payment policy from its files' contents; PolicyError names file, place and reason."""
    programmes_file = Node.of_file(files, PROGRAMMES_FILE)
    cycles_file = Node.of_file(files, CYCLES_FILE)
    programmes_file.only("county", "policy_start", "stacking", "programmes")
    cycles_file.only("county", "versions")
    county = programmes_file.text("county", _COUNTY, "六位县级区划代码，加引号")
    if cycles_file.text("county", _COUNTY, "六位县级区划代码，加引号") != county:
        raise PolicyError(f"{CYCLES_FILE}: county", f"应与 {PROGRAMMES_FILE} 中的县代码 {county} 相同")
    programmes = tuple(_programme(node) for node in programmes_file.rows("programmes"))
    _distinct(programmes_file, "programmes", [programme.key for programme in programmes])
    policy_start = programmes_file.month("policy_start")
    cycles = tuple(_cycle_rules(node) for node in cycles_file.rows("versions"))
    _rising(cycles_file, "versions", [rules.effective_from for rules in cycles])
    return Policy(
        county=county,
        policy_start=policy_start,
        programmes=programmes,
        stacking=_stacking(programmes_file),
        cycles=cycles,
    )


def _stacking(node: Node) -> tuple[str, ...]:
    """The stacking steps 叠加规则 in their order."""
    return tuple(row.choice("step", STACKING_STEPS) for row in node.rows("stacking", empty=True))


def _programme(node: Node) -> Programme:
    """One row of the table of programmes."""
    node.only("key", "name", "rule", "category", "hukou_in_county", "for_children", "versions")
    rule = node.choice("rule", tuple(PARAMETERS))
    versions = tuple(_programme_version(row, PARAMETERS[rule]) for row in node.rows("versions"))
    _rising(node, "versions", [version.effective_from for version in versions])
    return Programme(
        key=node.text("key", _KEY, "小写英文字母、数字和下划线"),
        name=node.text("name"),
        rule=rule,
        category=node.text("category", _KEY, "小写英文字母、数字和下划线"),
        hukou_in_county=node.flag("hukou_in_county"),
        for_children=node.flag("for_children"),
        versions=versions,
    )


def _programme_version(node: Node, parameters: Callable[[Node], Parameters]) -> ProgrammeVersion:
    """One version of a programme, its parameters read by the programme's rule."""
    return ProgrammeVersion(
        name=node.text("version"),
        effective_from=node.month("effective_from"),
        parameters=parameters(node),
    )


def _age_bands(node: Node) -> AgeBands:
    """Bands by strictly rising age."""
    node.only("version", "effective_from", "bands")
    bands = []
    for row in node.rows("bands"):
        row.only("from_age", "monthly_yuan")
        bands.append(Band(row.number("from_age", 0, 130), row.fen("monthly_yuan")))
    _rising(node, "bands", [band.from_age for band in bands])
    return AgeBands(tuple(bands))


def _interval_amount(node: Node) -> IntervalAmount:
    """Nothing but version and date may be written."""
    node.only("version", "effective_from")
    return IntervalAmount()


PARAMETERS: dict[str, Callable[[Node], Parameters]] = {
    "age_bands_on_acceptance": _age_bands,
    "interval_amount": _interval_amount,
}
"""Rule of a programme → reader of its parameters; `entitlement.RULES` has the same keys."""


STACKING_STEPS: tuple[str, ...] = ()
"""The steps that a county may list; `entitlement.STACKING` has the same names."""


def _cycle_rules(node: Node) -> CycleRules:
    """One version of the rules of cycles."""
    node.only(
        "effective_from", "cut_off_day", "cut_off_hour", "posting_days", "reach_back_months", "two_approvers_above_yuan"
    )
    return CycleRules(
        effective_from=node.month("effective_from"),
        cut_off_day=node.number("cut_off_day", 1, 28),
        cut_off_hour=node.number("cut_off_hour", 0, 23),
        posting_days=node.number("posting_days", 0, 60),
        reach_back_months=node.number("reach_back_months", 0, 600),
        two_approvers_above_fen=node.fen("two_approvers_above_yuan"),
    )


_Ordered = TypeVar("_Ordered", int, Month)


def _rising(node: Node, field: str, values: list[_Ordered]) -> None:
    """Refuses a list whose key values do not strictly rise."""
    for position, (before, after) in enumerate(pairwise(values), start=1):
        if after <= before:
            raise PolicyError(f"{node.path(field)}[{position}]", f"应按顺序递增：{after} 不在 {before} 之后")


def _distinct(node: Node, field: str, keys: list[str]) -> None:
    """Refuses a key written twice."""
    for position, key in enumerate(keys):
        if key in keys[:position]:
            raise PolicyError(f"{node.path(field)}[{position}].key", f"{key} 重复")
