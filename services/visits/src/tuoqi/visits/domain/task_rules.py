"""The county's rules of who looks after whom and of extra tasks, read from plain data; a fault names its path."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final

from tuoqi.visits.domain.fields import PolicyError, items, mapping, number, one_of, text, texts

LEVELS: Final = {"village": 12, "township": 9, "county": 6}
"""Digits of a region code that count at a level; the rest are noughts."""
HUNDRED: Final = 100
_HOUR_MINUTES: Final = 60


@dataclass(frozen=True, slots=True)
class Duty:
    """Which grades go to which posts: `tiers` in order, the posts of one tier alike."""

    grades: tuple[str, ...]
    tiers: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class CarerRule:
    """What the death of a carer orders: within `hours`, where it became known within so many days.

    `household_grades`: whoever lived in one household with the dead and has one of these grades counts as looked after.
    """

    kind: str = "carer_died"
    hours: int = 24
    within_days: int = 30
    household_grades: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskRules:
    """Everything of `tasks.yaml`. Without duties nobody is shared out."""

    duties: tuple[Duty, ...] = ()
    reach: tuple[str, ...] = ("village", "township")
    """Levels on which a post is looked for, the nearest first."""
    tolerance_percent: int = 25
    share_every_minutes: int = 15
    weights: Mapping[str, int] = field(default_factory=dict)
    """Visits a month by grade, in hundredths."""
    grade_names: Mapping[str, str] = field(default_factory=dict)
    per_day: int = 12
    near_days: int = 3
    kinds: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Kind of task → its Chinese word, and within how many hours it is due where nobody says otherwise."""
    weather_kind: str = "weather"
    weather_grades: tuple[str, ...] = ()
    weather_late_hours: int = 24
    carer: CarerRule = field(default_factory=CarerRule)

    def weight(self, grade: str) -> int:
        """Expected visits a month, in hundredths; a grade that the file does not name counts as one a month."""
        return self.weights.get(grade, HUNDRED)

    def duty(self, grade: str) -> Duty | None:
        """Who looks after people of this grade."""
        return next((duty for duty in self.duties if grade in duty.grades), None)

    def grade_name(self, grade: str) -> str:
        """The grade in Chinese."""
        return self.grade_names.get(grade, grade)

    def kind_name(self, kind: str) -> str:
        """The kind of a task in Chinese."""
        return self.kinds[kind][0] if kind in self.kinds else kind


def read_task_rules(data: object) -> TaskRules:
    """The rules of a file; raises PolicyError."""
    top = mapping(data, "", {"assignment", "grades", "day_list", "extra_tasks"})
    where = "assignment"
    sharing = mapping(top.get(where), where, {"duties", "reach", "tolerance_percent", "share_every_minutes"})
    every = number(sharing, "share_every_minutes", where, 15, least=1)
    if _HOUR_MINUTES % every:
        raise PolicyError("assignment.share_every_minutes", "应能整除 60")
    grades = [_grade(one, path) for one, path in items(top.get("grades"), "grades")]
    day = mapping(top.get("day_list"), "day_list", {"per_day", "near_days"})
    extra = mapping(top.get("extra_tasks"), "extra_tasks", {"kinds", "weather", "carer_died"})
    kinds = dict(_kind(one, path) for one, path in items(extra.get("kinds"), "extra_tasks.kinds"))
    at = "extra_tasks.weather"
    weather = mapping(extra.get("weather"), at, {"kind", "grades", "late_hours"})
    return TaskRules(
        duties=tuple(_duty(one, path) for one, path in items(sharing.get("duties"), f"{where}.duties")),
        reach=tuple(one_of(one, path, LEVELS) for one, path in items(sharing.get("reach"), f"{where}.reach")),
        tolerance_percent=number(sharing, "tolerance_percent", where, 25),
        share_every_minutes=every,
        weights={key: weight for key, _, weight in grades},
        grade_names={key: name for key, name, _ in grades},
        per_day=number(day, "per_day", "day_list", 12, least=1),
        near_days=number(day, "near_days", "day_list", 3),
        kinds=kinds,
        weather_kind=one_of(weather.get("kind"), f"{at}.kind", kinds),
        weather_grades=texts(weather, "grades", at),
        weather_late_hours=number(weather, "late_hours", at, 24, least=1),
        carer=_carer(extra.get("carer_died"), "extra_tasks.carer_died", kinds),
    )


def _duty(data: object, path: str) -> Duty:
    row = mapping(data, path, {"grades", "posts"})
    tiers = [_all(tier, where) for tier, where in items(row.get("posts"), f"{path}.posts")]
    return Duty(_all(row.get("grades"), f"{path}.grades"), tuple(tiers))


def _all(data: object, path: str) -> tuple[str, ...]:
    return tuple(text(one, where) for one, where in items(data, path))


def _grade(data: object, path: str) -> tuple[str, str, int]:
    row = mapping(data, path, {"grade", "name", "visits_a_month"})
    try:
        visits = Decimal(str(row.get("visits_a_month"))) * HUNDRED
    except InvalidOperation:
        visits = Decimal(0)
    if not visits.is_finite() or visits != visits.to_integral_value() or visits <= 0:
        raise PolicyError(f"{path}.visits_a_month", "应为大于 0 的数，至多两位小数")
    return text(row.get("grade"), f"{path}.grade"), text(row.get("name"), f"{path}.name"), int(visits)


def _kind(data: object, path: str) -> tuple[str, tuple[str, int]]:
    row = mapping(data, path, {"kind", "name", "hours"})
    named = text(row.get("name"), f"{path}.name"), number(row, "hours", path, 24, least=1)
    return text(row.get("kind"), f"{path}.kind"), named


def _carer(data: object, path: str, kinds: Mapping[str, object]) -> CarerRule:
    row = mapping(data, path, {"kind", "hours", "within_days", "household_grades"})
    return CarerRule(
        kind=one_of(row.get("kind"), f"{path}.kind", kinds),
        hours=number(row, "hours", path, 24, least=1),
        within_days=number(row, "within_days", path, 30),
        household_grades=texts(row, "household_grades", path),
    )
