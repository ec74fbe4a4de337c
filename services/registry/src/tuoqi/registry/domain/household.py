"""Households 户 as known now: what rows of persons.csv and people do to them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from tuoqi.registry.domain.person import Person

HEAD: Final = "户主"
HEAD_WORDS: Final = frozenset({HEAD, "本人", "本人或户主"})


@dataclass(frozen=True, slots=True)
class Household:
    """Who is counted together; the members are found by their own rows."""

    household_id: str
    number: str = field(repr=False)
    """The county's number of it; empty where a household was found by its id and nobody is left to tell."""
    head_person_id: str = ""
    version: int = 0


def follow_head(household: Household, person_id: str, relation: str) -> Household:
    """The household after one of its members' rows: whoever is called its head is, until somebody else is."""
    if relation in HEAD_WORDS:
        return replace(household, head_person_id=person_id)
    if household.head_person_id == person_id:
        return replace(household, head_person_id="")
    return household


def placed(person: Person, household: Household, relation: str) -> Person:
    """The person as a member of a household; an empty relation says that nothing is known of it."""
    private = {**person.private, "household_no": household.number}
    private.pop("relation_to_head", None)
    if relation:
        private["relation_to_head"] = relation
    return replace(person, household_id=household.household_id, private=private)


def why_not_split(leaving: list[Person], staying: int, head_person_id: str) -> str:
    """The slug for which these people of one household cannot form a new one; empty where they can."""
    if any(not person.household_id for person in leaving):
        return "household.none"
    if len({person.household_id for person in leaving}) != 1:
        return "household.not_one"
    if head_person_id not in {person.person_id for person in leaving}:
        return "household.head_stays"
    return "" if staying else "household.everybody"
