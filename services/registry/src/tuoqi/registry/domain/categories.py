"""Categories of status 身份类别 as the county's policy lists them. What a row needs, and which words it may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_KNOWN_KEYS: Final = frozenset(
    {
        "key",
        "name",
        "required",
        "subtypes",
        "levels",
        "has_amount",
        "sealed_as",
        "opens",
        "ends",
        "hearing",
        "posting_days",
        "dearest_first",
    }
)
_MAY_BE_REQUIRED: Final = frozenset({"subtype", "level", "amount", "applied_on", "decided_on", "valid_until"})


Words = Mapping[str, tuple[str, ...]]
"""Code → Chinese words, the first of them the one to show."""


class PolicyError(ValueError):
    """A category's rules cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Category:
    """The rules of one category."""

    key: str
    names: tuple[str, ...]
    """Chinese words; a cell may hold any of them, people are shown the first."""
    required: frozenset[str] = frozenset()
    subtypes: Words = field(default_factory=dict)
    """Empty: any text."""
    levels: Words = field(default_factory=dict)
    """Empty: any text."""
    has_amount: bool = False
    sealed_as: tuple[str, str] | None = None
    """The category and subtype under which rows are kept and told; the row's own word is kept sealed only."""
    opens: Words = field(default_factory=dict)
    """Reasons for which an interval opens, by code."""
    ends: Words = field(default_factory=dict)
    """Reasons for which one ends, by code."""
    unheard: frozenset[str] = frozenset()
    """Those of them for which the person need not be heard: death, prison, his own wish."""
    hearing: bool = False
    """The law asks that the person is heard 听取意见 before a cut (社会救助法, art. 48)."""
    posting_days: int = 0
    """For so many days decisions are posted 公示; 0 = never, as for every child."""
    dearest_first: tuple[str, ...] = ()
    """Levels from the one that gives most to the one that gives least; empty where a level says nothing about money."""

    @property
    def name(self) -> str:
        """The Chinese word that people are shown."""
        return self.names[0]


def read_categories(documents: Iterable[Mapping[str, Any]]) -> dict[str, Category]:
    """The categories by key, from the content of policy files. Raises PolicyError."""
    found: dict[str, Category] = {}
    documents = list(documents)
    reasons, unheard = _reasons(documents)
    for document in documents:
        for entry in _entries(document):
            category = _read(entry, reasons, unheard)
            if category.key in found:
                raise PolicyError(f"category {category.key} is listed twice")
            found[category.key] = category
    for category in found.values():
        if category.sealed_as and category.sealed_as[0] not in found:
            raise PolicyError(f"category {category.key} is sealed as the unknown {category.sealed_as[0]}")
    return found


def _entries(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    entries = document.get("categories")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise PolicyError("a list `categories` of mappings is expected")
    return entries


def _reasons(documents: Sequence[Mapping[str, Any]]) -> tuple[dict[str, tuple[str, ...]], frozenset[str]]:
    """All reason codes with their words, and those for which nobody need be heard."""
    reasons: dict[str, tuple[str, ...]] = {}
    for document in documents:
        reasons |= _words("reasons", document.get("reasons", {}))
    unheard = frozenset(str(code) for document in documents for code in document.get("unheard", ()))
    if unknown := unheard - reasons.keys():
        raise PolicyError(f"unheard: unknown reasons {sorted(unknown)}")
    return reasons, unheard


def _read(entry: Mapping[str, Any], reasons: Words, unheard: frozenset[str]) -> Category:
    key, name = entry.get("key"), entry.get("name")
    if not isinstance(key, str) or not isinstance(name, str):
        raise PolicyError(f"a category needs a `key` and a `name`: {dict(entry)!r}")
    if unknown := entry.keys() - _KNOWN_KEYS:
        raise PolicyError(f"category {key}: unknown {sorted(unknown)}")
    required = frozenset(str(column) for column in entry.get("required", ()))
    if required - _MAY_BE_REQUIRED:
        raise PolicyError(f"category {key}: {sorted(required - _MAY_BE_REQUIRED)} cannot be required")
    sealed_as = entry.get("sealed_as")
    levels = _words(key, entry.get("levels", {}))
    ends = _chosen(key, entry.get("ends", ()), reasons)
    dearest = tuple(str(level) for level in entry.get("dearest_first", ()))
    posting_days = entry.get("posting_days", 0)
    if not isinstance(posting_days, int) or posting_days < 0:
        raise PolicyError(f"category {key}: posting_days is a number of days")
    if dearest and set(dearest) != levels.keys():
        raise PolicyError(f"category {key}: dearest_first lists every level once")
    return Category(
        key=key,
        names=_split(name),
        required=required,
        subtypes=_words(key, entry.get("subtypes", {})),
        levels=levels,
        has_amount=bool(entry.get("has_amount", False)),
        sealed_as=(str(sealed_as["category"]), str(sealed_as["subtype"])) if sealed_as else None,
        opens=_chosen(key, entry.get("opens", ()), reasons),
        ends=ends,
        unheard=unheard & ends.keys(),
        hearing=bool(entry.get("hearing", False)),
        posting_days=posting_days,
        dearest_first=dearest,
    )


def _chosen(key: str, codes: Iterable[str], reasons: Words) -> dict[str, tuple[str, ...]]:
    """The reasons of these codes, in their order."""
    chosen = [str(code) for code in codes]
    if unknown := set(chosen) - reasons.keys():
        raise PolicyError(f"category {key}: unknown reasons {sorted(unknown)}")
    return {code: reasons[code] for code in chosen}


def find_code(value: str, words: Words) -> str:
    """The code that a cell means by code or Chinese word; empty where it means none."""
    if value in words:
        return value
    plain = value.lower()
    return next((code for code, some in words.items() if value in some or plain == code), "")


def allowed_words(words: Words) -> str:
    """What a cell may hold, for people."""
    return "、".join(f"{some[0]}[{code}]" for code, some in words.items())


def _words(key: str, words: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(words, dict) or not all(isinstance(part, str) for pair in words.items() for part in pair):
        raise PolicyError(f"category {key}: codes and words must be quoted texts")
    return {code: _split(word) for code, word in words.items()}


def _split(word: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in word.split("/") if part.strip())
