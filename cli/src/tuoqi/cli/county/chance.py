"""Chance that repeats: every draw comes from a named stream of the seed, and rare things are spread, not drawn."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

_T = TypeVar("_T")


def stream(seed: int, name: str) -> Random:
    """A generator of its own for one part of the county, so that a change in one part leaves the others alone.

    A text seed is hashed with SHA-512 by the standard library, never with `hash()`, so runs agree byte for byte.
    """
    return Random(f"county:{seed}:{name}")  # noqa: S311 -- invented people, nothing secret


def pick(rng: Random, options: Sequence[_T]) -> _T:
    """One of the options, each equally likely (`Random.choice` is twice as slow, and a million people are many)."""
    return options[int(rng.random() * len(options))]


def happens(rng: Random, share: float) -> bool:
    """True in that share of cases, 0 to 1."""
    return rng.random() < share


def between(rng: Random, low: int, high: int) -> int:
    """A whole number from low to high, both included; low where the range is empty."""
    return low + int(rng.random() * (high - low + 1)) if high > low else low


class Quota:
    """Spreads exactly `count` marks evenly over `total` people; a due mark waits for the next one who may take it."""

    def __init__(self, count: int, total: int, phase: float = 0.5) -> None:
        self._rate = count / total
        self._phase = phase
        self._taken = 0

    def take(self, made: int) -> bool:
        """Whether a mark is due after `made` people; if so it is used up."""
        if self._taken >= int(made * self._rate + self._phase):
            return False
        self._taken += 1
        return True
