"""Files that may be one person's 疑似重复: which slips of a number are likely, and which numbers differ by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Final

from tuoqi.registry.domain.identity import number_flaw

SAME_NAME_BIRTH_VILLAGE: Final = "same_name_birth_village"
NUMBER_SLIP: Final = "number_slip"
BODY: Final = 17
"""Characters of an identity number before the check character, which follows from them."""
_LENGTH: Final = 18
_TOO_MANY: Final = 50
"""So many numbers that share all digits but one are no slips but neighbours in a register."""


def likely_numbers(rejected: str) -> list[str]:
    """Valid numbers that somebody may have meant: the check character put right, or two neighbours changed back."""
    if len(rejected) != _LENGTH or not rejected[:BODY].isdecimal():
        return []
    meant = [rejected[:BODY] + last for last in "0123456789X"]
    meant += [
        rejected[:place] + rejected[place + 1] + rejected[place] + rejected[place + 2 :] for place in range(BODY - 1)
    ]
    return list(dict.fromkeys(number for number in meant if number != rejected and not number_flaw(number)))


def slips(numbers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Pairs of people of one name, by id, whose numbers differ in one digit or in two that changed places.

    Only the first 17 characters are compared: two right numbers never differ in one of them alone, the last follows.
    """
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for person_id, number in sorted(numbers.items()):
        body = number[:BODY]
        for place in range(BODY):
            alike[f"{body[:place]}_{body[place + 1 :]}"].append(person_id)
        alike["".join(sorted(body))].append(person_id)
    told: set[tuple[str, str]] = set()
    for ids in alike.values():
        if len(ids) > _TOO_MANY:
            continue
        for one, other in combinations(ids, 2):
            if (one, other) not in told and is_slip(numbers[one], numbers[other]):
                told.add((one, other))
                yield one, other


def is_slip(one: str, other: str) -> bool:
    """Whether two numbers differ in one digit of the first 17, or in two that changed places."""
    places = [place for place in range(BODY) if one[place] != other[place]]
    if len(places) == 1:
        return True
    return len(places) == 2 and (one[places[0]], one[places[1]]) == (other[places[1]], other[places[0]])  # noqa: PLR2004  a swap
