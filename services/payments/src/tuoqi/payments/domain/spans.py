"""Arithmetic of month ranges: what makes the engine walk spans instead of single months.

A range is (first, last), both included, as plain month ordinals; a list of ranges is sorted and disjoint.
"""

from collections.abc import Sequence

Range = tuple[int, int]

BEGINNING = 0
FOREVER = 10**6
"""Far beyond any month; an open end is a number, so that comparing needs no special case."""


def intersect(left: Sequence[Range], right: Sequence[Range]) -> list[Range]:
    """The months that lie in both."""
    both = [(max(a, c), min(b, d)) for a, b in left for c, d in right]
    return sorted((first, last) for first, last in both if first <= last)


def subtract(left: Sequence[Range], right: Sequence[Range]) -> list[Range]:
    """The months of the left that lie in none of the right; a cut whose first comes after its last cuts nothing."""
    kept = list(left)
    for cut_first, cut_last in right:
        if cut_first > cut_last:
            continue
        pieces: list[Range] = []
        for first, last in kept:
            pieces.append((first, min(last, cut_first - 1)))
            pieces.append((max(first, cut_last + 1), last))
        kept = [(first, last) for first, last in pieces if first <= last]
    return sorted(set(kept))


def union(ranges: Sequence[Range]) -> list[Range]:
    """All months of the given ranges, touching ranges joined."""
    joined: list[Range] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        elif first <= last:
            joined.append((first, last))
    return joined


def covers(ranges: Sequence[Range], month: int) -> bool:
    """Whether a month lies in one of the ranges."""
    return any(first <= month <= last for first, last in ranges)
