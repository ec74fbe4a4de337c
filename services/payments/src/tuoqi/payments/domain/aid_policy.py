"""A county's rules of one-off aid 一次性救助 and of what other systems may submit: limits, ceilings, amounts, as data.

Read from `aid.yaml` beside the programmes; a fault is a PolicyError that names file, place and reason. Amounts are
written in yuan there, or as multiples of a standard of `programmes.yaml`, and are fen from here on.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import PROGRAMMES_FILE, Policy
from tuoqi.payments.domain.policy_fields import Node, PolicyError, distinct, rising
from tuoqi.payments.domain.policy_standards import Standard, Standards, read_standards

AID_FILE: Final = "aid.yaml"
ASSISTANCE, SCHOOL_YEAR, AFTER_DEATH, OCCASION = "assistance", "school_year", "after_death", "occasion"
KINDS: Final = (ASSISTANCE, SCHOOL_YEAR, AFTER_DEATH, OCCASION)
LEVELS: Final = ("township", "county")
_RULE: Final = "granted_amount"
_CODE = re.compile(r"[a-z][a-z0-9_]*")
_CODE_WORDS = "小写英文字母、数字和下划线"
_COUNTY = re.compile(r"\d{6}")
_TIMES_MAX, _MONTHS_MAX, _DAYS_MAX = 120, 120, 365


@dataclass(frozen=True, slots=True)
class AssistanceTerms:
    """Limits of temporary assistance 临时救助 from a month on, in multiples of a standard."""

    effective_from: Month
    standard: Standard
    township_times: int
    county_times: int
    special_times: int
    year_times: int
    emergency_first_times: int
    same_cause_months: int
    papers_days: int

    def fen(self, times: int, month: Month) -> int:
        """So many times the standard of a month."""
        return times * self.standard.fen[bisect_right(self.standard.from_months, month) - 1]


@dataclass(frozen=True, slots=True)
class TableTerms:
    """What the county gives from a month on: code → fen."""

    effective_from: Month
    amounts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SubmissionTerms:
    """What other systems may submit from a month on."""

    effective_from: Month
    ceiling_fen: int
    """For a person and benefit month, all lines together."""
    reach_back_months: int


_Terms = TypeVar("_Terms", AssistanceTerms, TableTerms, SubmissionTerms)


def in_force(terms: Sequence[_Terms], month: Month) -> _Terms | None:
    """The version of a month; None before the first."""
    position = bisect_right([one.effective_from for one in terms], month)
    return terms[position - 1] if position else None


@dataclass(frozen=True, slots=True)
class AidProgramme:
    """One programme that is applied for."""

    key: str
    kind: str
    words: Mapping[str, str]
    """What an application may name, code → Chinese: causes, school stages, funeral items, occasions."""
    assistance: tuple[AssistanceTerms, ...] = ()
    tables: tuple[TableTerms, ...] = ()
    decided_by: str = "county"
    """The lowest level that decides where the county's table gives the amount."""
    school_year_begins: int = 9
    within_months: int = 12

    def school_year(self, month: Month) -> tuple[Month, Month]:
        """The first and the last month of the school year in which a month lies."""
        first = month.plus(-((month.number - self.school_year_begins) % 12))
        return first, first.plus(11)


@dataclass(frozen=True, slots=True)
class Submission:
    """One programme that other systems submit, and which of them may."""

    programme: str
    clients: frozenset[str]
    terms: tuple[SubmissionTerms, ...]


@dataclass(frozen=True, slots=True)
class GoodsRules:
    """What goods 慰问物资 may be given: code → Chinese, and the most that one person's may be worth at a time."""

    occasions: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, str] = field(default_factory=dict)
    ceiling_fen: int = 0


@dataclass(frozen=True, slots=True)
class AidPolicy:
    """All of it; a county without `aid.yaml` gives no one-off aid and takes no submissions."""

    programmes: Mapping[str, AidProgramme] = field(default_factory=dict)
    submissions: Mapping[str, Submission] = field(default_factory=dict)
    goods: GoodsRules = field(default_factory=GoodsRules)

    def programme(self, key: str) -> AidProgramme:
        """The programme applied for. Raises payments.aid_not_a_programme."""
        found = self.programmes.get(key)
        if found is None:
            raise PaymentsError("payments.aid_not_a_programme", programme=key, allowed="、".join(self.programmes))
        return found


def parse_aid_policy(files: Mapping[str, object], policy: Policy) -> AidPolicy:
    """Read `aid.yaml`, if the county has one. Raises PolicyError."""
    if AID_FILE not in files:
        return AidPolicy()
    node = Node.of_file(files, AID_FILE)
    node.only("county", "programmes", "goods", "submissions")
    if node.text("county", _COUNTY, "六位县级区划代码，加引号") != policy.county:
        raise PolicyError(node.path("county"), f"应与 {PROGRAMMES_FILE} 中的县代码 {policy.county} 相同")
    standards = read_standards(Node.of_file(files, PROGRAMMES_FILE))
    programmes = [_programme(row, standards, policy) for row in node.rows("programmes", empty=True)]
    distinct(node, "programmes", [one.key for one in programmes])
    submissions = [_submission(row, policy) for row in _rows(node, "submissions")]
    distinct(node, "submissions", [one.programme for one in submissions])
    return AidPolicy(
        programmes={one.key: one for one in programmes},
        submissions={one.programme: one for one in submissions},
        goods=_goods(node.inner("goods")) if node.has("goods") else GoodsRules(),
    )


