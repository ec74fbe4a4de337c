"""Care workers 关爱服务队伍 and their posts 岗位: which kinds there are, which are required, and which are filled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from tuoqi.registry.domain.categories import PolicyError
from tuoqi.registry.domain.region import COUNTY, TOWNSHIP, VILLAGE, Geography

LEVELS: Final = (VILLAGE, TOWNSHIP, COUNTY)
POST: Final = "post"
BODY: Final = "body"


@dataclass(frozen=True, slots=True)
class PostKind:
    """One kind of post."""

    key: str
    name: str
    levels: tuple[str, ...] = LEVELS
    """Where it may be held."""
    is_single: bool = False
    """At most one holder in a region at a time."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What every region of a level must have, from a day to a day: so many posts of a kind, or protection bodies."""

    what: str
    """`post` or `body`."""
    kind: str
    per: str
    """village, township or county."""
    count: int
    effective_from: date
    effective_to: date | None = None
    document: str = ""

    def holds_on(self, day: date) -> bool:
        """Whether it is required on the day."""
        return self.effective_from <= day and (self.effective_to is None or day <= self.effective_to)


@dataclass(frozen=True, slots=True)
class PostPolicy:
    """The county's kinds of posts, why posts end, and what is required where."""

    kinds: Mapping[str, PostKind] = field(default_factory=dict)
    end_reasons: Mapping[str, str] = field(default_factory=dict)
    """Code → Chinese word."""
    demands: tuple[Demand, ...] = ()

    def required_on(self, day: date, kinds: Iterable[str] = ()) -> list[Demand]:
        """What is required on the day; only of these kinds where any are named."""
        wanted = frozenset(kinds)
        return [one for one in self.demands if one.holds_on(day) and (not wanted or one.kind in wanted)]


@dataclass(frozen=True, slots=True)
class Post:
    """One post of one worker. Worker, kind, region and first day make it."""

    post_id: str
    kind: str
    region: str
    began_on: date
    ended_on: date | None = None
    """The last day; one before the first says that the post was recorded by mistake. None while it goes on."""
    end_reason: str = ""
    known_at: datetime | None = field(default=None, compare=False)

    @property
    def key(self) -> tuple[str, str, date]:
        """What makes it one post of its worker."""
        return (self.kind, self.region, self.began_on)

    @property
    def is_void(self) -> bool:
        """It never was."""
        return self.ended_on is not None and self.ended_on < self.began_on

    def covers(self, day: date) -> bool:
        """Whether it is held on that day, first and last day included."""
        return self.began_on <= day and (self.ended_on is None or day <= self.ended_on)

    def meets(self, other: Post) -> bool:
        """Whether two posts of one kind and region are held on a day in common."""
        last, other_last = self.ended_on or date.max, other.ended_on or date.max
        return not self.is_void and not other.is_void and self.began_on <= other_last and other.began_on <= last


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody who looks after people, on the people's register or not."""

    worker_id: str
    sex: str
    """`M` or `F`."""
    private: Mapping[str, str] = field(default_factory=dict, repr=False)
    """name, id_number, phone, note: sealed."""
    posts: tuple[Post, ...] = ()
    """By first day, void ones included."""
    known_at: datetime | None = field(default=None, compare=False)
    version: int = 0
    """Events about the worker so far."""

    @property
    def number(self) -> str:
        """The identity number."""
        return self.private.get("id_number", "")


