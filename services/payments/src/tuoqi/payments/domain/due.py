"""What the engine answers: an amount for a month with its reason, and the stretch of months in which it is the same."""

from __future__ import annotations

from dataclasses import dataclass

Facts = tuple[tuple[str, str], ...]
"""Facts frozen with a line: names and values in a fixed order, dates in ISO form."""


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What is due for one month: an amount in fen, why, from which facts, by which version of the rules.

    `stopped` says that a stacking step stopped the programme: then the amount is 0 and it counts as not entitled, which
    is not the same as a top-up that comes to 0. `facility` marks what belongs to the facility that cares for the person.
    """

    amount_fen: int
    reason: str
    facts: Facts
    rule_version: str
    facility: bool = False
    stopped: bool = False


Span = tuple[int, int, Entitlement]
"""First and last month, both included, and what is due in each of them."""
