"""Pairings 结对: kinds as data, who may be paired with whom, and what becomes of one pairing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from tuoqi.visits.domain.days import age_on, birthday
from tuoqi.visits.domain.facts import DEATH, MERGED, MOVE, PersonFacts

VILLAGE, TOWNSHIP, COUNTY = "village", "township", "county"
STEPS: Final = (VILLAGE, TOWNSHIP, COUNTY)
"""How far apart: in one village, in one township, elsewhere."""
WORKER, PERSON = "worker", "person"
FEMALE: Final = "F"
CHANNELS: Final[Mapping[str, str]] = {
    "home": "上门", "phone": "电话", "video": "视频", "message": "短信微信", "letter": "书信", "outing": "外出活动",
}  # fmt: skip


class EndedAs(StrEnum):
    """Why a pairing holds no longer."""

    HELPER_LEFT = "HELPER_LEFT"
    HELPER_DIED = "HELPER_DIED"
    GROWN_UP = "GROWN_UP"
    DIED = "DIED"
    MOVED = "MOVED"
    MERGED = "MERGED"
    CATEGORY_ENDED = "CATEGORY_ENDED"
    BY_HAND = "BY_HAND"
    REPLACED = "REPLACED"


_AWAY: Final[Mapping[str, EndedAs]] = {DEATH: EndedAs.DIED, MOVE: EndedAs.MOVED, MERGED: EndedAs.MERGED}


@dataclass(frozen=True, slots=True)
class PairingKind:
    """One kind of pairing: whose posts help, which children, how many at most, how near."""

    key: str
    name: str
    posts: tuple[str, ...] = ()
    relatives: bool = False
    """Helpers are relatives registered for one child each; no post is asked for."""
    categories: tuple[str, ...] = ()
    """The first that a child has is its rank, where not all can be paired; none = every child."""
    age_from: int = 0
    age_to: int = 17
    women_for_girls_from: int | None = None
    """Girls of this age and older are paired with women only; None = no such rule."""
    max_load: int = 8
    target: int = 0
    """Nobody gets more while a helper anywhere has less; 0 = the mean, rounded up."""
    balance: str = TOWNSHIP
    """Within this, loads are made even before nearness counts."""
    reach: str = COUNTY
    """How far apart the two may be."""
    effective_from: date = date.min

    def rank(self, facts: PersonFacts, day: date) -> int | None:
        """The place of the child's first category; None where it is no child for this kind on the day."""
        if self.why_not(facts, day) is not None:
            return None
        return next((place for place, one in enumerate(self.categories) if facts.in_force(one, day)), 0)

    def why_not(self, facts: PersonFacts, day: date) -> EndedAs | None:
        """Why the child may not be paired on the day; None where it may. A stay in a facility is no reason."""
        if facts.merged:
            return EndedAs.MERGED
        away = replace(facts, stays=()).not_visited(day)
        if away:
            return _AWAY[away]
        if not self.age_from <= age_on(facts.birth_date, day) <= self.age_to:
            return EndedAs.GROWN_UP
        if self.categories and not any(facts.in_force(one, day) for one in self.categories):
            return EndedAs.CATEGORY_ENDED
        return None

    def last_birthday(self, birth_date: date) -> date:
        """The day on which the child is too old."""
        return birthday(birth_date, self.age_to + 1)


@dataclass(frozen=True, slots=True)
class PairingRules:
    """A county's kinds, each in order of its versions."""

    kinds: Mapping[str, tuple[PairingKind, ...]] = field(default_factory=dict)

    def kind(self, key: str, day: date) -> PairingKind | None:
        """The version of a kind in force on the day."""
        return next((one for one in reversed(self.kinds.get(key, ())) if one.effective_from <= day), None)


@dataclass(frozen=True, slots=True)
class Child:
    """A child who may be paired."""

    person_id: str
    region: str
    sex: str
    age: int
    rank: int = 0
    refuses: frozenset[str] = frozenset()
    """Helpers that are out of the question."""
    sex_wish: str = ""
    """The sex that the helper must have, as the guardian wishes; binding."""
    wants: str = ""


@dataclass(frozen=True, slots=True)
class Helper:
    """Somebody who may help 结对人, with the children he has of this kind already."""

    helper_id: str
    region: str
    sex: str
    helper_as: str = WORKER
    load: int = 0
    at_most: int | None = None
    """His own limit; binding."""
    sex_wish: str = ""
    age_from: int = 0
    age_to: int = 99
    village: str = ""
    """Where the children should live; empty = where he stands."""
    only: frozenset[str] | None = None
    """A relative: of these children; None = anybody's helper."""

    @property
    def place(self) -> str:
        """From where nearness is counted."""
        return self.village or self.region

    def limit(self, kind: PairingKind) -> int:
        """How many children he may have."""
        return kind.max_load if self.at_most is None else min(self.at_most, kind.max_load)


def sex_allowed(kind: PairingKind, child: Child, sex: str) -> bool:
    """Whether a helper of this sex, empty where nobody said, may have the child."""
    # A child whose sex nobody said is taken for a girl: the rule protects.
    girl = child.sex != "M" and kind.women_for_girls_from is not None and child.age >= kind.women_for_girls_from
    if girl and sex != FEMALE:
        return False
    return not child.sex_wish or sex == child.sex_wish


def step_between(place: str, region: str) -> str:
    """How far a child's village is from a helper's place. Who stands for a township is in the township of its villages."""
    if place == region and not place.endswith("000"):
        return VILLAGE
    if not place.endswith("000000") and not region.endswith("000000") and place[:9] == region[:9]:
        return TOWNSHIP
    return COUNTY


def broken_wishes(child: Child, helper: Helper) -> tuple[str, ...]:
    """Codes of the wishes, not binding ones, that pairing the two would not honour."""
    broken = []
    if helper.sex_wish and helper.sex_wish != child.sex:
        broken.append("helper_sex")
    if not helper.age_from <= child.age <= helper.age_to:
        broken.append("helper_age")
    if helper.village and not child.region.startswith(helper.village.rstrip("0") or "0"):
        broken.append("helper_village")
    if child.wants and child.wants != helper.helper_id:
        broken.append("child_wants")
    return tuple(broken)


@dataclass(frozen=True, slots=True)
class Pairing:
    """A helper and a child, from a day to a day. `sealed` has the words of whoever ended it."""

    pairing_id: str
    kind: str
    person_id: str
    helper_id: str
    helper_as: str
    region: str
    began_on: date
    set_id: str
    begun_by: str
    begun_at: datetime
    version: int = 0
    ended_on: date | None = None
    end_reason: str = ""
    ended_by: str = ""
    ended_at: datetime | None = None
    sealed: bytes | None = None