@dataclass(frozen=True, slots=True)
class Supply:
    """A post held or a body that stands somewhere, from a day to a day."""

    what: str
    kind: str
    region: str
    began_on: date | None
    ended_on: date | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far one region has on a day what it must have."""

    demand: Demand
    region: str
    filled: int
    """Of the required ones; what is there beyond them does not count."""
    there: int
    """All that are there."""
    vacant_since: date | None
    """The first day without, None where nothing is vacant."""

    @property
    def vacant(self) -> int:
        """How many are missing."""
        return self.demand.count - self.filled


def coverage(
    demands: Sequence[Demand], supplies: Iterable[Supply], geography: Geography, day: date, area: str = ""
) -> list[Coverage]:
    """For each demand and each region that has it on the day, in the order of demand and code.

    Whoever holds the post of a village that was merged since holds it in the village that it is now.
    """
    levels: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for demand in demands:
        levels[demand.what, demand.kind].add(demand.per)
    by_unit: defaultdict[tuple[str, str, str], list[Supply]] = defaultdict(list)
    for supply in supplies:
        for level in levels.get((supply.what, supply.kind), ()):
            unit = geography.unit(geography.place(supply.region, day), level, day)
            by_unit[supply.what, supply.kind, unit].append(supply)
    found: list[Coverage] = []
    for demand in demands:
        for region in geography.of_level(demand.per, day):
            if geography.lies_in(region, area, day):
                here = by_unit[demand.what, demand.kind, region]
                found.append(_cover(demand, region, here, geography, day))
    return found


def _cover(demand: Demand, region: str, supplies: Sequence[Supply], geography: Geography, day: date) -> Coverage:
    there = sum(_stands(one, day) for one in supplies)
    filled = min(there, demand.count)
    since: date | None = None
    if filled < demand.count:
        ends = [one.ended_on for one in supplies if one.ended_on is not None and one.ended_on < day]
        founded = geography.regions[region].valid_from
        since = max(
            [demand.effective_from, *([founded] if founded else []), *(end + timedelta(days=1) for end in ends)]
        )
    return Coverage(demand, region, filled, there, since)


def _stands(supply: Supply, day: date) -> bool:
    return (supply.began_on is None or supply.began_on <= day) and (supply.ended_on is None or day <= supply.ended_on)


def read_posts(documents: Iterable[Mapping[str, Any]], bodies: Iterable[str]) -> PostPolicy:
    """The policy from the content of files with `post_kinds`; `bodies` are the kinds of facilities. Raises PolicyError."""
    kinds: dict[str, PostKind] = {}
    reasons: dict[str, str] = {}
    demands: list[Demand] = []
    for document in documents:
        for entry in document.get("post_kinds", ()):
            kind = _kind(entry)
            if kind.key in kinds:
                raise PolicyError(f"post {kind.key} is listed twice")
            kinds[kind.key] = kind
        reasons |= {str(key): str(word) for key, word in document.get("post_end_reasons", {}).items()}
        for what, name in ((POST, "required_posts"), (BODY, "required_bodies")):
            for table in document.get(name, ()):
                demands += [_demand(what, table, entry) for entry in table.get("required", ())]
    known = {POST: set(kinds), BODY: set(bodies)}
    for demand in demands:
        if demand.kind not in known[demand.what]:
            raise PolicyError(f"required {demand.what} {demand.kind}: there is no such kind")
        if demand.what == POST and demand.per not in kinds[demand.kind].levels:
            raise PolicyError(f"required post {demand.kind}: it is not held per {demand.per}")
    return PostPolicy(kinds, reasons, tuple(demands))


def _kind(entry: Mapping[str, Any]) -> PostKind:
    key, name, levels = entry.get("key"), entry.get("name"), tuple(entry.get("levels", LEVELS))
    if not isinstance(key, str) or not isinstance(name, str) or set(levels) - set(LEVELS):
        raise PolicyError(f"a post needs `key`, `name` and levels of {LEVELS}: {dict(entry)!r}")
    if unknown := entry.keys() - {"key", "name", "levels", "single"}:
        raise PolicyError(f"post {key}: unknown {sorted(unknown)}")
    return PostKind(key, name, levels, is_single=bool(entry.get("single", False)))


def _demand(what: str, table: Mapping[str, Any], entry: Mapping[str, Any]) -> Demand:
    begins, ends = table.get("effective_from"), table.get("effective_to")
    kind, per, count = entry.get("kind"), entry.get("per"), entry.get("count", 1)
    if not isinstance(begins, date) or not (ends is None or isinstance(ends, date)):
        raise PolicyError("what is required needs `effective_from`, a day")
    if not isinstance(kind, str) or per not in LEVELS or not isinstance(count, int) or count < 1:
        raise PolicyError(f"a requirement needs `kind`, `per` and a count of at least 1: {dict(entry)!r}")
    return Demand(what, kind, str(per), count, begins, ends, str(table.get("document", "")))
