"""Reads the county's rules about alerts from plain data (a parsed policy file); a fault names its path and reason."""

from datetime import timedelta

from tuoqi.alerts.domain.fields import PolicyError, day, items, mapping, text
from tuoqi.alerts.domain.rules import Act, AlertPolicy, AlertRules, KindRule, Rung, Severity, SeverityRule
from tuoqi.alerts.domain.terms import Term, WorkCalendar


def read_policy(data: object, county_version: str = "") -> AlertPolicy:
    """The rules of a file `{alert_rules: [...], calendar: {...}}`; raises PolicyError."""
    top = mapping(data, "", {"alert_rules", "calendar"})
    calendar = _calendar(top.get("calendar", {}), "calendar")
    versions = [_rules(one, path, calendar) for one, path in items(top.get("alert_rules"), "alert_rules")]
    days = [version.effective_from for version in versions]
    if days != sorted(set(days)):
        raise PolicyError("alert_rules", "生效日期须依次递增")
    return AlertPolicy(tuple(versions), county_version)


def _calendar(data: object, path: str) -> WorkCalendar:
    calendar = mapping(data, path, {"holidays", "workdays"})
    days = {
        name: frozenset(day(one, f"{path}.{name}[{place}]") for place, one in enumerate(calendar.get(name, [])))
        for name in ("holidays", "workdays")
    }
    return WorkCalendar(days["holidays"], days["workdays"])


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


def _kind(data: object, path: str) -> KindRule:
    row = mapping(data, path, {"kind", "name", "closes", "severities"})
    severities = tuple(_severity_rule(one, where) for one, where in items(row.get("severities"), f"{path}.severities"))
    if len({one.severity for one in severities}) != len(severities):
        raise PolicyError(f"{path}.severities", "同一严重程度写了两次")
    if sum(not one.grades for one in severities) != 1:
        raise PolicyError(f"{path}.severities", "须有且仅有一项不写 grades，适用于其余的人")
    return KindRule(
        kind=text(row.get("kind"), f"{path}.kind"),
        name=text(row.get("name"), f"{path}.name"),
        closes=text(row.get("closes"), f"{path}.closes"),
        by_severity=severities,
    )


def _severity_rule(data: object, path: str) -> SeverityRule:
    row = mapping(data, path, {"severity", "grades", "acknowledge", "act"})
    acts = []
    for one, where in items(row["act"], f"{path}.act") if "act" in row else []:
        act = mapping(one, where, {"what", "within"})
        acts.append(Act(text(act.get("what"), f"{where}.what"), _term(act.get("within"), f"{where}.within")))
    grades = items(row["grades"], f"{path}.grades") if "grades" in row else []
    return SeverityRule(
        severity=_severity(row.get("severity"), f"{path}.severity"),
        acknowledge=_term(row.get("acknowledge"), f"{path}.acknowledge"),
        acts=tuple(acts),
        grades=tuple(text(one, where) for one, where in grades),
    )


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
