"""Reads the county's rules about alerts from plain data (a parsed policy file); a fault names its path and reason."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from tuoqi.alerts.domain.acts import CLOSE_RULES
from tuoqi.alerts.domain.fields import PolicyError, day, items, mapping, number, one_of, text, texts, truth
from tuoqi.alerts.domain.parts import PERSON, SUBJECTS
from tuoqi.alerts.domain.rules import Act, AlertPolicy, AlertRules, Coded, KindRule, Rung, Severity, SeverityRule
from tuoqi.alerts.domain.terms import Term, WorkCalendar

REOPEN_DAYS = 30


def read_policy(data: object, county_version: str = "") -> AlertPolicy:
    """The rules of a file `{alert_rules: [...], calendar: {...}, reopen_within_days: n}`; raises PolicyError."""
    top = mapping(data, "", {"alert_rules", "calendar", "reopen_within_days"})
    calendar = _calendar(top.get("calendar", {}), "calendar")
    versions = [_rules(one, path, calendar) for one, path in items(top.get("alert_rules"), "alert_rules")]
    days = [version.effective_from for version in versions]
    if days != sorted(set(days)):
        raise PolicyError("alert_rules", "生效日期须依次递增")
    within = number(top, "reopen_within_days", "", REOPEN_DAYS, least=1)
    return AlertPolicy(tuple(versions), county_version, timedelta(days=within))


def _calendar(data: object, path: str) -> WorkCalendar:
    calendar = mapping(data, path, {"holidays", "workdays", "years"})
    parts = [(calendar, path)]
    for one, where in items(calendar["years"], f"{path}.years") if "years" in calendar else []:
        row = mapping(one, where, {"year", "document", "holidays", "workdays"})
        year = number(row, "year", where, 0, least=1)
        if any(found.year != year for name in ("holidays", "workdays") for found in _days(row, name, where)):
            raise PolicyError(where, f"有不属于 {year} 年的日期")
        parts.append((row, where))
    return WorkCalendar(
        frozenset(found for row, where in parts for found in _days(row, "holidays", where)),
        frozenset(found for row, where in parts for found in _days(row, "workdays", where)),
    )


def _days(row: Mapping[str, Any], name: str, path: str) -> list[date]:
    return [day(one, f"{path}.{name}[{place}]") for place, one in enumerate(row.get(name, []))]


def _rules(data: object, path: str, calendar: WorkCalendar) -> AlertRules:
    rules = mapping(data, path, {"effective_from", "document", "not_acknowledged", "not_acted", "kinds"})
    ladders = mapping(rules.get("not_acknowledged"), f"{path}.not_acknowledged", None)
    kinds = tuple(_kind(one, where) for one, where in items(rules.get("kinds"), f"{path}.kinds"))
    if len({one.kind for one in kinds}) != len(kinds):
        raise PolicyError(f"{path}.kinds", "同一种类写了两次")
    return AlertRules(
        effective_from=day(rules.get("effective_from"), f"{path}.effective_from"),
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
    for one, where in items(data, path):
        row = mapping(one, where, {"step", "after"})
        rungs.append(Rung(text(row.get("step"), f"{where}.step"), _term(row.get("after"), f"{where}.after")))
    if len({rung.step for rung in rungs}) != len(rungs):
        raise PolicyError(path, "同一级写了两次")
    return tuple(rungs)


_KIND_FIELDS = {
    "kind", "name", "closes", "severities", "restricted", "reported", "subjects", "causes", "outcomes",
    "acknowledged_by", "needs",
}  # fmt: skip


def _kind(data: object, path: str) -> KindRule:
    row = mapping(data, path, _KIND_FIELDS)
    severities = tuple(_severity_rule(one, where) for one, where in items(row.get("severities"), f"{path}.severities"))
    if len({one.severity for one in severities}) != len(severities):
        raise PolicyError(f"{path}.severities", "同一严重程度写了两次")
    if sum(not one.grades for one in severities) != 1:
        raise PolicyError(f"{path}.severities", "须有且仅有一项不写 grades，适用于其余的人")
    rule = KindRule(
        kind=text(row.get("kind"), f"{path}.kind"),
        name=text(row.get("name"), f"{path}.name"),
        closes=one_of(row.get("closes"), f"{path}.closes", CLOSE_RULES),
        by_severity=severities,
        restricted=truth(row, "restricted", path),
        reported=truth(row, "reported", path),
        subjects=texts(row, "subjects", path) or (PERSON,),
        causes=_codes(row, "causes", path),
        outcomes=_codes(row, "outcomes", path),
        acknowledged_by=text(row["acknowledged_by"], f"{path}.acknowledged_by") if "acknowledged_by" in row else "",
        needs=texts(row, "needs", path),
    )
    for place, subject in enumerate(rule.subjects):
        one_of(subject, f"{path}.subjects[{place}]", SUBJECTS)
    return rule


def _codes(row: Mapping[str, Any], key: str, path: str) -> tuple[Coded, ...]:
    codes = []
    for one, where in items(row[key], f"{path}.{key}") if key in row else []:
        entry = mapping(one, where, {"code", "name", "finding"})
        finding = text(entry["finding"], f"{where}.finding") if "finding" in entry else ""
        codes.append(Coded(text(entry.get("code"), f"{where}.code"), text(entry.get("name"), f"{where}.name"), finding))
    if len({one.code for one in codes}) != len(codes):
        raise PolicyError(f"{path}.{key}", "同一代码写了两次")
    return tuple(codes)


def _severity_rule(data: object, path: str) -> SeverityRule:
    row = mapping(data, path, {"severity", "grades", "acknowledge", "act"})
    acts = tuple(_act(one, where) for one, where in (items(row["act"], f"{path}.act") if "act" in row else []))
    grades = items(row["grades"], f"{path}.grades") if "grades" in row else []
    return SeverityRule(
        severity=_severity(row.get("severity"), f"{path}.severity"),
        acknowledge=_term(row.get("acknowledge"), f"{path}.acknowledge"),
        acts=acts,
        grades=tuple(text(one, where) for one, where in grades),
    )


def _act(data: object, path: str) -> Act:
    act = mapping(data, path, {"what", "within", "extends"})
    what, within = text(act.get("what"), f"{path}.what"), _term(act.get("within"), f"{path}.within")
    if "extends" not in act:
        return Act(what, within)
    extends = mapping(act["extends"], f"{path}.extends", {"by", "within"})
    by = text(extends.get("by"), f"{path}.extends.by")
    return Act(what, within, by, _term(extends.get("within"), f"{path}.extends.within"))


def _severity(data: object, path: str) -> Severity:
    if data not in Severity.__members__:
        raise PolicyError(path, f"不认识“{data}”，可用：{'、'.join(Severity.__members__)}")
    return Severity[str(data)]


def _term(data: object, path: str) -> Term:
    row = mapping(data, path, {"hours", "days", "working_days", "same_day"})
    if len(row) != 1:
        raise PolicyError(path, "hours、days、working_days、same_day 须写其一")
    ((unit, amount),) = row.items()
    if unit == "same_day":
        if amount is not True:
            raise PolicyError(f"{path}.same_day", "应为 true")
        return Term(same_day=True)
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 1:
        raise PolicyError(f"{path}.{unit}", "应为不小于 1 的整数")
    return Term(working_days=amount) if unit == "working_days" else Term(running=timedelta(**{unit: amount}))
