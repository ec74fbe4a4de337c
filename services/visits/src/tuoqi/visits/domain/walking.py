"""Walking order 走访顺序: village by village, group by group, house by house, a household together."""

import re
import unicodedata
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final

_DIGITS: Final = {
    "零": 0,
    "〇": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_NUMBER: Final = re.compile(r"[0-9]+|[零〇一二两三四五六七八九十百]+(?=[组社队号排栋幢巷弄楼])")
_TEN: Final = 10
_HUNDRED: Final = 100
Key = tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class Door:
    """Where one person lives, as the register tells it."""

    person_id: str
    region: str
    household: str
    address: str


def in_walking_order(doors: Iterable[Door]) -> list[Door]:
    """By region, then the household's address with numbers as numbers; whoever has no address comes last in his place."""
    doors = list(doors)
    keys = {door.person_id: natural(door.address) for door in doors}
    first: dict[tuple[str, Hashable], tuple[bool, Key]] = {}
    for door in doors:
        place = (not door.address, keys[door.person_id])
        house = _house(door)
        first[house] = min(first.get(house, place), place)

    def on_the_way(door: Door) -> tuple[Hashable, ...]:
        own = (not door.address, keys[door.person_id], door.person_id)
        return (door.region, *first[_house(door)], door.household, *own)

    return sorted(doors, key=on_the_way)


def natural(address: str) -> Key:
    """A key by which 3组2号 comes before 3组10号; 三组 counts as 3组."""
    text = unicodedata.normalize("NFKC", address)
    parts: list[tuple[int, int, str]] = []
    place = 0
    for found in _NUMBER.finditer(text):
        if found.start() > place:
            parts.append((1, 0, text[place : found.start()]))
        parts.append((0, _number(found[0]), ""))
        place = found.end()
    if place < len(text):
        parts.append((1, 0, text[place:]))
    return tuple(parts)


def _house(door: Door) -> tuple[str, Hashable]:
    return door.region, door.household or door.person_id


def _number(text: str) -> int:
    """The value of digits, or of a Chinese number below a thousand."""
    if text.isdigit() and text.isascii():
        return int(text)
    value = digit = 0
    for sign in text:
        if sign == "百":
            value, digit = value + (digit or 1) * _HUNDRED, 0
        elif sign == "十":
            value, digit = value + (digit or 1) * _TEN, 0
        else:
            digit = _DIGITS[sign]
    return value + digit
