"""What a person is found by 检索: characters of the name and their readings, ends of phones and of the identity number.

A feature is a short text whose first letter says what it is. The store keeps keyed hashes of features only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from itertools import pairwise, product
from typing import Final

CHARACTER: Final = "c"
PAIR: Final = "p"
SYLLABLE: Final = "s"
INITIALS: Final = "i"
END: Final = "e"
END_LENGTH: Final = 4

_BETWEEN: Final = re.compile(r"[\s·•‧∙⋅・·.．。,'’\-]+")
"""What stands between the parts of a name; one clerk writes it, another leaves it out."""
_PHONE: Final = re.compile(r"[0-9]{7,}")
_PHONE_COLUMNS: Final = ("phone", "guardian_phone")

# Characters whose reading as a name differs from the dictionary's first, or that are usually read in two ways.
_READINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "单": ("shan", "dan"), "仇": ("qiu", "chou"), "解": ("xie", "jie"), "区": ("ou", "qu"), "查": ("zha", "cha"),
    "朴": ("piao", "pu"), "翟": ("zhai", "di"), "曾": ("zeng", "ceng"), "乐": ("le", "yue"), "柏": ("bai", "bo"),
    "晟": ("sheng", "cheng"), "茜": ("qian", "xi"), "覃": ("qin", "tan"), "尉": ("wei", "yu"), "缪": ("miao", "mou"),
    "繁": ("fan", "po"), "种": ("chong", "zhong"), "折": ("she", "zhe"), "黑": ("he", "hei"), "盖": ("ge", "gai"),
    "员": ("yun", "yuan"), "召": ("shao", "zhao"), "都": ("du", "dou"), "谌": ("chen", "shen"), "卜": ("bu", "bo"),
    "隗": ("wei", "kui"), "郇": ("xun", "huan"), "郗": ("xi", "chi"), "乜": ("nie", "mie"), "牟": ("mou", "mu"),
    "祭": ("zhai", "ji"), "秘": ("bi", "mi"), "莘": ("shen", "xin"), "佴": ("nai", "er"), "洗": ("xian", "xi"),
    "俟": ("qi", "si"), "行": ("xing", "hang"), "长": ("chang", "zhang"), "重": ("zhong", "chong"),
    "朝": ("chao", "zhao"), "盛": ("sheng", "cheng"), "车": ("che", "ju"), "藏": ("zang", "cang"), "阿": ("a", "e"),
    "不": ("bu", "fu"), "娜": ("na", "nuo"), "合": ("he", "ge"), "扎": ("zha", "za"), "宿": ("su", "xiu"),
    "石": ("shi", "dan"), "奇": ("qi", "ji"), "颉": ("jie", "xie"), "贾": ("jia", "gu"), "燕": ("yan",),
    "洋": ("yang",), "那": ("na",), "六": ("liu", "lu"), "万": ("wan", "mo"), "俞": ("yu", "shu"), "於": ("yu",),
    "呙": ("guo",), "逄": ("pang",), "华": ("hua",), "任": ("ren",), "葛": ("ge",), "薄": ("bo", "bao"),
    "𠮷": ("ji",), "𬱖": ("di",), "㛃": ("jie",),
}  # fmt: skip


class Readings:
    """How characters are read, in pinyin without tones; ü is written v."""

    def __init__(self, first: Callable[[str], str], syllables: Collection[str]) -> None:
        self._first = first
        self._known: dict[str, tuple[str, ...]] = {}
        self.syllables = frozenset(syllables)
        """All that there are."""

    def of(self, character: str) -> tuple[str, ...]:
        """The usual readings of a character; none for what is no Chinese character."""
        known = self._known.get(character)
        if known is None:
            known = self._known[character] = self._read(character)
        return known

    def _read(self, character: str) -> tuple[str, ...]:
        usual = _READINGS.get(character)
        if usual is None:
            first = self._first(character)
            usual = (first,) if first else ()
        # People without a ü on the keyboard write lu as often as lv.
        return (*usual, *(one.replace("v", "u") for one in usual if "v" in one))


def plain_name(name: str) -> str:
    """The name as it is compared: compatibility forms made one, dots and spaces left out, Latin letters small."""
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", name)).lower()


def phones_in(texts: Mapping[str, str]) -> list[str]:
    """The phone numbers of a person and of the guardian, as digits."""
    phones: list[str] = []
    for column in _PHONE_COLUMNS:
        if cell := texts.get(column, ""):
            phones += _PHONE.findall(cell.replace("-", "").replace(" ", ""))
    return phones


def character_features(character: str, readings: Readings) -> list[str]:
    """By what a name with this character is found."""
    return [CHARACTER + character, *(SYLLABLE + syllable for syllable in readings.of(character))]


def pair_features(pair: str, readings: Readings) -> list[str]:
    """By what a name with these two characters side by side is found."""
    left, right = ({syllable[0] for syllable in readings.of(character)} for character in pair)
    return [PAIR + pair, *(INITIALS + one + other for one, other in product(left, right))]


def end_features(texts: Mapping[str, str]) -> list[str]:
    """By what ends of numbers a person is found."""
    numbers = [*phones_in(texts), texts.get("id_number", "")]
    return [END + number[-END_LENGTH:] for number in numbers if number]


def person_features(texts: Mapping[str, str], readings: Readings) -> set[str]:
    """By what a person is found, from the sealed texts."""
    plain = plain_name(texts.get("name", ""))
    found = set(end_features(texts))
    for character in plain:
        found.update(character_features(character, readings))
    for left, right in pairwise(plain):
        found.update(pair_features(left + right, readings))
    return found
