"""Samples of paid lines 抽样: how many, from where, which, and what they say of the rest.

Floats stand for probabilities only, never for money. Which lines are drawn follows from integers alone, so that the
same seed draws the same lines on every machine.
"""

import hashlib
import heapq
import math
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from statistics import NormalDist
from typing import Generic, TypeVar

Key = TypeVar("Key")
Item = TypeVar("Item")
CONFIDENCES = (90, 95, 99)
"""Percent."""
_PERMILLE = 1_000


def sample_size(population: int, confidence_percent: int, margin_permille: int, expected_permille: int) -> int:
    """Lines to draw for a margin of error at a confidence, with the finite population correction 有限总体校正.

    n₀ = z²·p·(1−p)/e², n = n₀ / (1 + (n₀ − 1)/N), rounded up; never more than there are. Shares in tenths of a percent.
    """
    if confidence_percent not in CONFIDENCES:
        raise ValueError(f"a confidence is one of {CONFIDENCES}, not {confidence_percent}")
    if not (0 < margin_permille < _PERMILLE and 0 < expected_permille < _PERMILLE):
        raise ValueError("margin and expected share lie between 0 and 1")
    if population <= 0:
        return 0
    z = NormalDist().inv_cdf(0.5 + confidence_percent / 200)
    share, margin = expected_permille / _PERMILLE, margin_permille / _PERMILLE
    infinite = z * z * share * (1 - share) / (margin * margin)
    wanted = infinite / (1 + (infinite - 1) / population)
    return min(population, max(1, math.ceil(wanted - 1e-9)))


def allocate(sizes: Mapping[Key, int], total: int) -> dict[Key, int]:
    """Share out a sample over strata 层 in proportion to their sizes, by the largest remainder 最大余数.

    Equal remainders go in the order of the mapping. Raises ValueError where more is asked for than there is.
    """
    everything = sum(sizes.values())
    if not 0 <= total <= everything:
        raise ValueError(f"{total} cannot be drawn from {everything}")
    shares = {key: divmod(total * size, everything) if everything else (0, 0) for key, size in sizes.items()}
    drawn = {key: whole for key, (whole, _) in shares.items()}
    left = total - sum(drawn.values())
    for key in sorted(shares, key=lambda key: -shares[key][1])[:left]:
        drawn[key] += 1
    return drawn


def last_birth_date(day: date, age: int) -> date:
    """The latest birth date of whoever is so old on a day."""
    return date(day.year - age, day.month, min(day.day, monthrange(day.year - age, day.month)[1]))


def lot(seed: bytes, line_id: str, points: int = 1) -> int:
    """The lot 签号 of a line: the smallest are drawn. Each further point is one more lot, of which the best counts.

    A keyed hash, so nobody without the seed knows it beforehand.
    """
    return min(
        int.from_bytes(hashlib.blake2b(f"{line_id}|{ticket}".encode(), key=seed, digest_size=16).digest())
        for ticket in range(points)
    )


@dataclass(slots=True)
class Draw(Generic[Item]):
    """The smallest lots of a stream, so many of them: bounded memory however many are offered."""

    size: int
    _heap: list[tuple[int, str, Item]] = field(default_factory=list)

    def offer(self, number: int, line_id: str, item: Item) -> None:
        """Look at one more."""
        entry = (-number, line_id, item)
        if len(self._heap) < self.size:
            heapq.heappush(self._heap, entry)
        elif self.size and entry[:2] > self._heap[0][:2]:
            heapq.heapreplace(self._heap, entry)

    def drawn(self) -> list[Item]:
        """What was drawn, best lot first."""
        return [item for _, _, item in sorted(self._heap, key=lambda entry: (-entry[0], entry[1]))]


def bounds(population: int, drawn: int, wrong: int, confidence_percent: int) -> tuple[int, int]:
    """How many lines of the population may be wrong, at least and at most, where so many of the drawn ones were.

    Exact, by inverting the hypergeometric test: the Clopper–Pearson interval of a finite population. Its coverage is never
    below the confidence, with no wrong line found as well; a full count 全查 leaves nothing open.
    """
    if not 0 <= wrong <= drawn <= population:
        raise ValueError(f"{wrong} of {drawn} of {population} is no sample")
    least, most = wrong, population - (drawn - wrong)
    if least == most:
        return least, most
    tail = (100 - confidence_percent) / 200
    low = _first(least, most, lambda count: _at_most(population, count, drawn, drawn - wrong, of_right=True) > tail)
    high = _last(least, most, lambda count: _at_most(population, count, drawn, wrong, of_right=False) > tail)
    return low, high


def _first(least: int, most: int, holds: Callable[[int], bool]) -> int:
    """The smallest count for which it holds; it does for the largest."""
    while least < most:
        middle = (least + most) // 2
        least, most = (least, middle) if holds(middle) else (middle + 1, most)
    return least


def _last(least: int, most: int, holds: Callable[[int], bool]) -> int:
    """The largest count for which it holds; it does for the smallest."""
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if holds(middle) else (least, middle - 1)
    return least


def _at_most(population: int, wrong: int, drawn: int, seen: int, *, of_right: bool) -> float:
    """The probability to see at most so many wrong lines, or right ones, where so many of the population are wrong."""
    marked = population - wrong if of_right else wrong
    first = max(0, drawn - (population - marked))
    whole = _choose(population, drawn)
    return math.fsum(
        math.exp(_choose(marked, count) + _choose(population - marked, drawn - count) - whole)
        for count in range(first, min(seen, marked) + 1)
    )


def _choose(all_of: int, some: int) -> float:
    """The logarithm of the binomial coefficient."""
    return math.lgamma(all_of + 1) - math.lgamma(some + 1) - math.lgamma(all_of - some + 1)
