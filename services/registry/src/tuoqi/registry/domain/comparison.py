"""Comparison lists 比对名单: what another office says of a person, and what follows from it by the county's rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from string import Formatter
from typing import Any, Final

from tuoqi.registry.domain.categories import Category, PolicyError
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.status import Interval

DEATH: Final = "death"
MOVE: Final = "move"
RETURN: Final = "return"
BUILT_IN: Final = {DEATH: "死亡", MOVE: "迁出", RETURN: "迁回"}
"""What deaths.csv and moves.csv say."""
_FAMILY: Final = {RETURN: MOVE}
_PLACES: Final[Mapping[str, frozenset[str]]] = {
    "categories": frozenset({"category"}),
    "stays": frozenset({"facility"}),
    "wards": frozenset(),
    "household_head": frozenset({"count"}),
    "household_categories": frozenset({"category", "count"}),
}
"""What a rule may look at, and which places its text may then have."""
_RULE_KEYS: Final = frozenset({"key", "when", "look", "categories", "automatic", "ends", "reason", "text"})

NEW: Final = "NEW"
KNOWN: Final = "KNOWN"
WITHDRAWN: Final = "WITHDRAWN"
OPEN: Final = "OPEN"
ACCEPTED: Final = "ACCEPTED"
REFUTED: Final = "REFUTED"
REPLACED: Final = "REPLACED"
NONE: Final = "NONE"


@dataclass(frozen=True, slots=True)
class Rule:
    """One consequence that the county draws."""

    key: str
    on: frozenset[str]
    look: str
    text: str
    """One Chinese sentence with `{category}`, `{facility}` or `{count}`."""
    categories: frozenset[str] = frozenset()
    """Only these; empty = any."""
    automatic: bool = False
    """It happens by itself; nobody decides it."""
    ends: bool = False
    """Accepted, it drafts the end of the category."""
    reason: str = ""
    """The reason of that end."""


@dataclass(frozen=True, slots=True)
class ComparisonPolicy:
    """What a county says of comparison lists."""

    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Kinds of comparison.csv: code → Chinese words."""
    rules: tuple[Rule, ...] = ()

    def name(self, kind: str) -> str:
        """The Chinese word of a kind."""
        return BUILT_IN.get(kind) or next(iter(self.kinds.get(kind, ())), kind)

    def looks(self, kinds: Collection[str]) -> set[str]:
        """What must be looked at for these kinds."""
        return {rule.look for rule in self.rules if rule.on.intersection(kinds)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of a list, as it was loaded and decided."""

    finding_id: str
    list: str
    row_number: int
    person_id: str
    kind: str
    happened_on: date | None
    """None where the row withdraws what an earlier one said."""
    outcome: str
    state: str
    decided_by: str = ""
    decided_at: datetime | None = None
    change_ids: tuple[str, ...] = ()
    private: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sealed under the person's key: who says it, and why it was refuted."""

    @property
    def family(self) -> str:
        """Kinds of one family take each other's place."""
        return _FAMILY.get(self.kind, self.kind)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a rule may look at, as of one day."""

    in_force: tuple[Interval, ...] = ()
    """The person's own."""
    facilities: tuple[str, ...] = ()
    """Where the person lives by a stay."""
    wards: tuple[Person, ...] = ()
    """Living children whose guardian the person is."""
    others_in_household: int = 0
    """How many others there are; 0 unless the person is the head."""
    household: tuple[tuple[str, Interval], ...] = ()
    """What is in force of everybody in the household: (person id, interval)."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One consequence for one finding."""

    rule: Rule
    text: str
    category: str = ""
    related_person_id: str = ""
    interval: Interval | None = None
    """What would be ended."""


def effects_of(
    finding: Finding, around: Surroundings, policy: ComparisonPolicy, categories: Mapping[str, Category]
) -> list[Effect]:
    """What follows from a finding, in the order of the county's rules; nothing follows from one that says nothing new."""
    if finding.happened_on is None or finding.outcome == WITHDRAWN:
        return []
    found: list[Effect] = []
    for rule in policy.rules:
        if finding.kind in rule.on:
            found += _looked(rule, around, categories)
    return found


def wants_decision(effects: Sequence[Effect]) -> bool:
    """Whether a person has to decide anything."""
    return any(not effect.rule.automatic for effect in effects)


def end_of(interval: Interval, finding: Finding) -> date:
    """The last day of a category that a finding ends: an end before the decision would void it as if it never was."""
    days = [day for day in (finding.happened_on, interval.applied_on, interval.decided_on) if day]
    return max(days)


def _looked(rule: Rule, around: Surroundings, categories: Mapping[str, Category]) -> list[Effect]:
    def fits(interval: Interval) -> bool:
        return not rule.categories or interval.category in rule.categories

    if rule.look == "categories":
        return [
            Effect(rule, _say(rule, categories, one.category), one.category, interval=one if rule.ends else None)
            for one in around.in_force
            if fits(one)
        ]
    if rule.look == "household_categories":
        members = Counter(one.category for _, one in around.household if fits(one))
        return [Effect(rule, _say(rule, categories, category, count), category) for category, count in members.items()]
    if rule.look == "stays":
        return [Effect(rule, rule.text.format(facility=one)) for one in around.facilities]
    if rule.look == "wards":
        return [Effect(rule, rule.text, related_person_id=one.person_id) for one in around.wards]
    if not around.others_in_household:
        return []
    return [Effect(rule, rule.text.format(count=around.others_in_household))]


def _say(rule: Rule, categories: Mapping[str, Category], category: str, count: int = 1) -> str:
    known = categories.get(category)
    return rule.text.format(category=known.name if known else category, count=count)


def read_comparison_policy(
    documents: Sequence[Mapping[str, Any]], categories: Mapping[str, Category]
) -> ComparisonPolicy:
    """The county's kinds and rules from the content of its files. Raises PolicyError."""
    found = [document["comparison"] for document in documents if "comparison" in document]
    if not found:
        return ComparisonPolicy()
    (content,) = found
    kinds: dict[str, tuple[str, ...]] = {}
    for code, word in content.get("kinds", {}).items():
        if not isinstance(code, str) or not isinstance(word, str) or code in BUILT_IN:
            raise PolicyError(f"comparison kind {code!r}: a code of its own and a word are expected")
        kinds[code] = tuple(part.strip() for part in word.split("/") if part.strip())
    rules = tuple(_rule(entry, {*kinds, *BUILT_IN}, categories) for entry in content.get("rules", ()))
    if len({rule.key for rule in rules}) < len(rules):
        raise PolicyError("comparison: a rule is listed twice")
    return ComparisonPolicy(kinds, rules)


def _rule(entry: Mapping[str, Any], kinds: Collection[str], categories: Mapping[str, Category]) -> Rule:
    key = entry.get("key")
    if entry.keys() - _RULE_KEYS or not isinstance(key, str) or not isinstance(entry.get("text"), str):
        raise PolicyError(
            f"comparison rule {key!r}: needs `key`, `when`, `look`, `text`; {sorted(_RULE_KEYS)} are known"
        )
    on, only = frozenset(entry.get("when", ())), frozenset(entry.get("categories", ()))
    if not on or on - frozenset(kinds) or entry.get("look") not in _PLACES or only - categories.keys():
        raise PolicyError(f"comparison rule {key}: an unknown kind, look or category")
    rule = Rule(
        key=key,
        on=on,
        look=entry["look"],
        text=entry["text"],
        categories=only,
        automatic=bool(entry.get("automatic", False)),
        ends=bool(entry.get("ends", False)),
        reason=str(entry.get("reason", "")),
    )
    unknown = {name for _, name, _, _ in Formatter().parse(rule.text) if name is not None} - _PLACES[rule.look]
    if unknown:
        raise PolicyError(f"comparison rule {key}: its text has no place {sorted(unknown)} for {rule.look}")
    if rule.ends and (rule.look != "categories" or rule.automatic):
        raise PolicyError(f"comparison rule {key}: only a suggestion about `categories` can end one")
    return rule
