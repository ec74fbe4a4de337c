"""Sharing out 分工: who looks after whom, fairly by expected visits a month, and nobody moved without need.

Everything here is a function of what it is given, in a fixed order, so that whoever computes it again finds the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tuoqi.visits.domain.task_rules import HUNDRED, LEVELS, Duty, TaskRules

NEW = "new"
HANDED_OVER = "handed_over"
BALANCED = "balanced"
BY_HAND = "by_hand"
NO_WORKER = "no_worker"
CLOSED = "closed"
"""No plan runs any more; never told, `VisitPlanClosed` says it."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who holds a post on the day."""

    worker_id: str
    kind: str
    region: str


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody to be looked after. `grade` is empty where no plan runs any more.

    `worker_id` is who does it now, empty for nobody; `known` says whether that was ever decided; `seq` counts the
    decisions.
    """

    person_id: str
    region: str
    grade: str
    worker_id: str = ""
    by_hand: bool = False
    known: bool = False
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """A decision about one member: `worker_id` empty where nobody fits."""

    member: Member
    worker_id: str
    reason: str
    by_hand: bool = False


class Posts:
    """The holders of posts on one day, found by region and kind."""

    def __init__(self, holders: Iterable[Holder]) -> None:
        self._at: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.workers: set[str] = set()
        for one in holders:
            self._at[one.region, one.kind].add(one.worker_id)
            self.workers.add(one.worker_id)

    def pool(self, region: str, duty: Duty | None, reach: Sequence[str]) -> tuple[str, ...]:
        """Who may look after somebody in this village: the nearest level with a holder, there the first tier with one."""
        if duty is None:
            return ()
        for level in reach:
            place = region[: LEVELS[level]].ljust(len(region), "0")
            for tier in duty.tiers:
                found = set().union(*(self._at.get((place, kind), set()) for kind in tier))
                if found:
                    return tuple(sorted(found))
        return ()


def share(
    members: Iterable[Member], posts: Posts, rules: TaskRules, outside: Mapping[str, int] | None = None
) -> list[Move]:
    """What must change. `outside` are loads that workers have beyond these members, in hundredths of visits a month."""
    return _Sharing(posts, rules, outside or {}).decide(sorted(members, key=lambda one: one.person_id))


class _Sharing:
    """One sharing out at work: loads by worker, and whom each has."""

    def __init__(self, posts: Posts, rules: TaskRules, outside: Mapping[str, int]) -> None:
        self._posts = posts
        self._rules = rules
        self._loads: defaultdict[str, int] = defaultdict(int, outside)
        self._moves: dict[str, Move] = {}
        self._pools: dict[tuple[str, str], tuple[str, ...]] = {}

    def decide(self, members: Sequence[Member]) -> list[Move]:
        """Keep who may stay, place the others, then even out beyond the tolerance."""
        groups: defaultdict[tuple[str, tuple[str, ...]], list[Member]] = defaultdict(list)
        homeless: list[tuple[Member, tuple[str, ...]]] = []
        for member in members:
            if not member.grade:
                self._close(member)
                continue
            pool = self._pool(member)
            by_hand = member.by_hand and member.worker_id in self._posts.workers
            if by_hand or (member.worker_id and member.worker_id in pool):
                self._loads[member.worker_id] += self._rules.weight(member.grade)
                if not by_hand:
                    groups[member.region, pool].append(replace(member, by_hand=False))
            else:
                homeless.append((member, pool))
        for member, pool in sorted(homeless, key=lambda one: -self._rules.weight(one[0].grade)):
            self._place(member, pool)
            if pool:
                groups[member.region, pool].append(member)
        shared = [(pool, group) for (_, pool), group in sorted(groups.items()) if len(pool) > 1]
        # Somebody may work in several villages: evening out one may unbalance another. Every move lowers the sum of the
        # squares of the loads, so this ends.
        while sum(self._even_out(pool, group) for pool, group in shared):
            pass
        return list(self._moves.values())

    def _pool(self, member: Member) -> tuple[str, ...]:
        key = (member.region, member.grade)
        if key not in self._pools:
            duty = self._rules.duty(member.grade)
            self._pools[key] = self._posts.pool(member.region, duty, self._rules.reach)
        return self._pools[key]

    def _close(self, member: Member) -> None:
        if member.known:
            self._moves[member.person_id] = Move(member, "", CLOSED)

    def _place(self, member: Member, pool: Sequence[str]) -> None:
        """Somebody new, or whose worker no longer fits, goes to the least loaded."""
        if not pool:
            if not member.known or member.worker_id:
                self._moves[member.person_id] = Move(member, "", NO_WORKER)
            return
        worker = min(pool, key=lambda one: (self._loads[one], one))
        self._loads[worker] += self._rules.weight(member.grade)
        self._moves[member.person_id] = Move(member, worker, HANDED_OVER if member.worker_id else NEW)

    def _even_out(self, pool: Sequence[str], group: Sequence[Member]) -> bool:
        """Move people from the most to the least loaded until the gap is within the tolerance or no move narrows it.

        Says whether anybody was moved.
        """
        moved = False
        mine: defaultdict[str, dict[str, Member]] = defaultdict(dict)
        for member in group:
            mine[self._worker_of(member)][member.person_id] = member
        mean = sum(self._loads[one] for one in pool) // len(pool)
        tolerance = mean * self._rules.tolerance_percent // HUNDRED
        while True:
            least = min(pool, key=lambda one: (self._loads[one], one))
            busiest = sorted((one for one in pool if mine[one]), key=lambda one: (-self._loads[one], one))
            # Whoever is busiest may have only people that no move helps; the next one may still give somebody away.
            found = next((one for one in busiest if self._hand_on(one, least, mine, tolerance)), None)
            if found is None:
                return moved
            moved = True

    def _hand_on(self, source: str, target: str, mine: Mapping[str, dict[str, Member]], tolerance: int) -> bool:
        """Give the heaviest person away that narrows the gap; False where the gap may stand or nobody fits."""
        gap = self._loads[source] - self._loads[target]
        if gap <= tolerance:
            return False
        fitting = [one for one in mine[source].values() if self._rules.weight(one.grade) < gap]
        if not fitting:
            return False
        # The one whose weight comes nearest to half the gap narrows it most.
        member = min(fitting, key=lambda one: (abs(2 * self._rules.weight(one.grade) - gap), one.person_id))
        weight = self._rules.weight(member.grade)
        self._loads[source] -= weight
        self._loads[target] += weight
        mine[target][member.person_id] = mine[source].pop(member.person_id)
        self._record(member, target)
        return True

    def _record(self, member: Member, worker: str) -> None:
        before = self._moves.get(member.person_id)
        if before is None and member.worker_id == worker:
            return
        if member.worker_id == worker:
            del self._moves[member.person_id]
        else:
            reason = before.reason if before and before.reason != BALANCED else BALANCED
            self._moves[member.person_id] = Move(member, worker, reason)

    def _worker_of(self, member: Member) -> str:
        move = self._moves.get(member.person_id)
        return move.worker_id if move else member.worker_id


def evenness(loads: Sequence[int]) -> int:
    """How even loads are, 0 to 100: Jain's index, (sum)² over n times the sum of squares; 100 = all alike."""
    squares = sum(load * load for load in loads)
    return 100 if not squares else sum(loads) ** 2 * 100 // (len(loads) * squares)
