"""When a care contract ends by itself, and what it must have."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from tuoqi.visits.domain.contracts import CareContract, ContractKind, EndedAs, ends_by_itself, lacking
from tuoqi.visits.domain.contracts_policy import read_contract_rules
from tuoqi.visits.domain.facts import Absence, PersonFacts, StatusInterval, Stay
from tuoqi.visits.domain.fields import PolicyError

FILE = Path(__file__).parents[4] / "deploy/counties/990101/visits/contracts.yaml"
TEKUN = StatusInterval("tekun", date(2025, 1, 1), subtype="scattered", level="half")
FACTS = PersonFacts(birth_date=date(1950, 5, 1), statuses=(TEKUN,))
CONTRACT = CareContract(
    contract_id="c",
    person_id="p",
    kind="scattered_tekun",
    care_level="half",
    signed_on=date(2026, 1, 1),
    begins_on=date(2026, 1, 1),
    ends_on=date(2026, 12, 31),
    rules_from=date(2024, 1, 1),
    signed_by="u",
    signed_at=datetime(2026, 1, 1, tzinfo=UTC),
)


@pytest.fixture(scope="module")
def kind() -> ContractKind:
    """The kind that ships."""
    found = read_contract_rules(yaml.safe_load(FILE.read_text(encoding="utf-8"))).kind("", date(2026, 1, 1))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("facts", "why", "ended_on"),
    [
        (replace(FACTS, died_on=date(2026, 3, 3)), EndedAs.DIED, date(2026, 3, 4)),
        (replace(FACTS, absences=(Absence(date(2026, 3, 3)),)), EndedAs.MOVED, date(2026, 3, 4)),
        (replace(FACTS, stays=(Stay("EH-01", date(2026, 3, 3)),)), EndedAs.FACILITY, date(2026, 3, 3)),
        (replace(FACTS, statuses=(replace(TEKUN, ended_on=date(2026, 3, 3)),)), EndedAs.STATUS_ENDED, date(2026, 3, 4)),
        (
            replace(FACTS, statuses=(TEKUN, replace(TEKUN, decided_on=date(2026, 3, 3), subtype="centralised"))),
            EndedAs.STATUS_ENDED,
            date(2026, 3, 3),
        ),
    ],
)
def test_a_contract_ends_when_nobody_needs_it_any_more(
    kind: ContractKind, facts: PersonFacts, why: EndedAs, ended_on: date
) -> None:
    """Death, move, facility, end or change of the status: from its own day, also where it is learnt a week later."""
    punctual = ends_by_itself(CONTRACT, kind, facts, date(2026, 3, 2), date(2026, 3, 4))
    late = ends_by_itself(CONTRACT, kind, facts, date(2026, 3, 9), date(2026, 3, 10))
    assert punctual is not None
    assert late is not None
    assert punctual[:2] == late[:2] == (why, ended_on)
    assert late[2] == date(2026, 3, 10)


def test_a_term_that_is_over_ends_it(kind: ContractKind) -> None:
    """On the day after its last one, also for a kind that the county has dropped."""
    for known in (kind, None):
        assert ends_by_itself(CONTRACT, known, FACTS, date(2026, 12, 30), date(2026, 12, 31)) is None
        ended = ends_by_itself(CONTRACT, known, FACTS, date(2026, 12, 30), date(2027, 1, 20))
        assert ended == (EndedAs.EXPIRED, date(2027, 1, 1), date(2027, 1, 1))


def test_a_week_without_a_look_is_made_up_for_day_by_day(kind: ContractKind) -> None:
    """A stay that began and ended while nobody looked still ended the contract."""
    facts = replace(FACTS, stays=(Stay("EH-01", date(2026, 3, 3), date(2026, 3, 5)),))
    ended = ends_by_itself(CONTRACT, kind, facts, date(2026, 3, 1), date(2026, 3, 8))
    assert ended == (EndedAs.FACILITY, date(2026, 3, 3), date(2026, 3, 3))
    assert ends_by_itself(CONTRACT, kind, facts, date(2026, 3, 6), date(2026, 3, 8)) is None


def test_the_three_parties_are_asked_for_by_the_kind(kind: ContractKind) -> None:
    """One institution, one team, one relative; a county that wants fewer says so in its file."""
    assert lacking(kind, facility="", team=("w",), relative=True) == "institution"
    assert lacking(kind, facility="f", team=(), relative=True) == "team"
    assert lacking(kind, facility="f", team=("w",), relative=False) == "relative"
    assert lacking(kind, facility="f", team=("w",), relative=True) == ""
    assert lacking(replace(kind, parties=("team",)), facility="", team=("w",), relative=False) == ""


def test_versions_of_a_kind_rise() -> None:
    """A later entry with an earlier day is refused with its place."""
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    content["contracts"].append(dict(content["contracts"][0]))
    with pytest.raises(PolicyError, match=r"contracts\[1\]\.effective_from"):
        read_contract_rules(content)
