"""Reads the county's grade tables from plain data (a parsed policy file); a fault names its path and reason."""

from collections.abc import Mapping

from tuoqi.visits.domain.fields import PolicyError, day, items, mapping, number, text, texts, truth
from tuoqi.visits.domain.grades import Condition, GradeRule, GradeTable, VisitPolicy
from tuoqi.visits.domain.windows import MONTHS_A_YEAR, Frequency

PERIOD_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": MONTHS_A_YEAR}


def read_policy(data: object) -> VisitPolicy:
    """The grade tables of a file `{grade_tables: [...]}`; raises PolicyError."""
    top = mapping(data, "", {"grade_tables"})
    tables = [_table(one, path) for one, path in items(top.get("grade_tables"), "grade_tables")]
    days = [table.effective_from for table in tables]
    if days != sorted(set(days)):
        raise PolicyError("grade_tables", "生效日期须依次递增")
    return VisitPolicy(tuple(tables))


def _table(data: object, path: str) -> GradeTable:
    table = mapping(data, path, {"effective_from", "document", "groups", "grades"})
    groups = mapping(table.get("groups"), f"{path}.groups", None)
    bounds = {str(name): _group(group, f"{path}.groups.{name}") for name, group in groups.items()}
    rules = tuple(_rule(one, where, bounds) for one, where in items(table.get("grades"), f"{path}.grades"))
    keys = [rule.key for rule in rules]
    if len(set(keys)) != len(keys):
        raise PolicyError(f"{path}.grades", "同一等级写了两次")
    return GradeTable(day(table.get("effective_from"), f"{path}.effective_from"), rules)


def _group(data: object, path: str) -> tuple[int, int]:
    group = mapping(data, path, {"age_from", "age_below"})
    return number(group, "age_from", path, 0), number(group, "age_below", path, 0)


def _rule(data: object, path: str, groups: Mapping[str, tuple[int, int]]) -> GradeRule:
    row = mapping(data, path, {"grade", "name", "group", "every", "any_of", "two_failed_tries"})
    group = str(row.get("group"))
    if group not in groups:
        raise PolicyError(f"{path}.group", f"没有“{group}”这一组，可用：{'、'.join(sorted(groups))}")
    age_from, age_below = groups[group]
    return GradeRule(
        key=text(row.get("grade"), f"{path}.grade"),
        every=_frequency(row.get("every"), f"{path}.every"),
        any_of=tuple(_condition(one, where) for one, where in items(row.get("any_of"), f"{path}.any_of")),
        age_from=age_from,
        age_below=age_below,
        two_failed_tries=truth(row, "two_failed_tries", path),
    )


def _frequency(data: object, path: str) -> Frequency:
    every = mapping(data, path, {"days", "calendar"})
    if len(every) != 1:
        raise PolicyError(path, "days 和 calendar 须写其一")
    if "days" in every:
        return Frequency(days=number(every, "days", path, 0, least=1))
    period = str(every["calendar"])
    if period not in PERIOD_MONTHS:
        raise PolicyError(f"{path}.calendar", f"不认识“{period}”，可用：{'、'.join(PERIOD_MONTHS)}")
    return Frequency(months=PERIOD_MONTHS[period])


def _condition(data: object, path: str) -> Condition:
    allowed = {"categories", "subtypes", "levels", "age_from", "score_from", "score_below"}
    row = mapping(data, path, allowed)
    if not row:
        raise PolicyError(path, "空的条件会适用于所有人")
    if ("subtypes" in row or "levels" in row) and "categories" not in row:
        raise PolicyError(path, "写了 subtypes 或 levels，须同时写 categories")
    return Condition(
        categories=texts(row, "categories", path),
        subtypes=texts(row, "subtypes", path),
        levels=texts(row, "levels", path),
        age_from=number(row, "age_from", path, 0),
        score_from=number(row, "score_from", path, 0) if "score_from" in row else None,
        score_below=number(row, "score_below", path, 0) if "score_below" in row else None,
    )