def _rows(node: Node, name: str) -> list[Node]:
    return list(node.rows(name, empty=True)) if node.has(name) else []


def _key(node: Node, policy: Policy) -> str:
    """A programme of the county whose amounts are granted one by one."""
    granted = tuple(one.key for one in policy.programmes if one.rule == _RULE)
    key = node.text("programme")
    if key not in granted:
        reason = f"应为 {PROGRAMMES_FILE} 中规则为 {_RULE} 的项目：{'、'.join(granted)}，现为 {key!r}"
        raise PolicyError(node.path("programme"), reason)
    return key


def _programme(node: Node, standards: Mapping[str, Standard], policy: Policy) -> AidProgramme:
    kind = node.choice("kind", KINDS)
    key = _key(node, policy)
    if kind == ASSISTANCE:
        node.only("programme", "kind", "causes", "versions")
        terms = [_assistance(row, standards) for row in node.rows("versions")]
        rising(node, "versions", [one.effective_from for one in terms])
        return AidProgramme(key, kind, words=_words(node, "causes"), assistance=tuple(terms))
    own = {SCHOOL_YEAR: ("school_year_begins",), AFTER_DEATH: ("within_months",), OCCASION: ()}[kind]
    node.only("programme", "kind", "decided_by", "versions", *own)
    words: dict[str, str] = {}
    tables = [_table(row, words) for row in node.rows("versions")]
    rising(node, "versions", [one.effective_from for one in tables])
    return AidProgramme(
        key,
        kind,
        words=words,
        tables=tuple(tables),
        decided_by=node.choice("decided_by", LEVELS),
        school_year_begins=node.number("school_year_begins", 1, 12) if kind == SCHOOL_YEAR else 9,
        within_months=node.number("within_months", 1, _MONTHS_MAX) if kind == AFTER_DEATH else 12,
    )


def _assistance(node: Node, standards: Mapping[str, Standard]) -> AssistanceTerms:
    times = ("township_times", "county_times", "special_times", "year_times", "emergency_first_times")
    node.only("effective_from", "standard", *times, "same_cause_months", "papers_days")
    month = node.month("effective_from")
    Standards(standards, month).fen(node, "standard")  # refuses one that is unknown, or not there yet
    given = {name: node.number(name, 1, _TIMES_MAX) for name in times}
    if not given["township_times"] <= given["county_times"] <= given["special_times"]:
        raise PolicyError(node.path("county_times"), "应为乡镇限额不高于县级限额，县级限额不高于特殊情况的上限")
    if given["emergency_first_times"] > given["county_times"]:
        raise PolicyError(node.path("emergency_first_times"), "先行救助的限额不能高于县级限额")
    return AssistanceTerms(
        effective_from=month,
        standard=standards[node.text("standard")],
        same_cause_months=node.number("same_cause_months", 0, _MONTHS_MAX),
        papers_days=node.number("papers_days", 1, _DAYS_MAX),
        **given,
    )


def _table(node: Node, words: dict[str, str]) -> TableTerms:
    node.only("effective_from", "amounts")
    amounts: dict[str, int] = {}
    for row in node.rows("amounts"):
        row.only("code", "name", "yuan")
        code, fen = row.text("code", _CODE, _CODE_WORDS), row.fen("yuan")
        if code in amounts:
            raise PolicyError(row.path("code"), f"{code} 重复")
        if not fen:
            raise PolicyError(row.path("yuan"), "应大于 0")
        amounts[code] = fen
        words[code] = row.text("name")
    return TableTerms(node.month("effective_from"), amounts)


def _words(node: Node, name: str) -> dict[str, str]:
    words: dict[str, str] = {}
    for row in node.rows(name):
        row.only("code", "name")
        code = row.text("code", _CODE, _CODE_WORDS)
        if code in words:
            raise PolicyError(row.path("code"), f"{code} 重复")
        words[code] = row.text("name")
    return words


def _goods(node: Node) -> GoodsRules:
    node.only("ceiling_yuan", "occasions", "items")
    return GoodsRules(_words(node, "occasions"), _words(node, "items"), node.fen("ceiling_yuan"))


def _submission(node: Node, policy: Policy) -> Submission:
    node.only("programme", "submitted_by", "versions")
    clients = node.words("submitted_by")
    if not clients:
        raise PolicyError(node.path("submitted_by"), "至少写一个用户")
    terms = []
    for row in node.rows("versions"):
        row.only("effective_from", "ceiling_yuan", "reach_back_months")
        back = row.number("reach_back_months", 0, _MONTHS_MAX)
        terms.append(SubmissionTerms(row.month("effective_from"), row.fen("ceiling_yuan"), back))
    rising(node, "versions", [one.effective_from for one in terms])
    return Submission(_key(node, policy), frozenset(clients), tuple(terms))
