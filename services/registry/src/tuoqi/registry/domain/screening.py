"""Screening lists 动态排查 as the county's policy defines them: conditions of a closed vocabulary, no SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from tuoqi.registry.domain.categories import PolicyError, find_code

GONE: Final = "gone"
"""The outcome of a row that no longer fits."""
VOCABULARY: Final = frozenset(
    {"age", "in", "not_in", "never", "lapsed", "open", "score", "died", "not_visited", "agreement", "region"}
)
ANY: Final = "any"
_ABOUT_CATEGORIES: Final = frozenset({"in", "not_in", "never", "lapsed", "open"})
_MAY_BE_ANY: Final = frozenset({"lapsed", "open"})
_LIST_KEYS: Final = frozenset({"key", "title", "who", "outcomes", "about_children"})


@dataclass(frozen=True, slots=True)
class Condition:
    """One word of the vocabulary with what it needs; a person must meet all of a list's."""

    word: str
    categories: tuple[str, ...] = ()
    """For words about categories; empty: any."""
    numbers: Mapping[str, int] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a row may come to."""

    code: str
    name: str
    again_after_days: int | None = None
    """The person may stand on the list again after so many days; None = never."""

    def again_on(self, day: date) -> date | None:
        """The first such day, for a row decided on this one."""
        return None if self.again_after_days is None else day + timedelta(days=self.again_after_days)


@dataclass(frozen=True, slots=True)
class ScreeningList:
    """One list."""

    key: str
    title: str
    who: tuple[Condition, ...]
    outcomes: Mapping[str, Outcome]
    about_children: bool = False

    @property
    def wants_dead(self) -> bool:
        """It looks for people who died; every other list looks at people alive and not moved away."""
        return any(one.word == "died" for one in self.who)

    def outcome(self, named: str) -> Outcome | None:
        """The outcome that a code or word means."""
        code = find_code(named, {code: (one.name,) for code, one in self.outcomes.items()})
        return self.outcomes.get(code)


def read_screening(
    documents: Sequence[Mapping[str, Any]], categories: Mapping[str, object]
) -> dict[str, ScreeningList]:
    """The lists by key from the content of policy files. Raises PolicyError."""
    found: dict[str, ScreeningList] = {}
    for document in documents:
        for entry in document.get("screening", ()):
            one = _list(entry, categories)
            if one.key in found:
                raise PolicyError(f"screening list {one.key} is defined twice")
            found[one.key] = one
    return found


def _list(entry: object, categories: Mapping[str, object]) -> ScreeningList:
    if not isinstance(entry, dict) or not isinstance(entry.get("key"), str) or not isinstance(entry.get("title"), str):
        raise PolicyError(f"a screening list needs a `key` and a `title`: {entry!r}")
    key = entry["key"]
    if unknown := entry.keys() - _LIST_KEYS:
        raise PolicyError(f"screening list {key}: unknown {sorted(unknown)}")
    conditions = entry.get("who")
    outcomes = entry.get("outcomes")
    if not isinstance(conditions, list) or not conditions or not isinstance(outcomes, dict) or GONE in outcomes:
        raise PolicyError(f"screening list {key}: `who` and `outcomes` are needed, no outcome may be called {GONE}")
    return ScreeningList(
        key=key,
        title=entry["title"],
        who=tuple(_condition(f"screening list {key}", one, categories) for one in conditions),
        outcomes={str(code): _outcome(key, str(code), content) for code, content in outcomes.items()},
        about_children=bool(entry.get("about_children", False)),
    )


def _outcome(key: str, code: str, content: object) -> Outcome:
    if not isinstance(content, dict) or not isinstance(content.get("name"), str):
        raise PolicyError(f"screening list {key}: outcome {code} needs a `name`")
    days = content.get("again_after_days")
    if days is not None and (not isinstance(days, int) or days < 0):
        raise PolicyError(f"screening list {key}: outcome {code}: again_after_days is a number of days")
    return Outcome(code, content["name"], days)


def _condition(where: str, entry: object, categories: Mapping[str, object]) -> Condition:
    if not isinstance(entry, dict) or len(entry) != 1:
        raise PolicyError(f"{where}: each condition is one word with its value, not {entry!r}")
    ((word, value),) = entry.items()
    if word not in VOCABULARY:
        raise PolicyError(f"{where}: unknown condition {word!r}; known: {', '.join(sorted(VOCABULARY))}")
    if word in _ABOUT_CATEGORIES:
        return Condition(
            word, categories=_categories(f"{where}: {word}", value, categories, any_too=word in _MAY_BE_ANY)
        )
    if word == "age":
        return Condition(word, numbers=_numbers(f"{where}: age", value, {"at_least", "below", "within_days"}))
    if word == "score":
        scale = value.get("scale") if isinstance(value, dict) else None
        if not isinstance(scale, str):
            raise PolicyError(f"{where}: score needs a `scale`")
        bounds = {name: number for name, number in value.items() if name != "scale"}
        return Condition(word, numbers=_numbers(f"{where}: score", bounds, {"at_least", "below"}), text=scale)
    if word == "not_visited":
        return Condition(
            word, numbers={} if value == "ever" else _numbers(f"{where}: {word}", {"days": value}, {"days"})
        )
    allowed = {
        "died": value is True,
        "agreement": value == "missing",
        "region": isinstance(value, str) and value.isdigit(),
    }
    if not allowed[word]:
        raise PolicyError(f"{where}: {word}: {value!r} cannot be used")
    return Condition(word, text=str(value))


def _categories(where: str, value: object, known: Mapping[str, object], *, any_too: bool) -> tuple[str, ...]:
    if any_too and value == ANY:
        return ()
    if not isinstance(value, list) or not value or {str(one) for one in value} - known.keys():
        raise PolicyError(f"{where}: a list of known categories is expected, not {value!r}")
    return tuple(str(one) for one in value)


def _numbers(where: str, value: object, allowed: set[str]) -> dict[str, int]:
    if not isinstance(value, dict) or not value or value.keys() - allowed:
        raise PolicyError(f"{where}: some of {sorted(allowed)} are expected, not {value!r}")
    if not all(isinstance(number, int) and number >= 0 for number in value.values()):
        raise PolicyError(f"{where}: numbers are expected, not {value!r}")
    return dict(value)
