"""Reads the county's grade tables from plain data (a parsed policy file); a fault names its path and reason."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from tuoqi.visits.domain.grades import Condition, GradeRule, GradeTable, VisitPolicy
from tuoqi.visits.domain.windows import MONTHS_A_YEAR, Frequency

PERIOD_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": MONTHS_A_YEAR}


class PolicyError(ValueError):
    """A policy file that cannot be used: where in it (`path`, dotted) and why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def read_policy(data: object) -> VisitPolicy:
    """The grade tables of a file `{grade_tables: [...]}`; raises PolicyError."""
    top = _mapping(data, "", {"grade_tables"})
    tables = [_table(one, path) for one, path in _items(top.get("grade_tables"), "grade_tables")]
    days = [table.effective_from for table in tables]
    if days != sorted(set(days)):
        raise PolicyError("grade_tables", "effective dates must rise")
    return VisitPolicy(tuple(tables))


def _table(data: object, path: str) -> GradeTable:
    table = _mapping(data, path, {"effective_from", "document", "groups", "grades"})
    groups = _mapping(table.get("groups"), f"{path}.groups", None)
    bounds = {str(name): _group(group, f"{path}.groups.{name}") for name, group in groups.items()}
    rules = tuple(_rule(one, where, bounds) for one, where in _items(table.get("grades"), f"{path}.grades"))
    keys = [rule.key for rule in rules]
    if len(set(keys)) != len(keys):
        raise PolicyError(f"{path}.grades", "a grade stands twice")
    return GradeTable(_day(table.get("effective_from"), f"{path}.effective_from"), rules)


def _group(data: object, path: str) -> tuple[int, int]:
    group = _mapping(data, path, {"age_from", "age_below"})
    return _number(group, "age_from", path, 0), _number(group, "age_below", path, 0)


def _rule(data: object, path: str, groups: Mapping[str, tuple[int, int]]) -> GradeRule:
    row = _mapping(data, path, {"grade", "name", "group", "every", "any_of", "two_failed_tries"})
    group = str(row.get("group"))
    if group not in groups:
        raise PolicyError(f"{path}.group", f"unknown group {group}; there are {', '.join(sorted(groups))}")
    age_from, age_below = groups[group]
    alarm = row.get("two_failed_tries", False)
    if not isinstance(alarm, bool):
        raise PolicyError(f"{path}.two_failed_tries", "true or false is wanted")
    return GradeRule(
        key=_text(row.get("grade"), f"{path}.grade"),
        every=_frequency(row.get("every"), f"{path}.every"),
        any_of=tuple(_condition(one, where) for one, where in _items(row.get("any_of"), f"{path}.any_of")),
        age_from=age_from,
        age_below=age_below,
        two_failed_tries=alarm,
    )


def _frequency(data: object, path: str) -> Frequency:
    every = _mapping(data, path, {"days", "calendar"})
    if len(every) != 1:
        raise PolicyError(path, "either days or calendar is wanted")
    if "days" in every:
        days = _number(every, "days", path, 0)
        if days < 1:
            raise PolicyError(f"{path}.days", "at least 1 is wanted")
        return Frequency(days=days)
    period = str(every["calendar"])
    if period not in PERIOD_MONTHS:
        raise PolicyError(f"{path}.calendar", f"unknown period {period}; there are {', '.join(PERIOD_MONTHS)}")
    return Frequency(months=PERIOD_MONTHS[period])


def _condition(data: object, path: str) -> Condition:
    allowed = {"categories", "subtypes", "levels", "age_from", "score_from", "score_below"}
    row = _mapping(data, path, allowed)
    if not row:
        raise PolicyError(path, "an empty condition would fit everybody")
    if ("subtypes" in row or "levels" in row) and "categories" not in row:
        raise PolicyError(path, "subtypes and levels need categories")
    return Condition(
        categories=_texts(row, "categories", path),
        subtypes=_texts(row, "subtypes", path),
        levels=_texts(row, "levels", path),
        age_from=_number(row, "age_from", path, 0),
        score_from=_number(row, "score_from", path, 0) if "score_from" in row else None,
        score_below=_number(row, "score_below", path, 0) if "score_below" in row else None,
    )


def _mapping(data: object, path: str, allowed: set[str] | None) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise PolicyError(path or "file", "a mapping is wanted")
    unknown = sorted(str(key) for key in data if allowed is not None and key not in allowed)
    if unknown:
        raise PolicyError(path or "file", f"unknown key {unknown[0]}")
    return data


def _items(data: object, path: str) -> list[tuple[object, str]]:
    if not isinstance(data, list) or not data:
        raise PolicyError(path, "a list with at least one entry is wanted")
    return [(one, f"{path}[{place}]") for place, one in enumerate(data)]


def _texts(row: Mapping[str, Any], key: str, path: str) -> tuple[str, ...]:
    if key not in row:
        return ()
    return tuple(_text(one, where) for one, where in _items(row[key], f"{path}.{key}"))


def _text(data: object, path: str) -> str:
    if not isinstance(data, str) or not data:
        raise PolicyError(path, "a text is wanted")
    return data


def _number(row: Mapping[str, Any], key: str, path: str, default: int) -> int:
    value = row.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise PolicyError(f"{path}.{key}", "a whole number from 0 up is wanted")
    return value


def _day(data: object, path: str) -> date:
    """A day; YAML gives unquoted ISO dates as dates already."""
    if isinstance(data, date):
        return data
    try:
        return date.fromisoformat(str(data))
    except ValueError as error:
        raise PolicyError(path, "a date YYYY-MM-DD is wanted") from error
