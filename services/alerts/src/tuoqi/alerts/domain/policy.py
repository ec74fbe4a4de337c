"""Reads the county's rules about alerts from plain data (a parsed policy file); a fault names its path and reason."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from tuoqi.alerts.domain.rules import Act, AlertPolicy, AlertRules, KindRule, Rung, Severity, SeverityRule
from tuoqi.alerts.domain.terms import Term, WorkCalendar


class PolicyError(ValueError):
    """A policy file that cannot be used: where in it (`path`, dotted) and why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def read_policy(data: object, county_version: str = "") -> AlertPolicy:
    """The rules of a file `{alert_rules: [...], calendar: {...}}`; raises PolicyError."""
    top = _mapping(data, "file", {"alert_rules", "calendar"})
    calendar = _calendar(top.get("calendar", {}), "calendar")
    versions = [_rules(one, path, calendar) for one, path in _items(top.get("alert_rules"), "alert_rules")]
    days = [version.effective_from for version in versions]
    if days != sorted(set(days)):
        raise PolicyError("alert_rules", "effective dates must rise")
    return AlertPolicy(tuple(versions), county_version)


def _calendar(data: object, path: str) -> WorkCalendar:
    calendar = _mapping(data, path, {"holidays", "workdays"})
    days = {
        name: frozenset(_day(one, f"{path}.{name}[{place}]") for place, one in enumerate(calendar.get(name, [])))
        for name in ("holidays", "workdays")
    }
    return WorkCalendar(days["holidays"], days["workdays"])


def _rules(data: object, path: str, calendar: WorkCalendar) -> AlertRules:
    rules = _mapping(data, path, {"effective_from", "document", "not_acknowledged", "not_acted", "kinds"})
    ladders = _mapping(rules.get("not_acknowledged"), f"{path}.not_acknowledged", None)
    kinds = tuple(_kind(one, where) for one, where in _items(rules.get("kinds"), f"{path}.kinds"))
    if len({one.kind for one in kinds}) != len(kinds):
        raise PolicyError(f"{path}.kinds", "a kind stands twice")
    return AlertRules(
        effective_from=_day(rules.get("effective_from"), f"{path}.effective_from"),
        kinds=kinds,
        not_acknowledged={
            _severity(name, f"{path}.not_acknowledged"): _ladder(ladder, f"{path}.not_acknowledged.{name}")
            for name, ladder in ladders.items()
        },
        not_acted=_ladder(rules.get("not_acted"), f"{path}.not_acted"),
        calendar=calendar,
    )


def _ladder(data: object, path: str) -> tuple[Rung, ...]:
    rungs = []
    for one, where in _items(data, path):
        row = _mapping(one, where, {"step", "after"})
        rungs.append(Rung(_text(row.get("step"), f"{where}.step"), _term(row.get("after"), f"{where}.after")))
    if len({rung.step for rung in rungs}) != len(rungs):
        raise PolicyError(path, "a step stands twice")
    return tuple(rungs)


def _kind(data: object, path: str) -> KindRule:
    row = _mapping(data, path, {"kind", "name", "closes", "severities"})
    severities = tuple(_severity_rule(one, where) for one, where in _items(row.get("severities"), f"{path}.severities"))
    if len({one.severity for one in severities}) != len(severities):
        raise PolicyError(f"{path}.severities", "a severity stands twice")
    if sum(not one.grades for one in severities) != 1:
        raise PolicyError(f"{path}.severities", "exactly one entry without grades is wanted, for all others")
    return KindRule(
        kind=_text(row.get("kind"), f"{path}.kind"),
        name=_text(row.get("name"), f"{path}.name"),
        closes=_text(row.get("closes"), f"{path}.closes"),
        by_severity=severities,
    )


def _severity_rule(data: object, path: str) -> SeverityRule:
    row = _mapping(data, path, {"severity", "grades", "acknowledge", "act"})
    acts = []
    for one, where in _items(row["act"], f"{path}.act") if "act" in row else []:
        act = _mapping(one, where, {"what", "within"})
        acts.append(Act(_text(act.get("what"), f"{where}.what"), _term(act.get("within"), f"{where}.within")))
    grades = _items(row["grades"], f"{path}.grades") if "grades" in row else []
    return SeverityRule(
        severity=_severity(row.get("severity"), f"{path}.severity"),
        acknowledge=_term(row.get("acknowledge"), f"{path}.acknowledge"),
        acts=tuple(acts),
        grades=tuple(_text(one, where) for one, where in grades),
    )


def _severity(data: object, path: str) -> Severity:
    if data not in Severity.__members__:
        raise PolicyError(path, f"unknown severity {data}; there are {', '.join(Severity.__members__)}")
    return Severity[str(data)]


def _term(data: object, path: str) -> Term:
    row = _mapping(data, path, {"hours", "days", "working_days", "same_day"})
    if len(row) != 1:
        raise PolicyError(path, "one of hours, days, working_days, same_day is wanted")
    ((unit, amount),) = row.items()
    if unit == "same_day":
        if amount is not True:
            raise PolicyError(f"{path}.same_day", "true is wanted")
        return Term(same_day=True)
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 1:
        raise PolicyError(f"{path}.{unit}", "a whole number from 1 up is wanted")
    return Term(working_days=amount) if unit == "working_days" else Term(running=timedelta(**{unit: amount}))


def _mapping(data: object, path: str, allowed: set[str] | None) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise PolicyError(path, "a mapping is wanted")
    unknown = sorted(str(key) for key in data if allowed is not None and key not in allowed)
    if unknown:
        raise PolicyError(path, f"unknown key {unknown[0]}")
    return data


def _items(data: object, path: str) -> list[tuple[object, str]]:
    if not isinstance(data, list) or not data:
        raise PolicyError(path, "a list with at least one entry is wanted")
    return [(one, f"{path}[{place}]") for place, one in enumerate(data)]


def _text(data: object, path: str) -> str:
    if not isinstance(data, str) or not data:
        raise PolicyError(path, "a text is wanted")
    return data


def _day(data: object, path: str) -> date:
    """A day; YAML gives unquoted ISO dates as dates already."""
    if isinstance(data, date):
        return data
    try:
        return date.fromisoformat(str(data))
    except ValueError as error:
        raise PolicyError(path, "a date YYYY-MM-DD is wanted") from error
