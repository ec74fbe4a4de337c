"""Categories of status 身份类别 as the county's policy lists them. What a row needs, and which words it may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_KNOWN_KEYS: Final = frozenset({"key", "name", "required", "subtypes", "levels", "has_amount", "sealed_as"})
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

    @property
    def name(self) -> str:
        """The Chinese word that people are shown."""
        return self.names[0]


def read_categories(documents: Iterable[Mapping[str, Any]]) -> dict[str, Category]:
    """The categories by key, from the content of policy files. Raises PolicyError."""
    found: dict[str, Category] = {}
    for document in documents:
        for entry in _entries(document):
            category = _read(entry)
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


def _read(entry: Mapping[str, Any]) -> Category:
    key, name = entry.get("key"), entry.get("name")
    if not isinstance(key, str) or not isinstance(name, str):
        raise PolicyError(f"a category needs a `key` and a `name`: {dict(entry)!r}")
    if unknown := entry.keys() - _KNOWN_KEYS:
        raise PolicyError(f"category {key}: unknown {sorted(unknown)}")
    required = frozenset(str(column) for column in entry.get("required", ()))
    if required - _MAY_BE_REQUIRED:
        raise PolicyError(f"category {key}: {sorted(required - _MAY_BE_REQUIRED)} cannot be required")
    sealed_as = entry.get("sealed_as")
    return Category(
        key=key,
        names=_split(name),
        required=required,
        subtypes=_words(key, entry.get("subtypes", {})),
        levels=_words(key, entry.get("levels", {})),
        has_amount=bool(entry.get("has_amount", False)),
        sealed_as=(str(sealed_as["category"]), str(sealed_as["subtype"])) if sealed_as else None,
    )


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
