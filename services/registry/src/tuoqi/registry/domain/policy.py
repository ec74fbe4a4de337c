"""The county's rules as the registry reads them: categories of status and kinds of facilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuoqi.registry.domain.categories import Category, PolicyError, read_categories


@dataclass(frozen=True, slots=True)
class Policy:
    """What the folder `registry/` of a county says."""

    county: str
    """The six digits with which the county's region codes begin."""
    categories: Mapping[str, Category]
    facility_kinds: Mapping[str, str]
    """Code → Chinese word."""


def read_policy(county: str, documents: Sequence[Mapping[str, Any]]) -> Policy:
    """The policy from the content of its files. Raises PolicyError."""
    kinds: dict[str, str] = {}
    for document in documents:
        for key, word in document.get("facility_kinds", {}).items():
            if not isinstance(key, str) or not isinstance(word, str) or key in kinds:
                raise PolicyError(f"facility kind {key!r}: a quoted word is expected, once")
            kinds[key] = word
    categories = read_categories([document for document in documents if "categories" in document])
    if not categories or not kinds:
        raise PolicyError("the registry's policy needs `categories` and `facility_kinds`")
    return Policy(county=county, categories=categories, facility_kinds=kinds)
