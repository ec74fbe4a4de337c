"""Care contracts 分散特困照料协议: who must be a party, for whom, and when one ends by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from tuoqi.visits.domain.days import ONE_DAY
from tuoqi.visits.domain.facts import DEATH, FACILITY, MERGED, MOVE, PersonFacts, StatusInterval

LEVELS: Mapping[str, str] = {"full": "全自理", "half": "半自理", "none": "全护理"}
"""How far a person looks after himself."""
INSTITUTION, TEAM, RELATIVE = "institution", "team", "relative"
PARTIES: Mapping[str, str] = {INSTITUTION: "机构", TEAM: "照料团队", RELATIVE: "亲属"}
"""The three who may be parties 三个一."""


class EndedAs(StrEnum):
    """Why a contract holds no longer."""

    EXPIRED = "EXPIRED"
    DIED = "DIED"
    MOVED = "MOVED"
    FACILITY = "FACILITY"
    STATUS_ENDED = "STATUS_ENDED"
    MERGED = "MERGED"
    BY_HAND = "BY_HAND"


ENDS: Mapping[str, EndedAs] = {
    DEATH: EndedAs.DIED,
    MOVE: EndedAs.MOVED,
    FACILITY: EndedAs.FACILITY,
    MERGED: EndedAs.MERGED,
}
"""Why nobody is to be visited → why the contract ends."""


@dataclass(frozen=True, slots=True)
class ContractKind:
    """One kind of contract: for whom, with which parties, for how long at most."""

    key: str
    name: str
    category: str
    subtypes: tuple[str, ...]
    parties: tuple[str, ...]
    days_max: int
    effective_from: date = date.min

    def status(self, facts: PersonFacts, day: date) -> StatusInterval | None:
        """The status for which the person needs one on `day`, None where he needs none."""
        if facts.not_visited(day):
            return None
        held = facts.in_force(self.category, day)
        return held if held is not None and (not self.subtypes or held.subtype in self.subtypes) else None

    def why_not(self, facts: PersonFacts, day: date) -> EndedAs | None:
        """Why the person has no use for it on `day`; None where he has."""
        away = facts.not_visited(day)
        if away:
            return ENDS[away]
        return None if self.status(facts, day) is not None else EndedAs.STATUS_ENDED


@dataclass(frozen=True, slots=True)
class ContractRules:
    """A county's kinds of contracts, each in order of its versions, and how soon an end is told of."""

    kinds: Mapping[str, tuple[ContractKind, ...]] = field(default_factory=dict)
    warn_days: int = 30

    def kind(self, key: str, day: date) -> ContractKind | None:
        """The version of a kind in force on `day`; an empty key means the only kind."""
        versions = self.kinds.get(key or (next(iter(self.kinds)) if len(self.kinds) == 1 else ""), ())
        return next((one for one in reversed(versions) if one.effective_from <= day), None)

    def kind_of(self, contract: "CareContract") -> ContractKind | None:
        """The version by which a contract was signed; None where the county has dropped the kind."""
        return self.kind(contract.kind, contract.rules_from)


@dataclass(frozen=True, slots=True)
class CareContract:
    """One contract. It holds from `begins_on` to `ends_on`, unless it ended before: then up to the day before `ended_on`.

    `sealed` has the relative's name, the duties, and why it was ended by hand.
    """

    contract_id: str
    person_id: str
    kind: str
    care_level: str
    signed_on: date
    begins_on: date
    ends_on: date
    rules_from: date
    signed_by: str
    signed_at: datetime
    facility: str = ""
    team: tuple[str, ...] = ()
    relative_id: str = ""
    version: int = 0
    ended_on: date | None = None
    ended_as: EndedAs | None = None
    ended_by: str = ""
    ended_at: datetime | None = None
    sealed: bytes | None = None

    def overlaps(self, first: date, last: date) -> bool:
        """Whether it holds on a day of these."""
        return self.begins_on <= last and first <= self.last_day

    @property
    def last_day(self) -> date:
        """The last day on which it holds."""
        return self.ends_on if self.ended_on is None else self.ended_on - ONE_DAY

    def end(self, as_: EndedAs, on: date, at: datetime, by: str, sealed: bytes | None) -> "CareContract":
        """It holds no longer from `on`."""
        return replace(self, ended_as=as_, ended_on=on, ended_at=at, ended_by=by, sealed=sealed)


def lacking(kind: ContractKind, *, facility: str, team: tuple[str, ...], relative: bool) -> str:
    """Which party the kind asks for and the contract lacks, a key of `PARTIES`; empty where none does."""
    given = {INSTITUTION: bool(facility), TEAM: bool(team), RELATIVE: relative}
    return next((party for party in kind.parties if not given[party]), "")


def ends_by_itself(
    contract: CareContract, kind: ContractKind | None, facts: PersonFacts | None, looked: date, today: date
) -> tuple[EndedAs, date, date] | None:
    """Why, from when, and on which day it was to be found that it holds no longer; None while it holds.

    Days are looked at from the one after `looked`, so that a week in which nobody looked is made up for. What had begun
    by the first such day is followed back to its own first day. Of a kind that the county dropped only the term counts.
    """
    day = max(contract.begins_on, looked + ONE_DAY)
    while day <= today:
        if day > contract.ends_on:
            return EndedAs.EXPIRED, contract.ends_on + ONE_DAY, day
        why = kind.why_not(facts, day) if kind is not None and facts is not None else None
        if why is not None and kind is not None and facts is not None:
            began = day
            while began > contract.begins_on and kind.why_not(facts, began - ONE_DAY) == why:
                began -= ONE_DAY
            return why, began, day
        day += ONE_DAY
    return None
