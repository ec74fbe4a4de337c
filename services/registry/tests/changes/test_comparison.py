"""Comparison lists on a real PostgreSQL: what their rows find, suggest, and what a clerk's decision drafts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import person_pb2
from tuoqi.kit.commands import Commander
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain.comparison import Effect, Finding
from tuoqi.registry.jobs.changes import ChangeDesk
from tuoqi.registry.jobs.comparison import ComparisonDesk, Surveyor
from tuoqi.registry.store.comparison import finding_from
from tuoqi.registry.store.persons import PersonStore

pytestmark = pytest.mark.postgres
Row = dict[str, str]
CLERK = Actor(user="clerk.li", rights=frozenset({"change.make"}))
DIBAO = {"category": "dibao", "decided_on": "2026-01-05", "applied_on": "2026-01-02", "amount": "500"}


@pytest.fixture
def desk(office: Any) -> ComparisonDesk:
    commander = Commander({}, office.database, office.desk.origin, lambda: None)
    return ComparisonDesk(office.desk, commander, ChangeDesk(office.desk, commander, list(office.importers.values())))


async def found(office: Any) -> list[tuple[Finding, list[Effect]]]:
    ring, store = office.desk.vault.ring(), PersonStore(office.desk.vault)
    async with office.database.begin() as tx:
        rows = await tx.fetch("SELECT * FROM list_findings ORDER BY known_at, row_number, finding_id")
        people = await store.load(tx, [row.person_id for row in rows], ring, lock=False)
        findings = [finding_from(row, ring) for row in rows]
        surveyor = Surveyor(office.desk.policy, office.desk.vault)
        effects = await surveyor.effects(tx, findings, people, ring, office.clock.now().date())
    return list(zip(findings, effects, strict=True))


def tick(office: Any) -> None:
    office.clock.move_to(office.clock.now() + timedelta(minutes=1))


def rules(effects: list[Effect]) -> list[str]:
    return [f"{one.rule.key}:{one.category}".rstrip(":") for one in effects]


async def family(office: Any, old: Row, child: Row) -> None:
    await office.load("persons", old, child)
    await office.load("statuses", {"id_number": old["id_number"], **DIBAO})


async def test_a_death_names_what_stops_and_the_children_it_leaves(office: Any, old: Row, child: Row) -> None:
    await family(office, old, child)
    await office.load("deaths", {"id_number": old["id_number"], "death_date": "2026-11-01", "source": "殡葬比对"})
    ((finding, effects),) = await found(office)
    assert (finding.kind, finding.outcome, finding.state, finding.private) == (
        "death",
        "NEW",
        "OPEN",
        {"source": "殡葬比对"},
    )
    assert rules(effects) == ["death_stops:dibao", "guardian_gone", "head_gone"]
    (ward,) = await office.fetch("SELECT person_id FROM persons WHERE birth_date > '2000-01-01'")
    assert effects[1].related_person_id == ward.person_id
    assert "1 人" in effects[2].text


async def test_the_same_death_again_is_known_and_a_withdrawn_one_closes_its_finding(
    office: Any, old: Row, child: Row
) -> None:
    await family(office, old, child)
    who = {"id_number": old["id_number"]}
    await office.load("deaths", {**who, "death_date": "2026-11-01"})
    tick(office)
    again = await office.load("deaths", {**who, "death_date": "2026-11-01", "source": "医保比对"})
    assert (again.changed, again.unchanged) == (0, 1)
    tick(office)
    await office.load("deaths", {**who, "death_date": ""})
    assert [(one.outcome, one.state) for one, _ in await found(office)] == [
        ("NEW", "WITHDRAWN"),
        ("KNOWN", "NONE"),
        ("WITHDRAWN", "NONE"),
    ]
    assert len(await office.said(person_pb2.PersonDeceased, person_pb2.PersonDeathWithdrawn)) == 2


async def test_prison_suggests_an_end_that_a_clerk_accepts_as_a_change_request(
    office: Any, desk: ComparisonDesk, old: Row, child: Row
) -> None:
    await family(office, old, child)
    row = {"id_number": old["id_number"], "kind": "服刑", "date": "2026-10-08", "source": "司法比对"}
    loaded = await office.load("comparison", row)
    assert (loaded.changed, loaded.events) == (1, 0)
    ((finding, effects),) = await found(office)
    assert rules(effects) == ["guardian_in_prison", "head_gone", "prison_ends:dibao"]
    decided, _ = await desk.decide(CLERK, finding.finding_id, accept=True, reason="")
    assert (decided.state, decided.decided_by, len(decided.change_ids)) == ("ACCEPTED", CLERK.user, 1)
    (change,) = await office.fetch("SELECT kind, state, made_by FROM change_requests")
    assert tuple(change) == ("statuses", "DRAFT", CLERK.user)
    steps = [one async for one in desk._changes.submit(CLERK, decided.change_ids[0])]  # noqa: SLF001
    assert steps[-1].state == "SUBMITTED"
    [_ async for _ in desk._changes.approve(Actor(user="reviewer.zhao"), decided.change_ids[0])]  # noqa: SLF001
    (ended,) = await office.fetch("SELECT ended_on FROM person_statuses")
    assert ended.ended_on.isoformat() == "2026-10-08"
    with pytest.raises(TuoqiError, match="decided"):
        await desk.decide(CLERK, finding.finding_id, accept=True, reason="")


async def test_an_event_before_the_decision_ends_the_category_without_voiding_it(
    office: Any, desk: ComparisonDesk, old: Row, child: Row
) -> None:
    await family(office, old, child)
    await office.load("comparison", {"id_number": old["id_number"], "kind": "prison", "date": "2025-06-01"})
    ((finding, _),) = await found(office)
    decided, _ = await desk.decide(CLERK, finding.finding_id, accept=True, reason="")
    [_ async for _ in desk._changes.submit(CLERK, decided.change_ids[0])]  # noqa: SLF001
    [_ async for _ in desk._changes.approve(Actor(user="reviewer.zhao"), decided.change_ids[0])]  # noqa: SLF001
    (ended,) = await office.fetch("SELECT ended_on FROM person_statuses")
    assert ended.ended_on.isoformat() == "2026-01-05"


async def test_marriage_and_a_car_ask_for_a_look_at_the_whole_household(office: Any, old: Row, child: Row) -> None:
    await family(office, old, child)
    rows = [
        {"id_number": child["id_number"], "kind": kind, "date": "2026-10-01"} for kind in ("marriage", "car", "car")
    ]
    loaded = await office.load("comparison", *rows)
    assert (loaded.changed, loaded.unchanged) == (2, 1)
    first, second, third = await found(office)
    assert rules(first[1]) == ["marriage_rechecks:dibao"]
    assert rules(second[1]) == ["income_rechecks:dibao"]
    assert "同户 1 人" in first[1][0].text
    assert [one.state for one, _ in (first, second, third)] == ["OPEN", "OPEN", "NONE"]


async def test_a_later_row_replaces_what_nobody_decided_and_an_empty_date_withdraws_it(
    office: Any, old: Row, child: Row
) -> None:
    await family(office, old, child)
    base = {"id_number": old["id_number"], "kind": "car"}
    await office.load("comparison", {**base, "date": "2026-10-01"})
    tick(office)
    await office.load("comparison", {**base, "date": "2026-10-02"})
    tick(office)
    await office.load("comparison", {**base, "date": ""})
    assert [one.state for one, _ in await found(office)] == ["REPLACED", "WITHDRAWN", "NONE"]


async def test_a_refutation_needs_a_reason_and_somebody_elsewhere_finds_nothing(
    office: Any, desk: ComparisonDesk, old: Row, child: Row
) -> None:
    await family(office, old, child)
    await office.load("comparison", {"id_number": old["id_number"], "kind": "car", "date": "2026-10-01"})
    ((finding, _),) = await found(office)
    with pytest.raises(TuoqiError, match="no_reason"):
        await desk.decide(CLERK, finding.finding_id, accept=False, reason=" ")
    away = Actor(user="x", regions=("990101102",))
    with pytest.raises(TuoqiError, match="finding_unknown"):
        await desk.decide(away, finding.finding_id, accept=False, reason="不是本人")
    refuted, _ = await desk.decide(CLERK, finding.finding_id, accept=False, reason="不是本人")
    assert (refuted.state, refuted.private["decided_because"]) == ("REFUTED", "不是本人")
    assert await office.fetch("SELECT change_id FROM change_requests") == []


async def test_a_row_of_an_unknown_kind_or_person_is_rejected_in_chinese(office: Any, old: Row) -> None:
    await office.load("persons", old)
    outcome = await office.load(
        "comparison",
        {"id_number": old["id_number"], "kind": "彩票", "date": "2026-10-01"},
        {"id_number": "990101194611220029", "kind": "car", "date": "2026-10-01"},
    )
    kind, person = office.refused(outcome)
    assert "服刑在押[prison]" in kind.reason
    assert "没有此人" in person.reason
