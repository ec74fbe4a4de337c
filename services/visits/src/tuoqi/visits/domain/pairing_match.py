"""Proposes pairings for a whole county at once: who gets whom, and who is left over and why.

In this order: hard rules are never broken; as many children as possible, those of the first category first; nobody over
the target while another is below it; then nearness, wishes and even loads, in the order that `balance` sets. Children who
are alike to every helper, and helpers alike to every child, are one node of a network, so the work depends on villages
and wishes and hardly on the number of people. The same input gives the same answer, in whatever order it comes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from tuoqi.visits.domain.flow import ENDLESS, Network
from tuoqi.visits.domain.pairings import (
    COUNTY,
    STEPS,
    TOWNSHIP,
    VILLAGE,
    Child,
    Helper,
    PairingKind,
    broken_wishes,
    sex_allowed,
    step_between,
)

WISHES_MAX: Final = 4
"""Wishes that one pairing can break."""
_VILLAGE_DIGITS: Final = 12


class Proposal(NamedTuple):
    """A helper for a child; without one, the reason."""

    child: Child
    helper: Helper | None
    step: str = ""
    broken: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Prices:
    """What each fault costs, so that one of a higher goal outweighs all of the lower ones together."""

    wish: int
    township: int
    county: int
    uneven: int
    over: int
    rank: int

    @classmethod
    def of(cls, kind: PairingKind, children: int) -> Prices:
        """The ladder for so many children; the last goal is the cheapest."""
        loads = max(kind.max_load, 1)
        most = {
            "wish": WISHES_MAX * children,
            "township": children,
            "county": children,
            "uneven": children * loads,
            "over": children,
            "rank": 1,
        }
        lower = {
            VILLAGE: ("uneven", "wish", "township", "county"),
            TOWNSHIP: ("wish", "township", "uneven", "county"),
            COUNTY: ("wish", "township", "county", "uneven"),
        }[kind.balance]
        prices: dict[str, int] = {}
        unit = 1
        for goal in (*lower, "over", "rank"):
            prices[goal] = unit
            unit += unit * most[goal]
        return cls(**prices)

    def of_step(self, step: str) -> int:
        """What a distance costs."""
        return {VILLAGE: 0, TOWNSHIP: self.township, COUNTY: self.township + self.county}[step]


Likes = tuple[str, int, int, str]
"""What matters of a helper besides his place: sex, ages wished, sex wished."""


def likes_of(helper: Helper) -> Likes:
    """What matters of him."""
    return (helper.sex, helper.age_from, helper.age_to, helper.sex_wish)


class Matching:
    """One run. `children` have no pairing of the kind; `helpers` carry the load of the pairings that are kept."""

    def __init__(self, kind: PairingKind, children: Iterable[Child], helpers: Iterable[Helper]) -> None:
        self._helpers = {one.helper_id: one for one in sorted(helpers, key=lambda one: one.helper_id)}
        known = self._helpers.keys()
        self._children = [
            replace(one, refuses=frozenset(one.refuses & known), wants=one.wants if one.wants in known else "")
            for one in sorted(children, key=lambda one: one.person_id)
        ]
        target = kind.target or self._mean()
        self._kind = replace(kind, target=min(target, kind.max_load) if target else kind.max_load)
        self._prices = Prices.of(self._kind, len(self._children))

    def propose(self) -> list[Proposal]:
        """A proposal for every child, by id."""
        self._lay(ranked=False)
        if self._network.flow < len(self._children) and len({one.rank for one in self._children}) > 1:
            # Not all can be paired: who comes first matters, and only then is it worth its price.
            self._lay(ranked=True)
        return sorted(self._read(), key=lambda one: one.child.person_id)

    def _lay(self, *, ranked: bool) -> None:
        """Build the network and fill it."""
        self._network = Network()
        self._source, self._sink = self._network.node(), self._network.node()
        self._up: dict[tuple[Likes, str], int] = {}
        self._down: dict[tuple[Likes, str], int] = {}
        self._below: defaultdict[tuple[Likes, str], list[str]] = defaultdict(list)
        self._here: defaultdict[tuple[Likes, str], list[int]] = defaultdict(list)
        self._leaves: dict[tuple[Likes, str, str], int] = {}
        self._members: defaultdict[int, list[Helper]] = defaultdict(list)
        self._groups: list[tuple[int, list[Child]]] = []
        self._plant()
        self._enter(ranked=ranked)
        self._network.fill(self._source, self._sink)

    def _mean(self) -> int:
        """The mean load once all are paired, rounded up."""
        loads = len(self._children) + sum(one.load for one in self._helpers.values())
        return -(-loads // len(self._helpers)) if self._helpers else 0

    def _plant(self) -> None:
        """Helpers: a leaf for those who are alike, a tree of regions for those who like the same."""
        singled = set().union(*(one.refuses | {one.wants} for one in self._children)) if self._children else set()
        for helper in self._helpers.values():
            alone = helper.helper_id if helper.helper_id in singled or helper.only is not None else ""
            likes, place = likes_of(helper), _node_of(helper.place)
            key = (likes, helper.place, alone)
            if key not in self._leaves:
                leaf = self._leaves[key] = self._network.node()
                if helper.only is None:
                    self._tree(likes, place)
                    self._here[likes, place].append(leaf)
                    self._network.arc(self._down[likes, place], leaf, ENDLESS)
            self._members[self._leaves[key]].append(helper)
        kind, prices = self._kind, self._prices
        for leaf, members in self._members.items():
            for nth in range(1, kind.max_load + 1):
                room = sum(one.load < nth <= one.limit(kind) for one in members)
                if room:
                    cost = prices.uneven * nth + (prices.over if nth > kind.target else 0)
                    self._network.arc(leaf, self._sink, room, cost)

    def _tree(self, likes: Likes, place: str) -> int:
        """Where children of a region enter the tree for helpers of these likes: up costs, down is free."""
        node = self._up.get((likes, place))
        if node is not None:
            return node
        node = self._up[likes, place] = self._network.node()
        down = self._down[likes, place] = self._network.node()
        self._network.arc(node, down, ENDLESS)
        if place:
            step, above = (TOWNSHIP, place[:9]) if len(place) == _VILLAGE_DIGITS else (COUNTY, "")
            higher = self._tree(likes, above)
            self._below[likes, above].append(place)
            if STEPS.index(step) <= STEPS.index(self._kind.reach):
                self._network.arc(node, higher, ENDLESS, getattr(self._prices, step))
                self._network.arc(self._down[likes, above], down, ENDLESS)
        return node

    def _enter(self, *, ranked: bool) -> None:
        """Children: those who are alike enter together."""
        likes = sorted({key[0] for key in self._leaves})
        costs: dict[tuple[str, int, str], tuple[int | None, ...]] = {}
        relatives: defaultdict[str, list[int]] = defaultdict(list)
        for leaf, members in self._members.items():
            for person_id in members[0].only or ():
                relatives[person_id].append(leaf)
        groups: defaultdict[tuple[object, ...], list[Child]] = defaultdict(list)
        for child in self._children:
            alike = (child.sex, child.age, child.sex_wish)
            if alike not in costs:
                costs[alike] = tuple(self._cost(child, one) for one in likes)
            mine = tuple(relatives.get(child.person_id, ()))
            rank = child.rank if ranked else 0
            groups[child.region, rank, costs[alike], tuple(sorted(child.refuses)), child.wants, mine].append(child)
        for group in groups.values():
            first = group[0]
            node = self._network.node()
            self._network.arc(self._source, node, len(group), (first.rank if ranked else 0) * self._prices.rank)
            self._groups.append((node, group))
            missed = self._prices.wish if first.wants else 0
            for one, cost in zip(likes, costs[first.sex, first.age, first.sex_wish], strict=True):
                if cost is not None and (one, "") in self._up:
                    self._open(node, first, one, cost + missed)
            for leaf in (*relatives.get(first.person_id, ()), *self._wanted(first)):
                cost = self._cost(first, likes_of(self._members[leaf][0]))
                self._link(node, first, leaf, cost)

    def _wanted(self, child: Child) -> list[int]:
        """The leaf of the helper whom the child's guardian wishes for."""
        helper = self._helpers.get(child.wants)
        if helper is None or helper.only is not None:
            return []
        return [self._leaves[likes_of(helper), helper.place, helper.helper_id]]

    def _open(self, node: int, child: Child, likes: Likes, cost: int) -> None:
        """Let a group into a tree: at its own village, or by side doors past the helpers it refuses."""
        refused = [self._helpers[one] for one in child.refuses]
        refused = [one for one in refused if likes_of(one) == likes and one.only is None]
        if not refused:
            self._network.arc(node, self._tree(likes, _node_of(child.region)), ENDLESS, cost)
            return
        # Regions are entered whole but for those on the way to a refused helper or around the child itself.
        split = {one for place in (child.region, *(h.place for h in refused)) for one in _way(_node_of(place))}
        barred = {self._leaves[likes, one.place, one.helper_id] for one in refused}
        for place in sorted(split):
            for leaf in self._here[likes, place]:
                if leaf not in barred:
                    self._link(node, child, leaf, cost)
            for lower in self._below[likes, place]:
                if lower not in split:
                    step = step_between(lower, child.region) if len(lower) == _VILLAGE_DIGITS else COUNTY
                    if STEPS.index(step) <= STEPS.index(self._kind.reach):
                        self._network.arc(node, self._down[likes, lower], ENDLESS, cost + self._prices.of_step(step))

    def _link(self, node: int, child: Child, leaf: int, cost: int | None) -> None:
        """Let a group straight to a leaf, where no hard rule speaks against it."""
        helper = self._members[leaf][0]
        step = step_between(helper.place, child.region)
        near = helper.only is not None or STEPS.index(step) <= STEPS.index(self._kind.reach)
        if cost is not None and near and helper.helper_id not in child.refuses:
            self._network.arc(node, leaf, ENDLESS, cost + self._prices.of_step(step))

    def _cost(self, child: Child, likes: Likes) -> int | None:
        """What the wishes of such helpers cost with such a child; None where they may not have it."""
        sex, age_from, age_to, sex_wish = likes
        if not sex_allowed(self._kind, child, sex):
            return None
        broken = (bool(sex_wish) and sex_wish != child.sex) + (not age_from <= child.age <= age_to)
        return self._prices.wish * broken

    def _read(self) -> Iterable[Proposal]:
        """Follow the flow from each group to leaves; in a leaf whoever has fewest takes the next child."""
        rooms = {leaf: [(one.load, one.helper_id) for one in members] for leaf, members in self._members.items()}
        for room in rooms.values():
            heapify(room)
        reasons: dict[tuple[object, ...], str] = {}
        for node, group in self._groups:
            waiting = iter(group)
            for leaf, units in self._paths(node):
                for _ in range(units):
                    child = next(waiting)
                    helper = self._take(rooms[leaf])
                    # Measured from where he wishes his children to be only in the goals; told as it is.
                    yield Proposal(
                        child, helper, step_between(helper.region, child.region), broken_wishes(child, helper)
                    )
            for child in waiting:
                own = child.person_id if self._kind.relatives else ""
                key = (child.region, child.sex, child.age, child.sex_wish, child.refuses, own)
                if key not in reasons:
                    reasons[key] = self._why(child)
                yield Proposal(child, None, reason=reasons[key])

    def _take(self, room: list[tuple[int, str]]) -> Helper:
        while True:
            load, helper_id = heappop(room)
            helper = self._helpers[helper_id]
            if load < helper.limit(self._kind):
                heappush(room, (load + 1, helper_id))
                return helper

    def _paths(self, start: int) -> Iterable[tuple[int, int]]:
        """Leaves that the units of a group end in."""
        network = self._network
        while True:
            path: list[int] = []
            node = start
            while node not in self._members:
                arc = next((one for one in network.arcs[node] if not one & 1 and network.used(one)), None)
                if arc is None:
                    break
                path.append(arc)
                node = network.heads[arc]
            if not path:
                return
            units = min(network.used(arc) for arc in path)
            for arc in path:
                network.take(arc, units)
            yield node, units

    def _why(self, child: Child) -> str:
        """Why a child is left over: the first rule that leaves nobody."""
        helpers = [one for one in self._helpers.values() if one.only is None or child.person_id in one.only]
        if not helpers:
            return "no_relative" if self._kind.relatives else "no_helper"
        helpers = [one for one in helpers if sex_allowed(self._kind, child, one.sex)]
        if not helpers:
            return "no_helper_of_sex"
        helpers = [one for one in helpers if one.helper_id not in child.refuses]
        if not helpers:
            return "all_refused"
        reach = STEPS.index(self._kind.reach)
        if not any(
            one.only is not None or STEPS.index(step_between(one.place, child.region)) <= reach for one in helpers
        ):
            return "none_in_reach"
        return "all_full"


def _node_of(region: str) -> str:
    """A region's place in the tree: 12 digits of a village, 9 of a township, none of anything above."""
    if region.endswith("000000") or len(region) != _VILLAGE_DIGITS:
        return ""
    return region[:9] if region.endswith("000") else region


def _way(place: str) -> Sequence[str]:
    """A place of the tree and all above it."""
    return (place, place[:9], "") if len(place) == _VILLAGE_DIGITS else (place, "") if place else ("",)


REASONS: Final[Mapping[str, str]] = {
    "no_helper": "没有结对人", "no_relative": "没有登记亲属", "no_helper_of_sex": "没有符合性别要求的结对人",
    "all_refused": "可结对的人均被拒绝或须回避", "none_in_reach": "规定范围内没有结对人", "all_full": "结对人均已满额",
}  # fmt: skip
