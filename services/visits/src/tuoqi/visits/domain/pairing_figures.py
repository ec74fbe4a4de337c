"""The fairness of a set of proposals: how even the loads are, how near, whose wishes were honoured, who is left over."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

from tuoqi.visits.domain.pairing_match import Proposal
from tuoqi.visits.domain.pairings import STEPS, Child, Helper


@dataclass(frozen=True, slots=True)
class Loads:
    """How many children helpers have, pairings kept and proposed together."""

    helpers: int
    children: int
    least: int
    most: int
    mean: float
    deviation: float
    gini: float
    """0 = all alike, 1 = one has all."""
    within_one: float
    """The share of helpers less than one child away from the mean."""

    @classmethod
    def of(cls, loads: Sequence[int]) -> Loads:
        """Figures of these loads; nought of none."""
        count, total = len(loads), sum(loads)
        if not count:
            return cls(0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0)
        mean = total / count
        ranked = sum(place * load for place, load in enumerate(sorted(loads), start=1))
        gini = (2 * ranked / (count * total) - (count + 1) / count) if total else 0.0
        return cls(
            helpers=count,
            children=total,
            least=min(loads),
            most=max(loads),
            mean=round(mean, 4),
            deviation=round(sqrt(sum((load - mean) ** 2 for load in loads) / count), 4),
            gini=round(gini, 4),
            within_one=round(sum(abs(load - mean) < 1 for load in loads) / count, 4),
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of a set."""

    children: int
    kept: int
    proposed: int
    left_over: int
    loads: Loads
    townships: Mapping[str, Loads] = field(default_factory=dict)
    """Township code of 12 digits → loads of its helpers."""
    steps: Mapping[str, int] = field(default_factory=dict)
    honoured: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)


def figures_of(proposals: Sequence[Proposal], helpers: Sequence[Helper], kept: int) -> Figures:
    """Count it. `helpers` carry the loads that were there before; `kept` counts children who had a pairing already."""
    loads = {one.helper_id: one.load for one in helpers}
    steps: Counter[str] = Counter()
    honoured: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for child, helper, step, broken, reason in proposals:
        if helper is None:
            reasons[reason] += 1
            continue
        loads[helper.helper_id] += 1
        steps[step] += 1
        refused.update(broken)
        honoured.update(_wishes(child, helper) - set(broken))
    by_township: defaultdict[str, list[int]] = defaultdict(list)
    for helper in helpers:
        by_township[f"{helper.region[:9]}000"].append(loads[helper.helper_id])
    proposed = sum(steps.values())
    return Figures(
        children=kept + len(proposals),
        kept=kept,
        proposed=proposed,
        left_over=len(proposals) - proposed,
        loads=Loads.of(list(loads.values())),
        townships={code: Loads.of(by_township[code]) for code in sorted(by_township)},
        steps={step: steps[step] for step in STEPS},
        honoured=dict(sorted(honoured.items())),
        refused=dict(sorted(refused.items())),
        reasons=dict(sorted(reasons.items())),
    )


def _wishes(child: Child, helper: Helper) -> set[str]:
    """Codes of the wishes, not binding ones, that either of the two has."""
    wishes = {
        "helper_sex": bool(helper.sex_wish),
        "helper_age": (helper.age_from, helper.age_to) != (0, 99),
        "helper_village": bool(helper.village),
        "child_wants": bool(child.wants),
    }
    return {code for code, wished in wishes.items() if wished}
