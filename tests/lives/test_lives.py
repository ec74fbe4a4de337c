"""Random lives read twice: by visits and alerts, and by a second, plain reading of the same rules."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from copy import deepcopy
from datetime import date, datetime, time, timedelta

from lives import Life
from naive_visits import DAY, ZONE, Facts, Reading, Status, Told

LIVES = int(os.environ.get("TUOQI_LIVES", "300"))
"""`TUOQI_LIVES=20000` reads many more."""
FIRST = int(os.environ.get("TUOQI_LIVES_FROM", "0"))
BEGIN = date(2026, 1, 20)
BIRTHS = [date(1930, 5, 5), date(1946, 3, 3), date(1946, 2, 28), date(1952, 2, 29), date(1966, 3, 20), date(1960, 7, 1)]
BIRTHS += [date(2008, 3, 15), date(2012, 2, 29), date(2020, 1, 1), date(1990, 1, 1)]
ELDER = ["living_alone_elder", "empty_nest_elder", "left_behind_elder", "disabled_elder", "one_child_loss_family"]
ELDER += ["tekun", "dibao"]
CHILD = ["orphan", "de_facto_unattended_child", "left_behind_child", "child_in_difficulty", "dibao", "disability"]
RESULTS = ["MET", "MET", "MET", "INFORMANT_ONLY", "NOT_FOUND", "NOT_FOUND", "REFUSED", "MOVED", "DIED"]
Change = Callable[[random.Random, Facts, date], None]


def begin_status(rng: random.Random, facts: Facts, day: date) -> None:
    """A new interval, decided some time ago, sometimes with an end that lies ahead."""
    decided = None if rng.random() < 0.05 else day - timedelta(days=rng.choice([0, 0, 3, 20, 200]))
    facts.statuses.append(
        Status(
            category=rng.choice(CHILD if facts.born.year > 2000 else ELDER),
            decided=decided,
            subtype=rng.choice(["dispersed", "scattered", "centralised"]),
            level=rng.choice("1234"),
            applied=rng.choice([None, day - timedelta(days=30)]),
            valid=rng.choice([None, None, None, day + timedelta(days=rng.randrange(80))]),
        )
    )


def mend_status(rng: random.Random, facts: Facts, day: date) -> None:
    """An interval ends, reopens, or never was."""
    if facts.statuses:
        one = rng.choice(facts.statuses)
        ends = [None, day, day - timedelta(days=rng.randrange(30)), date(2000, 1, 1), day + timedelta(days=9)]
        one.ended = rng.choice(ends)


def assess(rng: random.Random, facts: Facts, day: date) -> None:
    """A guardianship score, some known late."""
    if facts.born.year > 2000:
        facts.scores.append((day - timedelta(days=rng.choice([0, 0, 10])), rng.choice([0, 19, 20, 39, 40, 59, 60, 90])))


def die(rng: random.Random, facts: Facts, day: date) -> None:
    """A death is learnt, on the day or late, or was a mistake."""
    facts.died = None if facts.died else day - timedelta(days=rng.choice([0, 0, 1, 5, 15]))


def move(rng: random.Random, facts: Facts, day: date) -> None:
    """Away, back, or never gone."""
    if facts.away and rng.random() < 0.6:
        out, _ = facts.away.pop()
        if rng.random() < 0.7:
            facts.away.append((out, max(out, day - timedelta(days=rng.choice([0, 1, 6])))))
    else:
        facts.away.append((day - timedelta(days=rng.choice([0, 0, 2, 12])), None))


def stay(rng: random.Random, facts: Facts, day: date) -> None:
    """Admitted, released, or mended."""
    if facts.stays and rng.random() < 0.6:
        first, _ = facts.stays.pop()
        if rng.random() < 0.8:
            facts.stays.append((first, max(first, day - timedelta(days=rng.choice([0, 1, 4])))))
    else:
        facts.stays.append((day - timedelta(days=rng.choice([0, 0, 3, 12])), None))


CHANGES: list[Change] = [begin_status, begin_status, begin_status, mend_status, mend_status, assess, die, move, stay]


def a_life(seed: int) -> tuple[list[Told], date]:
    """What becomes known of one person in up to half a year, in order of arrival."""
    rng = random.Random(seed)  # noqa: S311  repeatable, no secret
    facts = Facts(rng.choice(BIRTHS))
    days = rng.choice([60, 120, 180])
    told: list[Told] = []
    for _ in range(rng.randrange(1, 3)):
        begin_status(rng, facts, BEGIN)
        assess(rng, facts, BEGIN)
    told.append(Told(_at(BEGIN, 8), deepcopy(facts)))
    for number in range(rng.randrange(0, 40)):
        day = BEGIN + timedelta(days=rng.randrange(days))
        late = rng.choice([0, 0, 0, 1, 3, 8, 25])
        started = _at(day - timedelta(days=late), rng.choice([7, 8, 9]))
        if rng.random() < 0.05:
            started += timedelta(days=rng.choice([2, 400]))  # a device with a wrong clock
        record = Told(_at(day, 12, number), None, started, rng.choice(RESULTS), f"visit-{number}")
        told.append(record)
        if rng.random() < 0.1:
            again = day + timedelta(days=rng.randrange(5))
            told.append(Told(_at(again, 13, number), None, record.started, record.result, record.visit_id))
    moments = [_at(BEGIN + timedelta(days=rng.randrange(1, days)), rng.choice([0, 10, 15]), n) for n in range(8)]
    for at in sorted(moments[: rng.randrange(0, 8)]):
        facts = deepcopy(facts)
        rng.choice(CHANGES)(rng, facts, at.date())
        told.append(Told(at, facts))
    return sorted(told, key=lambda one: one.at), BEGIN + days * DAY + 30 * DAY


def _at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), ZONE)


def test_two_readings_of_the_rules_tell_the_same_lives() -> None:
    """Plans, overdue visits with their states, and alerts with steps and ends; sweeps on time and days late."""
    differing, alerts = [], 0
    for seed in range(FIRST, FIRST + LIVES):
        told, until = a_life(seed)
        plain = Reading()
        plain.read(told, until)
        expected = (plain.plans, sorted(one.row() for one in plain.overdues), sorted(one.row() for one in plain.alerts))
        alerts += len(plain.alerts)
        rng = random.Random(-seed)  # noqa: S311
        share = rng.choice([1.0, 0.5, 0.1])
        life = Life()
        life.live(told, until, lambda _day, rng=rng, share=share: rng.random() < share)  # type: ignore[misc]
        if (life.plans(), life.overdues(), life.alerts()) != expected:
            differing.append(seed)
    assert not differing, f"{len(differing)} lives differ: {differing[:20]}"
    assert alerts > LIVES / 2
