"""Features of people as keyed hashes of 64 bits: equal for equal features, and nothing else can be told from them."""

from __future__ import annotations

import hashlib
import importlib.util
import unicodedata
from array import array
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from operator import add
from pathlib import Path
from typing import Final

from tuoqi.registry.domain.search import (
    Readings,
    character_features,
    end_features,
    pair_features,
    plain_name,
)

_KEPT_MAX: Final = 20_000
"""Characters and pairs of characters whose hashes stay in memory: the common ones come again with every person."""


class Tokens:
    """The hashes of one platform."""

    def __init__(self, key: bytes) -> None:
        self._keyed = hashlib.blake2b(key=key, digest_size=8)
        self._kept: dict[str, list[int]] = {}
        """By character and by pair of characters."""

    def of_person(self, texts: Mapping[str, str]) -> list[int]:
        """The hashes of all that a person of these sealed texts is found by; the same as of `person_features`."""
        plain = plain_name(texts.get("name", ""))
        kept = self._kept.get
        found = self.of(end_features(texts))
        for part in (*plain, *map(add, plain, plain[1:])):
            found += kept(part) or self._part(part)
        return sorted(set(found))

    def of(self, features: Iterable[str]) -> list[int]:
        """The hashes of features."""
        tokens = []
        for feature in features:
            keyed = self._keyed.copy()
            keyed.update(feature.encode())
            tokens.append(int.from_bytes(keyed.digest(), "big", signed=True))
        return tokens

    def _part(self, part: str) -> list[int]:
        features = character_features if len(part) == 1 else pair_features
        tokens = self.of(features(part, readings()))
        if len(self._kept) < _KEPT_MAX:
            self._kept[part] = tokens
        return tokens


@cache
def readings() -> Readings:
    """How Chinese characters are read; loaded when the first person is registered or looked for.

    Of pypinyin only the table of characters is read, past its package, which would keep 57 MB of phrases; and of the
    table only the first reading stays, as a number of two bytes a character.
    """
    table = _table()
    syllables: list[str] = [""]
    numbers: dict[str, int] = {}
    places = array("H", bytes(2 * (max(table) + 1)))
    for code, spelt in table.items():
        syllable = _without_tone(spelt.partition(",")[0])
        if syllable and syllable not in numbers:
            numbers[syllable] = len(syllables)
            syllables.append(syllable)
        places[code] = numbers.get(syllable, 0)
    last = len(places)

    def first(character: str) -> str:
        code = ord(character)
        return syllables[places[code]] if code < last else ""

    return Readings(first, _common(syllables[1:]))


def _table() -> Mapping[int, str]:
    found = importlib.util.find_spec("pypinyin")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("pypinyin")
    path = Path(found.origin).parent / "pinyin_dict.py"
    spec = importlib.util.spec_from_file_location("tuoqi_pinyin_table", path)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(str(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table: Mapping[int, str] = module.pinyin_dict
    return table


@cache
def _without_tone(spelt: str) -> str:
    parts = unicodedata.normalize("NFD", spelt).replace("u\u0308", "v")
    return parts.encode("ascii", "ignore").decode()


def _common(syllables: Collection[str]) -> list[str]:
    # Interjections of one consonant are no syllables of names, and would make every letter one.
    return [one for one in syllables if len(one) > 1 or one in {"a", "e", "o"}]
