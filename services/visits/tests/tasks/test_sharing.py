"""Sharing out: everybody has exactly one worker if any fits, nobody moves without need, and loads stay even."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tuoqi.visits.domain.sharing import Holder, Member, Move, Posts, evenness, share
from tuoqi.visits.domain.task_rules import Duty, TaskRules

RULES = TaskRules(
    duties=(
        Duty(("RED", "BLUE"), (("director",), ("supervisor",))),
        Duty(("HIGH", "LOW"), (("grid",), ("volunteer",))),
    ),
    weights={"RED": 435, "HIGH": 435, "BLUE": 33, "LOW": 33},
    tolerance_percent=25,
)
TOWN = "990101101000"
VILLAGES = ("990101101201", "990101101202")

places = st.sampled_from(VILLAGES)
holders = st.lists(
    st.builds(
        Holder,
        worker_id=st.integers(1, 8).map("w{}".format),
        kind=st.sampled_from(["director", "supervisor", "grid", "volunteer", "cook"]),
        region=st.sampled_from([*VILLAGES, TOWN]),
    ),
    max_size=12,
)
people = st.lists(
    st.builds(
        Member,
        person_id=st.integers(1, 60).map("p{:03d}".format),
        region=places,
        grade=st.sampled_from(["RED", "BLUE", "HIGH", "LOW"]),
    ),
    max_size=60,
    unique_by=lambda one: one.person_id,
)


def after(members: Sequence[Member], moves: Sequence[Move]) -> list[Member]:
    """The members as they stand once the moves are written."""
    moved = {move.member.person_id: move for move in moves}
    assert len(moved) == len(moves), "one decision for a person at most"
    return [
        Member(
            one.person_id,
            one.region,
            one.grade,
            moved[one.person_id].worker_id if one.person_id in moved else one.worker_id,
            by_hand=one.by_hand and one.person_id not in moved,
            known=True,
        )
        for one in members
    ]


@given(people, holders)
def test_everybody_has_one_fitting_worker_wherever_one_fits(members: list[Member], held: list[Holder]) -> None:
    """Of the nearest level and the first tier that has a holder; nobody is left out, nobody has somebody unfit."""
    posts = Posts(held)
    for one in after(members, share(members, posts, RULES)):
        pool = posts.pool(one.region, RULES.duty(one.grade), RULES.reach)
        assert one.worker_id in pool if pool else one.worker_id == ""


@given(people, holders)
def test_a_second_sharing_out_changes_nothing(members: list[Member], held: list[Holder]) -> None:
    """Where nothing has changed nobody is moved, whatever order people are given in."""
    posts = Posts(held)
    first = share(members, posts, RULES)
    assert first == share(list(reversed(members)), posts, RULES)
    assert share(after(members, first), posts, RULES) == []


@given(people, holders, st.data())
def test_when_a_worker_leaves_only_his_people_change_hands(
    members: list[Member], held: list[Holder], data: st.DataObject
) -> None:
    """The others of the village keep theirs, but for what the tolerance demands; his go to others or are unassigned."""
    settled = after(members, share(members, Posts(held), RULES))
    gone = data.draw(st.sampled_from(sorted({one.worker_id for one in settled}) or ["w1"]))
    left = [one for one in held if one.worker_id != gone]
    for move in share(settled, Posts(left), RULES):
        if move.member.worker_id == gone:
            assert move.reason in ({"handed_over"} if move.worker_id else {"no_worker"})
        else:
            # Somebody whose own worker stayed moves for balance alone, or because his pool itself changed.
            pool = Posts(left).pool(move.member.region, RULES.duty(move.member.grade), RULES.reach)
            assert move.reason == "balanced" or move.member.worker_id not in pool


@given(st.integers(1, 5), st.lists(st.sampled_from(["HIGH", "LOW"]), max_size=80))
def test_loads_stay_within_the_tolerance_or_one_persons_weight(workers: int, grades: list[str]) -> None:
    """The gap between the most and the least loaded of a village is no more than the tolerance, else the heaviest."""
    posts = Posts(Holder(f"w{number}", "grid", VILLAGES[0]) for number in range(workers))
    members = [Member(f"p{number}", VILLAGES[0], grade) for number, grade in enumerate(grades)]
    loads = Counter({f"w{number}": 0 for number in range(workers)})
    for one in after(members, share(members, posts, RULES)):
        loads[one.worker_id] += RULES.weight(one.grade)
    heaviest = max(map(RULES.weight, grades), default=0)
    mean = sum(loads.values()) // workers
    assert max(loads.values()) - min(loads.values()) <= max(heaviest, mean * RULES.tolerance_percent // 100)


def test_a_new_worker_takes_over_no_more_than_balance_demands() -> None:
    """Ten weekly people with one worker: the second gets so many that the gap is within the tolerance, and no more."""
    old = [Member(f"p{number}", VILLAGES[0], "HIGH", "w1", known=True) for number in range(10)]
    moves = share(old, Posts([Holder("w1", "grid", VILLAGES[0]), Holder("w2", "grid", VILLAGES[0])]), RULES)
    assert [(move.worker_id, move.reason) for move in moves] == [("w2", "balanced")] * 5


def test_somebody_assigned_by_hand_stays_until_the_worker_leaves() -> None:
    """Balance does not touch him; when the worker holds no post any more he is handed over like all others."""
    members = [Member("p1", VILLAGES[0], "HIGH", "w9", by_hand=True, known=True)]
    grid = Holder("w1", "grid", VILLAGES[0])
    assert share(members, Posts([grid, Holder("w9", "cook", VILLAGES[1])]), RULES) == []
    (move,) = share(members, Posts([grid]), RULES)
    assert (move.worker_id, move.reason, move.by_hand) == ("w1", "handed_over", False)


def test_a_plan_that_closed_ends_the_assignment_once() -> None:
    """Who has no grade any more is taken off; who never stood on the list is not named."""
    gone = Member("p1", VILLAGES[0], "", "w1", known=True)
    moves = share([gone, Member("p2", VILLAGES[0], "")], Posts([]), RULES)
    assert [(move.member.person_id, move.reason) for move in moves] == [("p1", "closed")]


def test_whoever_nobody_looks_after_is_told_once() -> None:
    """No holder in the village or the township: unassigned, and not told again while it stays so."""
    (move,) = share([Member("p1", VILLAGES[0], "RED")], Posts([]), RULES)
    assert (move.worker_id, move.reason) == ("", "no_worker")
    assert share([Member("p1", VILLAGES[0], "RED", known=True)], Posts([]), RULES) == []
    (move,) = share([Member("p1", VILLAGES[0], "RED", known=True)], Posts([Holder("w5", "supervisor", TOWN)]), RULES)
    assert (move.worker_id, move.reason) == ("w5", "new")


def test_evenness_is_100_where_all_have_the_same() -> None:
    """Jain's index in percent."""
    assert evenness([5, 5, 5]) == 100
    assert evenness([9, 0, 0]) == 33
    assert evenness([]) == 100
