"""Categories of status 身份类别 as the county's policy lists them. What a row needs, and which words it may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_KNOWN_KEYS: Final = frozenset({"key", "name", "required", "subtypes", "levels", "has_amount", "sealed_as"})
_MAY_BE_REQUIRED: Final = frozenset({"subtype", "level", "amount", "applied_on", "decided_on", "valid_until"})


class PolicyError(ValueError):
    """A category's rules cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Category:
    """The rules of one category."""

    key: str
    name: str
    required: frozenset[str] = frozenset()
    subtypes: Mapping[str, str] = field(default_factory=dict)
    """Code → Chinese word; empty: any text."""
    levels: Mapping[str, str] = field(default_factory=dict)
    """Code → Chinese word; empty: any text."""
    has_amount: bool = False
    sealed_as: tuple[str, str] | None = None
    """The category and subtype under which rows are kept and told; the row's own word is kept sealed only."""


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


def sealed_targets(categories: Mapping[str, Category]) -> frozenset[tuple[str, str]]:
    """The (category, subtype) pairs that stand for a sealed category too."""
    return frozenset(category.sealed_as for category in categories.values() if category.sealed_as)


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
    required = frozenset(entry.get("required", ()))
    if unknown := required - _MAY_BE_REQUIRED:
        raise PolicyError(f"category {key}: {sorted(unknown)} cannot be required")
    sealed_as = entry.get("sealed_as")
    return Category(
        key=key,
        name=name,
        required=required,
        subtypes=_words(key, entry.get("subtypes", {})),
        levels=_words(key, entry.get("levels", {})),
        has_amount=bool(entry.get("has_amount", False)),
        sealed_as=(str(sealed_as["category"]), str(sealed_as["subtype"])) if sealed_as else None,
    )


def _words(key: str, words: object) -> dict[str, str]:
    if not isinstance(words, dict) or not all(isinstance(part, str) for pair in words.items() for part in pair):
        raise PolicyError(f"category {key}: codes and words must be quoted texts")
    return words
