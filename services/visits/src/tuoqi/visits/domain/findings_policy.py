"""Reads the county's findings file from plain data; a fault names its place and reason."""

from collections.abc import Collection, Mapping
from typing import Any

from tuoqi.visits.domain.fields import PolicyError, day, items, mapping, number, one_of, text, texts
from tuoqi.visits.domain.findings import LOOK_AT, FindingRule, FindingRules, FindingTable, ForWhom, Referring
from tuoqi.visits.domain.terms import WorkCalendar, read_calendar, read_term

ROW_KEYS = {"code", "name", "group", "for", "alert", "refer", "joins_within_days"}
TABLE_KEYS = {
    "effective_from", "document", "people", "groups", "departments", "unknown", "joins_within_days", "findings",
}  # fmt: skip


def read_finding_rules(data: object) -> FindingRules:
    """The versions of a file `{calendar, finding_rules: [...]}`; raises PolicyError."""
    top = mapping(data, "", {"calendar", "finding_rules"})
    calendar = read_calendar(top["calendar"], "calendar") if "calendar" in top else WorkCalendar()
    tables = tuple(_table(one, path) for one, path in items(top.get("finding_rules"), "finding_rules"))
    days = [table.effective_from for table in tables]
    if days != sorted(set(days)):
        raise PolicyError("finding_rules", "生效日期须依次递增")
    return FindingRules(tables, calendar)


def _table(data: object, path: str) -> FindingTable:
    row = mapping(data, path, TABLE_KEYS)
    departments = _names(row.get("departments"), f"{path}.departments")
    groups = _names(row.get("groups"), f"{path}.groups")
    people = {
        str(name): _ages(one, f"{path}.people.{name}")
        for name, one in mapping(row.get("people"), f"{path}.people", None).items()
    }
    joins = number(row, "joins_within_days", path, 30)
    rules: dict[str, tuple[FindingRule, ...]] = {}
    for one, where in items(row.get("findings"), f"{path}.findings"):
        rule = _rule(one, where, departments, groups, people, joins)
        before = rules.get(rule.code.lower(), ())
        if any(earlier.whom == ForWhom() for earlier in before):
            raise PolicyError(where, f"“{rule.code}”前面已有一项适用于所有人")
        rules[rule.code.lower()] = (*before, rule)
    return FindingTable(
        effective_from=day(row.get("effective_from"), f"{path}.effective_from"),
        departments=departments,
        rules=rules,
        unknown=_referring(row.get("unknown"), f"{path}.unknown", departments, LOOK_AT),
        joins_days=joins,
    )


def _rule(
    data: object,
    path: str,
    departments: Collection[str],
    groups: Collection[str],
    people: Mapping[str, tuple[int, int]],
    joins: int,
) -> FindingRule:
    row = mapping(data, path, ROW_KEYS)
    refer = items(row["refer"], f"{path}.refer") if "refer" in row else []
    return FindingRule(
        code=text(row.get("code"), f"{path}.code"),
        name=text(row.get("name"), f"{path}.name"),
        group=one_of(row.get("group"), f"{path}.group", groups),
        whom=_whom(row["for"], f"{path}.for", people) if "for" in row else ForWhom(),
        alert=text(row["alert"], f"{path}.alert") if "alert" in row else "",
        refer=tuple(_referring(one, where, departments) for one, where in refer),
        joins_days=number(row, "joins_within_days", path, joins),
    )


def _whom(data: object, path: str, people: Mapping[str, tuple[int, int]]) -> ForWhom:
    row = mapping(data, path, {"who", "age_from", "age_below", "grades"})
    first, below = people[one_of(row["who"], f"{path}.who", people)] if "who" in row else (0, 0)
    return ForWhom(
        age_from=number(row, "age_from", path, first),
        age_below=number(row, "age_below", path, below),
        grades=texts(row, "grades", path),
    )


def _referring(data: object, path: str, departments: Collection[str], reason: str = "") -> Referring:
    row = mapping(data, path, {"to", "within"})
    department = one_of(row.get("to"), f"{path}.to", departments)
    term = read_term(row.get("within"), f"{path}.within")
    return Referring(department, term, reason) if reason else Referring(department, term)


def _names(data: object, path: str) -> dict[str, str]:
    row: Mapping[str, Any] = mapping(data, path, None)
    return {str(code): text(name, f"{path}.{code}") for code, name in row.items()}


def _ages(data: object, path: str) -> tuple[int, int]:
    row = mapping(data, path, {"age_from", "age_below"})
    return number(row, "age_from", path, 0), number(row, "age_below", path, 0)
