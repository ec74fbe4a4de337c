"""A look at the whole county says, person by person, what a look at every single plan would say; on PostgreSQL."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import status_pb2
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.context import Context, Emission
from tuoqi.kit.testing.playing import origin_of
from tuoqi.visits.domain import causes
from tuoqi.visits.domain.days import day_of, midnight_of
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.grades import Condition, GradeTable, VisitPolicy
from tuoqi.visits.domain.rules import VisitsRules
from tuoqi.visits.handlers.plans import on_midnight, on_person_told, on_rules_changed, on_status_changed
from tuoqi.visits.jobs.sweep import ACTOR, MidnightSweep
from tuoqi.visits.store import VisitFileStore

pytestmark = pytest.mark.postgres

BEGIN = date(2026, 3, 2)
DAYS, PEOPLE = 70, 40
SAID = "SELECT key, aggregate_version, ce_type, ce_id, ce_time, causation_id, value FROM outbox ORDER BY seq"
CATEGORIES = ("living_alone_elder", "disabled_elder", "dibao", "tekun", "orphan", "left_behind_child", "unheard_of")
Said = dict[str, list[tuple[Any, ...]]]


def policies(shipped: VisitPolicy) -> dict[int, VisitPolicy]:
    """From which day on the service runs with which tables: first the shipped one, then two that were announced."""
    (first,) = shipped.tables
    younger = tuple(
        replace(rule, any_of=tuple(replace(one, age_from=one.age_from and one.age_from - 5) for one in rule.any_of))
        for rule in first.rules
    )
    more = tuple(
        replace(rule, any_of=(*rule.any_of, Condition(categories=("unheard_of", "dibao")))) for rule in younger[1:4]
    )
    announced = GradeTable(BEGIN + timedelta(days=35), younger)
    told_late = GradeTable(BEGIN + timedelta(days=48), (*more, *younger[4:]))
    return {
        0: shipped,
        20: VisitPolicy((first, announced)),
        52: VisitPolicy((first, announced, told_late)),
    }


class OneByOne:
    """Looks at every plan, each day that its own dates or any table may matter, as slowly as can be."""

    def __init__(self) -> None:
        self.files: dict[str, VisitFile] = {}
        self.due: dict[str, date] = {}
        self.emissions: list[Emission] = []
        self.rules = ""

    def call(self, call: Call, policy: VisitPolicy) -> None:
        first = len(self.emissions)
        ctx = Context(
            origin_of("visits", VisitsRules(policy)), self.emissions, at=call.at, cause=call.cause, actor=call.actor
        )
        ctx.key = call.key
        file = call.handler(self.files.get(call.key), call.message, ctx)
        for version, emission in enumerate(self.emissions[first:], file.version + 1):
            emission.version = version
        self.files[call.key] = replace(file, version=file.version + len(self.emissions) - first, news=())
        day = causes.next_due_day(file.plan, policy) if file.plan else None
        self.due[call.key] = day or date.max

    def sweep(self, until: datetime, policy: VisitPolicy) -> None:
        while due := min(((day, key) for key, day in self.due.items() if day <= day_of(until)), default=None):
            day, person_id = due
            self.call(Call(person_id, on_midnight, day, f"midnight:{person_id}:{day}", midnight_of(day), ACTOR), policy)
        rules = sha256(repr(policy).encode()).hexdigest()
        if rules != self.rules:
            for person_id in sorted(self.files):
                cause = f"rules:{person_id}:{rules}"
                self.call(Call(person_id, on_rules_changed, rules, cause, until, ACTOR), policy)
            self.rules = rules

    def said(self) -> Said:
        by_person: Said = defaultdict(list)
        for one in self.emissions:
            by_person[one.key].append(
                (
                    one.version,
                    one.message.DESCRIPTOR.full_name,
                    one.ce_id,
                    one.at,
                    one.causation_id,
                    one.message.SerializeToString(),
                )
            )
        return by_person


def happenings(rng: random.Random, make: Any) -> dict[int, list[Callable[[], Call]]]:
    """What is told on which day: people, statuses of all kinds of dates, ends, deaths, visits."""
    days: dict[int, list[Call]] = defaultdict(list)
    for number in range(PEOPLE):
        person_id = make.person(number)
        born = date(rng.choice([1925, 1944, 1948, 1951, 1965, 1966, 2008, 2015]), 1, 1) + timedelta(rng.randrange(365))
        told = rng.choice([0, 0, 0, rng.randrange(DAYS)])
        moment = make.at(f"{BEGIN + timedelta(days=told)}", 8)
        if told and rng.random() < 0.3:
            # Told by an event of the past: the service had been away.
            moment -= timedelta(days=rng.randrange(told))
        registered = make.registered(person_id=person_id, birth_date=f"{born}")
        days[told].append(Call(person_id, on_person_told, registered, f"person:{number}", moment, "test"))
        rows: list[status_pb2.StatusInterval] = []
        for order in range(rng.randrange(4)):
            known = rng.randrange(told, DAYS)
            decided = BEGIN + timedelta(days=known - rng.choice([0, 0, 30, 300]))
            ended = f"{decided + timedelta(days=rng.randrange(90))}" if rng.random() < 0.4 else ""
            rows.append(
                make.living_alone(
                    order + 1,
                    category=rng.choice(CATEGORIES),
                    level=rng.choice("134"),
                    subtype=rng.choice(["", "scattered", "dispersed"]),
                    decided_on=f"{decided}",
                    ended_on=ended,
                )
            )
            event = make.statuses(*rows, person_id=person_id)
            at = make.at(f"{BEGIN + timedelta(days=known)}", 10)
            days[known].append(Call(person_id, on_status_changed, event, f"status:{number}:{order}", at, "test"))
        if rng.random() < 0.15:
            known = rng.randrange(told, DAYS)
            dead = make.registered(
                person_id=person_id, birth_date=f"{born}", died_on=f"{BEGIN + timedelta(days=known)}"
            )
            at = make.at(f"{BEGIN + timedelta(days=known)}", 11)
            days[known].append(Call(person_id, on_person_told, dead, f"death:{number}", at, "test"))
    return days


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_skipped_has_nothing_to_say(seed: int, platform: Any, make: Any, grades: VisitPolicy) -> None:
    """New tables announced, begun and told too late, sweeps days late: the same events, ids, causes and times."""
    rng = random.Random(seed)  # noqa: S311  repeatable, no secret
    told, slow = happenings(rng, make), OneByOne()
    policy = grades
    for offset in range(DAYS):
        changed = policies(grades).get(offset)
        policy = changed or policy
        commander = Commander(
            {VisitFile: VisitFileStore()}, platform.database, origin_of("visits", VisitsRules(policy)), lambda: None
        )
        if changed or rng.random() < 0.6:
            until = make.at(f"{BEGIN + timedelta(days=offset)}", 0 if not changed else 6)
            await MidnightSweep(commander, platform.database, policy, 7).run(until)
            slow.sweep(until, policy)
        for call in told[offset]:
            await commander.run(VisitFile, [call])
            slow.call(call, policy)
    until = make.at(f"{BEGIN + timedelta(days=DAYS)}", 0)
    await MidnightSweep(commander, platform.database, policy, 7).run(until)
    slow.sweep(until, policy)
    said: Said = defaultdict(list)
    for key, *row in await platform.rows(SAID):
        said[key].append(tuple(row))
    spoken = slow.said()
    for key in sorted({*said, *spoken}):
        assert [r[:5] for r in said[key]] == [r[:5] for r in spoken[key]]
        assert said[key] == spoken[key]
    assert sum(map(len, said.values())) > PEOPLE
    stored = dict(await platform.rows("SELECT person_id, grade FROM plans"))
    assert stored == {key: file.plan.grade for key, file in slow.files.items() if file.plan}


async def test_plans_from_before_the_upgrade_are_looked_at_once(platform: Any, make: Any, grades: VisitPolicy) -> None:
    """Without a standing nothing can be said of a plan: the first look writes it and says nothing."""
    person = make.person(1)
    told, alone = make.registered(person_id=person), make.statuses(make.living_alone(), person_id=person)
    moment = make.at("2026-03-02")
    for handler, message, cause in ((on_person_told, told, "p"), (on_status_changed, alone, "s")):
        await platform.commander.run(VisitFile, [Call(person, handler, message, cause, moment, "test")])
    async with platform.database.begin() as tx:
        await tx.execute("UPDATE plans SET standing = NULL, looked_on = NULL, county_look = NULL")
        await tx.execute("DELETE FROM rules_seen")
    said = await platform.said()
    for judged in (1, 0):
        sweep = MidnightSweep(platform.commander, platform.database, grades, 7)
        assert await sweep.run(make.at("2026-03-03")) == judged
    assert await platform.said() == said
    rows = await platform.rows("SELECT standing, looked_on::text FROM plans")
    assert rows == [('["",null,[["living_alone_elder","",""]]]', "2026-03-03")]


async def test_a_new_table_begins_without_a_write_for_whom_it_changes_nothing(
    platform: Any, make: Any, grades: VisitPolicy
) -> None:
    """On its first day nobody is judged, and the plans count as looked at all the same."""
    person = make.person(1)
    moment = make.at("2026-03-02")
    (table,) = grades.tables
    policy = VisitPolicy((table, replace(table, effective_from=date(2026, 3, 6))))
    sweep = MidnightSweep(platform.commander, platform.database, policy, 7)
    await sweep.run(moment)
    told, alone = make.registered(person_id=person), make.statuses(make.living_alone(), person_id=person)
    for handler, message, cause in ((on_person_told, told, "p"), (on_status_changed, alone, "s")):
        await platform.commander.run(VisitFile, [Call(person, handler, message, cause, moment, "test")])
    async with platform.database.begin() as tx:
        assert await sweep.next_due(tx) == make.at("2026-03-06", 0)
    before = await platform.rows("SELECT ctid::text, state FROM plans")
    assert await sweep.run(make.at("2026-03-06", 0)) == 0
    assert await platform.rows("SELECT ctid::text, state FROM plans") == before
    async with platform.database.begin() as tx:
        assert await sweep.next_due(tx) == make.at("2026-03-10", 0)
        loaded = await VisitFileStore().load(tx, [person])
    assert loaded[person].plan is not None
    assert loaded[person].plan.looked_on == date(2026, 3, 6)
