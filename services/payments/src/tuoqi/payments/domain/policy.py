"""A county's payment policy as data: what a county changes by editing its files, never by code.

`parse_policy` takes the files as plain values (path → content) and answers a validated, frozen Policy, or a PolicyError
that names the place and the reason of every fault. Amounts are written in yuan there and are fen from here on.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from tuoqi.payments.domain.months import Month, moment
from tuoqi.payments.domain.policy_fields import Node, PolicyError, distinct, rising
from tuoqi.payments.domain.policy_price import PriceIndexRule
from tuoqi.payments.domain.policy_rules import PARAMETERS, WITH_CATEGORY, AgeBands, Parameters, StatusAmount
from tuoqi.payments.domain.policy_stacking import StackingStep, acts_alone, read_stacking
from tuoqi.payments.domain.policy_standards import Standard, Standards, read_standards
from tuoqi.payments.domain.policy_terms import (
    CertificationTerms,
    Payment,
    ReachBack,
    read_certification,
    read_payment,
    read_reach_back,
)
from tuoqi.payments.domain.recovery_policy import RecoveryPolicy, parse_recoveries

PROGRAMMES_FILE = "programmes.yaml"
CYCLES_FILE = "cycles.yaml"
CATEGORY = "category:"
"""Before a category's key in `Policy.words`: a category and a programme may share a key."""
IN_SCHOOL = "in_school"
"""The category that keeps a child's allowance after 18 在校就读."""
_KEY = re.compile(r"[a-z][a-z0-9_]*")
_COUNTY = re.compile(r"\d{6}")


@dataclass(frozen=True, slots=True)
class ProgrammeVersion:
    """What a programme pays for benefit months from `effective_from` until the next version."""

    name: str
    effective_from: Month
    parameters: Parameters
    payment: Payment | None = None
    """How often it is paid; None: every month."""
    certification: CertificationTerms | None = None

    @property
    def conditions(self) -> tuple[str, ...]:
        """The status categories that its conditions ask for, beside the programme's own."""
        match self.parameters:
            case StatusAmount() as rule:
                rows = [row.when for row in rule.rows]
                school = (IN_SCHOOL,) if rule.child else ()
                named = (*rule.while_on, *school)
            case AgeBands() as rule:
                rows = [case.when for band in rule.bands for case in band.cases]
                named = ()
            case _:
                return ()
        return (*named, *(key for when in (rule.when, *rows) if when for key in when.categories))


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
    certified: bool = False
    """Some version asks for life certification 生存认证."""
    reach_back: ReachBack | None = None
    """How far back it is paid; None: as far as the county's cycles reach."""

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
    stacking: tuple[StackingStep, ...]
    cycles: tuple[CycleRules, ...]
    words: Mapping[str, str]
    """Names of programmes by key, and of the categories that are conditions of one by `category:` and key."""
    recoveries: RecoveryPolicy = field(default_factory=RecoveryPolicy)
    reach_back: Mapping[str, ReachBack] = field(default_factory=dict)
    """The programmes that are paid back less far, or further, than the county's cycles reach."""
    stacks_from: int = 2
    """With how many programmes a person is looked at by stacking: 1 where a step does something to a single one."""
    paid_by_period: bool = False
    """Some programme is not paid every month: what is due then follows from the cycle's month too."""
    certified: bool = False
    """Some programme asks for life certification."""
    depends_on_cycle: bool = False
    """What a cycle writes does not follow from people's status, person and grants, their spans and the month alone:
    payment by periods, own limits of back-pay, life certification, a price supplement that differs by group."""

    @property
    def order(self) -> tuple[str, ...]:
        """Programme keys in the county's order."""
        return tuple(programme.key for programme in self.programmes)

    @property
    def categories(self) -> frozenset[str]:
        """The status categories that any programme asks for."""
        conditions = {key for programme in self.programmes for one in programme.versions for key in one.conditions}
        return frozenset(conditions | {programme.category for programme in self.programmes if programme.category})

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


def parse_policy(files: Mapping[str, object], known_categories: Collection[str] = ()) -> Policy:
    """Reads a county's payment policy from its files' contents; PolicyError names file, place and reason of each fault.

    `known_categories` are those of the county's register; where none are given, any category may be asked for.
    """
    faults: list[PolicyError] = []
    nodes = []
    for name in (PROGRAMMES_FILE, CYCLES_FILE):
        try:
            nodes.append(Node.of_file(files, name, faults))
        except PolicyError as fault:
            faults.append(fault)
    found = {node.file: node for node in nodes}
    complete = PROGRAMMES_FILE in found and CYCLES_FILE in found
    policy = _policy(found[PROGRAMMES_FILE], found[CYCLES_FILE], known_categories) if complete else None
    recoveries = RecoveryPolicy()
    if policy is not None:
        try:
            recoveries = parse_recoveries(files, policy.county)
        except PolicyError as fault:
            faults.append(fault)
    if faults or policy is None:
        raise PolicyError.of(faults)
    return replace(policy, recoveries=recoveries)


