"""A visit file as compact JSON and back: what no query asks for needs no column of its own."""

from __future__ import annotations

import json
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from tuoqi.visits.domain.facts import Absence, CareFacts, GuardianshipScore, PersonFacts, Standing, StatusInterval, Stay
from tuoqi.visits.domain.file import CareTold, RecordTold, VisitFile
from tuoqi.visits.domain.happenings import OverdueState
from tuoqi.visits.domain.plan import Overdue, Try, VisitPlan, VisitRecord
from tuoqi.visits.domain.tasks import ExtraTask
from tuoqi.visits.domain.windows import Window


def encode(file: VisitFile) -> str:
    """Everything but what has columns: person, version, region and the next due moment."""
    content: dict[str, Any] = {"seen": [file.person_version, file.status_version]}
    if file.early:
        content["early"] = [_early_out(one) for one in file.early]
    if file.plan is not None:
        content["plan"] = _plan_out(file.plan)
    if file.tasks:
        content["tasks"] = [_task_out(one) for one in file.tasks]
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def decode(person_id: str, version: int, region: str, due_at: datetime | None, state: str) -> VisitFile:
    """The file as it was saved."""
    content = json.loads(state)
    person_version, status_version = content["seen"]
    return VisitFile(
        person_id=person_id,
        version=version,
        region=region,
        person_version=person_version,
        status_version=status_version,
        plan=_plan_in(person_id, content["plan"]) if "plan" in content else None,
        early=tuple(_early_in(one) for one in content.get("early", ())),
        due_at=due_at,
        tasks=tuple(_task_in(one) for one in content.get("tasks", ())),
    )


@lru_cache(maxsize=10_000)
def standing_text(standing: Standing) -> str:
    """A standing as its column has it: equal ones are equal texts."""
    return json.dumps([standing.absent, standing.score, standing.statuses], ensure_ascii=False, separators=(",", ":"))


def standing_of(text: str) -> Standing:
    """And back."""
    absent, score, statuses = json.loads(text)
    return Standing(absent, score, tuple((category, subtype, level) for category, subtype, level in statuses))


def _plan_out(plan: VisitPlan) -> dict[str, Any]:
    facts = plan.facts
    content = {
        "born": _out(facts.birth_date),
        "died": _out(facts.died_on),
        "away": [[_out(one.moved_out_on), _out(one.returned_on)] for one in facts.absences],
        **_care_out(facts),
        "merged": facts.merged,
        "looked": _out(plan.looked_on),
        "number": plan.number,
        "grade": plan.grade,
        "window": _window_out(plan.window) if plan.window else None,
        "opened": _out(plan.opened_on),
        "closed": _out(plan.closed_on),
        "tries": [[one.at.isoformat(), one.succeeded] for one in plan.tries],
        "two_tries": plan.two_tries_open,
        "overdues": [[one.grade, *_window_out(one.window), one.state.value] for one in plan.overdues],
        "satisfied": _window_out(plan.satisfied) if plan.satisfied else None,
    }
    return {key: value for key, value in content.items() if value}


def _plan_in(person_id: str, content: dict[str, Any]) -> VisitPlan:
    get = content.get
    care = _care_in(content)
    facts = PersonFacts(
        birth_date=date.fromisoformat(content["born"]),
        died_on=_in(get("died")),
        absences=tuple(Absence(date.fromisoformat(out), _in(back)) for out, back in get("away", ())),
        statuses=care.statuses,
        stays=care.stays,
        scores=care.scores,
        merged=get("merged", False),
    )
    return VisitPlan(
        person_id=person_id,
        facts=facts,
        looked_on=_in(get("looked")),
        number=get("number", 0),
        grade=get("grade"),
        window=_window_in(*content["window"]) if "window" in content else None,
        opened_on=_in(get("opened")),
        closed_on=_in(get("closed")),
        tries=tuple(Try(datetime.fromisoformat(at), succeeded) for at, succeeded in get("tries", ())),
        two_tries_open=get("two_tries", False),
        overdues=tuple(
            Overdue(grade, _window_in(first, deadline), OverdueState(state))
            for grade, first, deadline, state in get("overdues", ())
        ),
        satisfied=_window_in(*content["satisfied"]) if "satisfied" in content else None,
    )


def _task_out(one: ExtraTask) -> list[Any]:
    return [one.task_id, one.kind, one.cause_id, one.opened_at.isoformat(), one.due_at.isoformat(), one.overdue]


def _task_in(content: list[Any]) -> ExtraTask:
    task_id, kind, cause_id, opened_at, due_at, overdue = content
    return ExtraTask(
        task_id, kind, cause_id, datetime.fromisoformat(opened_at), datetime.fromisoformat(due_at), overdue
    )


def _early_out(one: CareTold | RecordTold) -> dict[str, Any]:
    if isinstance(one, CareTold):
        return {"at": one.at.isoformat(), **_care_out(one.care)}
    record = one.record
    return {"at": one.at.isoformat(), "record": [record.visit_id, record.started_at.isoformat(), record.result]}


def _early_in(content: dict[str, Any]) -> CareTold | RecordTold:
    at = datetime.fromisoformat(content["at"])
    if "statuses" in content:
        return CareTold(at, _care_in(content))
    visit_id, started_at, result = content["record"]
    return RecordTold(at, VisitRecord(visit_id, datetime.fromisoformat(started_at), result))


def _care_out(care: CareFacts | PersonFacts) -> dict[str, Any]:
    return {
        "statuses": [_interval_out(one) for one in care.statuses],
        "stays": [[one.facility, _out(one.first_day), _out(one.last_day)] for one in care.stays],
        "scores": [[_out(one.assessed_on), one.score, one.order] for one in care.scores],
    }


def _care_in(content: dict[str, Any]) -> CareFacts:
    return CareFacts(
        statuses=tuple(_interval_in(one) for one in content.get("statuses", ())),
        stays=tuple(
            Stay(place, date.fromisoformat(first), _in(last)) for place, first, last in content.get("stays", ())
        ),
        scores=tuple(GuardianshipScore(date.fromisoformat(day), *rest) for day, *rest in content.get("scores", ())),
    )


def _interval_out(one: StatusInterval) -> list[Any]:
    days = [_out(day) for day in (one.decided_on, one.applied_on, one.ended_on, one.valid_until)]
    return [one.category, one.subtype, one.level, one.order, *days]


def _interval_in(content: list[Any]) -> StatusInterval:
    category, subtype, level, order, *days = content
    decided_on, applied_on, ended_on, valid_until = (_in(day) for day in days)
    return StatusInterval(
        category=category,
        decided_on=decided_on,
        subtype=subtype,
        level=level,
        applied_on=applied_on,
        ended_on=ended_on,
        valid_until=valid_until,
        order=order,
    )


def _window_out(window: Window) -> list[str]:
    return [window.first.isoformat(), window.deadline.isoformat()]


def _window_in(first: str, deadline: str) -> Window:
    return Window(date.fromisoformat(first), date.fromisoformat(deadline))


def _out(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _in(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
