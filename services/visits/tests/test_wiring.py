"""The service as it is declared: it reads the county that ships, and every refusal means something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuoqi.contracts.topics import topic
from tuoqi.kit.county import County
from tuoqi.kit.errors import TuoqiError, meaning_of, register_errors
from tuoqi.visits.__main__ import SERVICE
from tuoqi.visits.consumer import REGISTRY
from tuoqi.visits.domain.errors import MEANINGS
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.handlers.plans import EVENTS, PLAN_HANDLERS

COUNTY = Path(__file__).parents[3] / "deploy/counties/990101"


def test_the_county_that_ships_can_be_read() -> None:
    """Its grade tables name the seven grades, the most urgent first."""
    rules = SERVICE.read_policy(County.load(COUNTY))
    assert [rule.key for rule in rules.grades.tables[-1].rules] == [
        "RED",
        "HIGH",
        "YELLOW",
        "MEDIUM",
        "BLUE",
        "LOW",
        "GREEN",
    ]


def test_every_event_of_the_subscription_but_fences_and_guardians_is_handled() -> None:
    """Nobody is forgotten because a type of event has no line in the table."""
    listed = {kind for entry in REGISTRY.topics for kind in entry.types.values()}
    passed_over = {"RegistryFenced", "GuardianshipChanged"}
    assert {kind.DESCRIPTOR.name for kind in listed - set(PLAN_HANDLERS.on)} == passed_over


def test_everything_that_can_happen_to_a_plan_has_its_event() -> None:
    """The plan topic's events and the domain's happenings are the same in number."""
    assert len(EVENTS) == len(topic("tuoqi.visits.plan.v1").types)
    assert VisitFile in SERVICE.stores


REASONS = {"count": 1, "kind": "K", "cause": "C"}
"""What sentences of further areas name."""


@pytest.mark.parametrize("slug", sorted(MEANINGS))
def test_every_refusal_has_a_sentence(slug: str) -> None:
    """A slug is known to the kit and says something in Chinese."""
    register_errors(MEANINGS)
    status, sentence = meaning_of(TuoqiError(slug, state="X", allowed="Y", value="Z", **REASONS))
    assert status.name == MEANINGS[slug][0]
    assert "{" not in sentence
