"""The county's rules as the registry reads them: categories of status and kinds of facilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tuoqi.registry.domain.categories import Category, PolicyError, read_categories
from tuoqi.registry.domain.change import ChangePolicy, read_change_policy
from tuoqi.registry.domain.comparison import ComparisonPolicy, read_comparison_policy
from tuoqi.registry.domain.facility import FacilityRules, read_facility_rules
from tuoqi.registry.domain.figures import FigurePolicy, read_figures
from tuoqi.registry.domain.life import LifeRules, read_life
from tuoqi.registry.domain.scales import Scale, read_scales
from tuoqi.registry.domain.screening import ScreeningList, read_screening
from tuoqi.registry.domain.worker import PostPolicy, read_posts


@dataclass(frozen=True, slots=True)
class Policy:
    """What the folder `registry/` of a county says."""

    county: str
    """The six digits with which the county's region codes begin."""
    categories: Mapping[str, Category]
    facility_kinds: Mapping[str, str]
    """Code → Chinese word."""
    facility_rules: FacilityRules
    scales: Mapping[str, Scale]
    life: LifeRules = field(default_factory=LifeRules)
    screening: Mapping[str, ScreeningList] = field(default_factory=dict)
    posts: PostPolicy = field(default_factory=PostPolicy)
    figures: FigurePolicy = field(default_factory=FigurePolicy)
    changes: ChangePolicy = field(default_factory=ChangePolicy)
    comparison: ComparisonPolicy = field(default_factory=ComparisonPolicy)


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
    return Policy(
        county=county,
        categories=categories,
        facility_kinds=kinds,
        facility_rules=read_facility_rules(kinds, _rules_of_facilities(documents)),
        scales=read_scales(documents),
        life=read_life(documents),
        screening=read_screening(documents, categories),
        posts=read_posts(documents, kinds),
        changes=read_change_policy(documents),
        comparison=read_comparison_policy(documents, categories),
        figures=read_figures(documents, {one.sealed_as[0] for one in categories.values() if one.sealed_as}),
    )


def _rules_of_facilities(documents: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    found = [document["facility_rules"] for document in documents if "facility_rules" in document]
    if len(found) > 1 or not all(isinstance(rules, dict) for rules in found):
        raise PolicyError("`facility_rules` is one mapping, in one file")
    return found[0] if found else {}