def _policy(programmes_file: Node, cycles_file: Node, known_categories: Collection[str]) -> Policy:
    """The policy of both files; what is wrong with them is kept by the nodes."""
    programmes_file.only("county", "policy_start", "categories", "standards", "stacking", "programmes")
    cycles_file.only("county", "versions")
    county = programmes_file.text("county", _COUNTY, "六位县级区划代码，加引号")
    if cycles_file.text("county", _COUNTY, "六位县级区划代码，加引号") != county and cycles_file.clean("county"):
        cycles_file.fault("county", f"应与 {PROGRAMMES_FILE} 中的县代码 {county} 相同")
    standards = read_standards(programmes_file)
    rows = list(programmes_file.rows("programmes"))
    keys = tuple(key for row in rows if isinstance(key := row.content.get("key"), str))
    distinct(programmes_file, "programmes", keys)
    programmes = tuple(one for row in rows if (one := _programme(row, standards, keys, known_categories)))
    cycles = tuple(_cycle_rules(node) for node in cycles_file.rows("versions"))
    rising(cycles_file, "versions", [rules.effective_from for rules in cycles])
    policy_start = programmes_file.month("policy_start")
    comparable = programmes_file.clean("policy_start") and cycles_file.clean("versions")
    if cycles and comparable and cycles[0].effective_from > policy_start:
        cycles_file.fault("versions[0].effective_from", f"应不晚于政策起始月份 {policy_start}")
    every = [version for programme in programmes for version in programme.versions]
    reach_back = {one.key: one.reach_back for one in programmes if one.reach_back}
    by_group = any(isinstance(one.parameters, PriceIndexRule) and one.parameters.group_standards for one in every)
    paid_by_period = any(version.payment for version in every)
    certified = any(programme.certified for programme in programmes)
    stacking = read_stacking(programmes_file, keys, standards)
    return Policy(
        county=county,
        policy_start=policy_start,
        programmes=programmes,
        stacking=stacking,
        cycles=cycles,
        words=_words(programmes_file, programmes),
        reach_back=reach_back,
        stacks_from=1 if any(acts_alone(step) for step in stacking) else 2,
        paid_by_period=paid_by_period,
        certified=certified,
        depends_on_cycle=bool(paid_by_period or reach_back or by_group or certified),
    )


def _words(node: Node, programmes: Sequence[Programme]) -> dict[str, str]:
    """What programmes and categories are called; a category that is a condition must have a name."""
    words = {programme.key: programme.name for programme in programmes}
    for row in node.rows("categories", empty=True) if node.has("categories") else ():
        row.only("key", "name")
        words.setdefault(f"{CATEGORY}{row.text('key')}", row.text("name"))
    for programme in programmes:
        asked = {key for version in programme.versions for key in version.conditions if key != IN_SCHOOL}
        for category in sorted(asked):
            if f"{CATEGORY}{category}" not in words:
                node.fault("categories", f"{programme.key} 以 {category} 为条件，请写明它的名称")
    return words


def _programme(
    node: Node, standards: Mapping[str, Standard], keys: tuple[str, ...], known_categories: Collection[str]
) -> Programme | None:
    """One row of the table of programmes; None where its rule is unknown, so that nothing more can be read."""
    rule = node.choice("rule", tuple(PARAMETERS))
    if not rule:
        return None
    asks = rule in WITH_CATEGORY
    own = ("category", "hukou_in_county") if asks else ()
    node.only("key", "name", "rule", "for_children", "versions", "reach_back_months", "reach_back", *own)
    rows = list(node.rows("versions"))
    starts = [row.month("effective_from") for row in rows]
    rising(node, "versions", starts)
    for_children = node.flag("for_children")
    versions: list[ProgrammeVersion] = []
    for row, after in zip(rows, (*starts[1:], None), strict=True):
        before = len(versions)
        versions += _versions(row, PARAMETERS[rule], standards, after, for_children=for_children)
        _known(row, versions[before:], keys, known_categories)
    programme = Programme(
        key=node.text("key", _KEY, "小写英文字母、数字和下划线"),
        name=node.text("name"),
        rule=rule,
        category=node.text("category", _KEY, "小写英文字母、数字和下划线") if asks else "",
        hukou_in_county=node.flag("hukou_in_county"),
        for_children=for_children,
        versions=tuple(versions),
        certified=any(version.certification for version in versions),
        reach_back=read_reach_back(node),
    )
    if programme.category and known_categories and programme.category not in known_categories:
        node.fault("category", f"登记类别中没有 {programme.category}")
    return programme


def _known(
    node: Node, versions: Sequence[ProgrammeVersion], keys: tuple[str, ...], known_categories: Collection[str]
) -> None:
    """Refuses a condition on a category, or a price supplement for a group, that the county has not."""
    for version in versions[:1]:
        for category in dict.fromkeys(version.conditions):
            if known_categories and category not in known_categories:
                node.fault(_field_of(node, category), f"登记类别中没有 {category}")
        groups = version.parameters.groups if isinstance(version.parameters, PriceIndexRule) else ()
        for group in groups:
            if group not in keys:
                node.fault("groups", f"groups 中没有这个项目：{group}")


def _field_of(node: Node, category: str) -> str:
    """Where a version names a category first: one of its own fields, else a row of its amounts or bands."""
    named = ("while_on", "while_on_any", "not_on")
    for field_name in named:
        if category in node.words(field_name):
            return field_name
    return "amounts" if node.has("amounts") else "bands"


def _versions(
    node: Node,
    read: Callable[[Node, Standards], Parameters],
    standards: Mapping[str, Standard],
    before: Month | None,
    *,
    for_children: bool,
) -> Iterator[ProgrammeVersion]:
    """One version as it is written, and again from each month in which a standard that it uses changes."""
    name, first = node.text("version"), node.month("effective_from")
    asked = Standards(standards, first)
    payment, certification = read_payment(node), read_certification(node, for_children=for_children)
    yield ProgrammeVersion(name, first, read(node, asked), payment, certification)
    for month, changed in asked.changes(first, before).items():
        told = f"{name}{''.join(f'+{key}@{month}' for key in changed)}"
        yield ProgrammeVersion(told, month, read(node, Standards(standards, month)), payment, certification)


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
