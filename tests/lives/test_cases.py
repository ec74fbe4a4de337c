"""Lives worked by hand, read by the services and by the second reading: both must say what the table says."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
import yaml
from lives import Life
from naive_visits import ZONE, Facts, Reading, Status, Told, grade_of

TABLES = sorted((Path(__file__).parents[2] / "services/visits/tests/domain/cases").glob("*.yaml"))
CASES = [case for table in TABLES for case in yaml.safe_load(table.read_text(encoding="utf-8"))]
BORN = {"weekly": date(1941, 1, 1), "monthly": date(1956, 1, 1)}
KNOWN = {"known": date(2026, 3, 2), "status": "living_alone_elder"}


def life_of(case: dict[str, Any]) -> list[Told]:
    """What became known, as both readings take it: facts whole each time."""
    facts = Facts(BORN[case["who"]] if "who" in case else case["born"])
    steps = [*([KNOWN] if "who" in case else []), *case.get("told", [])]
    told = []
    for number, step in enumerate(steps):
        at = _moment(step["known"])
        if "visit" in step:
            started = _moment(step.get("at", at))
            told.append(Told(at, None, started, step["visit"], step.get("id", f"visit-{number}")))
        else:
            facts = _learn(deepcopy(facts), step, at.date())
            told.append(Told(at, facts))
    return told


def _learn(facts: Facts, step: dict[str, Any], day: date) -> Facts:
    if "status" in step:
        facts.statuses = [one for one in facts.statuses if (one.category, one.decided) != _name(step, day)]
        facts.statuses.append(
            Status(
                category=step["status"],
                decided=_name(step, day)[1],
                subtype=step.get("subtype", ""),
                level=step.get("level", ""),
                **{key: step.get(key) for key in ("applied", "ended", "valid")},
            )
        )
    if "score" in step:
        facts.scores.append((step.get("assessed", day), step["score"]))
    if "died" in step:
        facts.died = step["died"] or None
    if "moved" in step or "returned" in step:
        out = step.get("moved") or facts.away.pop()[0]
        facts.away.append((out, step.get("returned")))
    if "admitted" in step or "left" in step:
        first = step.get("admitted") or facts.stays.pop()[0]
        facts.stays.append((first, step.get("left")))
    return facts


def _name(step: dict[str, Any], day: date) -> tuple[str, date | None]:
    return step["status"], step.get("decided", day) or None


def _moment(given: date | datetime | str) -> datetime:
    """A day at 09:00, or a moment written out."""
    if isinstance(given, datetime):
        return given if given.tzinfo else given.replace(tzinfo=ZONE)
    if isinstance(given, date):
        return datetime.combine(given, time(9), ZONE)
    return datetime.strptime(given, "%Y-%m-%d %H:%M").replace(tzinfo=ZONE)


def _overdues(rows: list[tuple[date, str, str]]) -> list[str]:
    return [" ".join((f"{day}", grade, state)) for day, grade, state in rows]


def _plans(rows: list[tuple[datetime, str, str]]) -> list[str]:
    return [" ".join(filter(None, (what, grade, f"{at.astimezone(ZONE):%Y-%m-%d %H:%M}"))) for at, what, grade in rows]


def _alerts(rows: list[tuple[Any, ...]]) -> list[str]:
    lines = []
    for kind, raised, severity, joined, steps, closed, closed_as in rows:
        end = f"{closed_as} {closed.astimezone(ZONE):%Y-%m-%d %H:%M} " if closed else ""
        taken = ", ".join(f"{step} {at.astimezone(ZONE):%Y-%m-%d %H:%M}" for step, at in steps)
        lines.append(f"{kind} {severity} {raised.astimezone(ZONE):%Y-%m-%d %H:%M} +{joined} > {end}| {taken}".rstrip())
    return lines


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_both_readings_say_what_was_worked_out_by_hand(case: dict[str, Any]) -> None:
    """Grade on the last day, plans, overdue visits, alerts: whatever the table names."""
    told, until = life_of(case), case["until"]
    plain, life = Reading(), Life()
    plain.read(deepcopy(told), until)
    life.live([replace(one) for one in told], until)
    said = {
        "grade": [plain.grade, life.file.plan.grade or "" if life.file.plan else ""],
        "plans": [_plans(plain.plans), _plans(life.plans())],
        "overdues": [_overdues(sorted(one.row() for one in plain.overdues)), _overdues(life.overdues())],
        "alerts": [_alerts(sorted(one.row() for one in plain.alerts)), _alerts(life.alerts())],
    }
    expected = {key: case[key] for key in said if key in case}
    assert expected
    assert {key: both for key, both in said.items() if key in case} == {
        key: [one, one] for key, one in expected.items()
    }
    assert case["why"]


def test_the_second_reading_grades_as_the_first_on_every_day_of_every_case() -> None:
    """Not only on the last day."""
    for case in CASES:
        last = life_of(case)[-1]
        if last.facts is not None:
            life = Life()
            life.live(life_of(case), case["until"])
            plan = life.file.plan
            assert plan is not None
            assert (plan.grade or "") == grade_of(last.facts, case["until"]), case["name"]
