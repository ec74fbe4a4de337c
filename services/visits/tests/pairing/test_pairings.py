"""From proposals to pairings and their end, on a real database."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import person_pb2
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.visits.jobs.pairing_runs import Asked, PairingRuns
from tuoqi.visits.rpc.pairings import WAITING_AFTER, set_view
from tuoqi.visits.store import pairing_sets as sets
from tuoqi.visits.store import pairing_wishes as wishes
from tuoqi.visits.store import pairings as store

NEXT, FAR = "990101101202", "990101102201"
MOTHERS = Asked("loving_mother")


async def proposed(county: Any, set_id: str) -> dict[str, tuple[str, str]]:
    """Child → (helper, reason)."""
    rows = await county.rows(
        "SELECT person_id, helper_id, reason FROM pairing_proposals WHERE set_id = :set_id", set_id=set_id
    )
    return {person: (helper, reason) for person, helper, reason in rows}


async def test_a_set_holds_every_child_that_fits_and_shows_its_fairness(county: Any, reviewer: Any) -> None:
    """Grown-ups and children of no category are not in it; loads differ by one."""
    mothers = [await county.helper(number) for number in range(1, 4)]
    children = [await county.child(number) for number in range(1, 8)]
    await county.child(8, born="2007-01-01")
    await county.child(9, category="dibao")
    row = await county.runs.propose(reviewer, MOTHERS)
    found = await proposed(county, row.set_id)
    assert sorted(found) == children
    assert {helper for helper, _ in found.values()} == set(mothers)
    view = set_view(row, {"OPEN": 7})
    assert (view.state, view.children, view.proposed, view.left_over) == ("READY", 7, 7, 0)
    assert (view.loads.least, view.loads.most, view.loads.within_one) == (2, 3, 1.0)
    assert {one.code: one.count for one in view.steps} == {"village": 7, "township": 0, "county": 0}


async def test_a_run_that_was_broken_off_is_taken_up_by_the_clock(county: Any, reviewer: Any) -> None:
    """What was asked for is kept; the timer makes the set ready once."""
    await county.helper(1)
    await county.child(1)
    whole = await county.runs.propose(reviewer, Asked("loving_mother", key="a"))
    await county.rows_written("DELETE FROM pairing_proposals WHERE set_id = :a", (whole.set_id,))
    await county.rows_written(
        "UPDATE pairing_sets SET state = 'COMPUTING', ready_at = NULL, figures = '{}' WHERE set_id = :a",
        (whole.set_id,),
    )
    again = PairingRuns(county.database, county.commander, county.clock, county.rules.pairings)
    async with county.database.begin() as tx:
        assert await again.next_due(tx) == whole.asked_at
    assert (await again.run(county.clock.now()), await again.run(county.clock.now())) == (1, 0)
    assert len(await proposed(county, whole.set_id)) == 1


async def test_the_same_key_answers_the_same_set_and_other_terms_are_refused(county: Any, reviewer: Any) -> None:
    """A command repeated makes nothing twice."""
    await county.helper(1)
    await county.child(1)
    first = await county.runs.propose(reviewer, Asked("loving_mother", key="a"))
    assert (await county.runs.propose(reviewer, Asked("loving_mother", key="a"))).set_id == first.set_id
    with pytest.raises(TuoqiError, match=r"visits\.pairing_key"):
        await county.runs.propose(reviewer, Asked("loving_mother", key="a", max_load=3))
    with pytest.raises(TuoqiError, match=r"visits\.pairing_kind"):
        await county.runs.propose(reviewer, Asked("godmother"))


async def test_accepted_proposals_become_pairings_once_and_the_next_run_keeps_them(county: Any, reviewer: Any) -> None:
    """Per township, then the rest; a second acceptance and a second set find nothing to do."""
    for number, village in enumerate(("990101101201", FAR), start=1):
        await county.helper(number, village)
        await county.child(number, village)
    row = await county.runs.propose(reviewer, MOTHERS)
    assert await county.desk.accept(reviewer, row.set_id, "990101101", ()) == (1, 0)
    assert await county.desk.accept(reviewer, row.set_id, "", ()) == (1, 0)
    assert await county.desk.accept(reviewer, row.set_id, "", ()) == (0, 0)
    assert [kind for kind, _ in await county.said()] == ["PairingBegun", "PairingBegun"]
    await county.child(3)
    again = await county.runs.propose(reviewer, Asked("loving_mother", key="again"))
    figures = sets.figures_from(again.figures)
    assert figures is not None
    assert (figures.children, figures.kept, figures.proposed) == (3, 2, 1)


async def test_two_sets_accepted_cannot_give_a_child_two_helpers_or_a_helper_too_many(
    county: Any, reviewer: Any
) -> None:
    """What no longer fits is stale and told as such."""
    mother = await county.helper(1)
    limit = wishes.Wish(mother, "helper", at_most=1)
    children = [await county.child(1), await county.child(2)]
    first = await county.runs.propose(reviewer, Asked("loving_mother", key="a"))
    second = await county.runs.propose(reviewer, Asked("loving_mother", key="b"))
    assert await county.desk.wish(reviewer, limit, clear=False)
    assert await county.desk.accept(reviewer, first.set_id, "", children[:1]) == (1, 0)
    assert await county.desk.accept(reviewer, second.set_id, "", ()) == (0, 2)


async def test_a_refused_pair_does_not_come_again(county: Any, reviewer: Any) -> None:
    """The reason is sealed; the other helper is proposed next, and without any the child is left over."""
    mothers = [await county.helper(1), await county.helper(2, FAR)]
    child = await county.child(1)
    for key, mother in zip("ab", mothers, strict=True):
        row = await county.runs.propose(reviewer, Asked("loving_mother", key=key))
        assert await proposed(county, row.set_id) == {child: (mother, "")}
        await county.desk.refuse(reviewer, row.set_id, child)
        assert await county.desk.accept(reviewer, row.set_id, "", ()) == (0, 0)
    last = await county.runs.propose(reviewer, Asked("loving_mother", key="c"))
    assert await proposed(county, last.set_id) == {child: ("", "all_refused")}
    sealed = await county.rows("SELECT sealed FROM pairing_proposals WHERE sealed IS NOT NULL")
    assert all(reviewer.purpose.encode() not in bytes(row[0]) for row in sealed)


async def test_girls_of_ten_are_paired_with_women_only_and_guardians_may_ask_for_women(
    county: Any, reviewer: Any
) -> None:
    """A man is nobody's for a girl of ten, and for no child whose guardian wants a woman."""
    man = await county.helper(1, sex="M")
    girl = await county.child(1, sex="F", born="2016-03-05")
    younger = await county.child(2, sex="F", born="2016-03-06")
    boy = await county.child(3)
    assert await county.desk.wish(reviewer, wishes.Wish(boy, "child", sex="F"), clear=False)
    row = await county.runs.propose(reviewer, MOTHERS)
    assert await proposed(county, row.set_id) == {
        girl: ("", "no_helper_of_sex"),
        younger: (man, ""),
        boy: ("", "no_helper_of_sex"),
    }


async def begun(county: Any, reviewer: Actor) -> tuple[str, str, str]:
    """A pairing: its id, the child, the helper."""
    helper, child = await county.helper(1), await county.child(1, born="2008-03-20")
    row = await county.runs.propose(reviewer, MOTHERS)
    await county.desk.accept(reviewer, row.set_id, "", ())
    return (await county.rows("SELECT pairing_id FROM pairings"))[0][0], child, helper


async def test_a_helper_who_leaves_ends_the_pairing_on_the_right_day_and_the_child_waits(
    county: Any, reviewer: Any
) -> None:
    """Nobody looked for a week: the day is still the one after the last of the post, and nothing is told twice."""
    pairing, child, _ = await begun(county, reviewer)
    await county.helper(1, last="2026-03-08")
    async with county.database.begin() as tx:
        assert await county.ends.next_due(tx) == county.make.at("2026-03-06", 0)
    until = county.make.at("2026-03-15", 0)
    assert (await county.ends.run(until), await county.ends.run(until)) == (1, 0)
    assert await county.rows("SELECT end_reason, ended_on, ended_by FROM pairings") == [
        ("HELPER_LEFT", date(2026, 3, 9), "clock:pairings")
    ]
    assert await county.said() == [("PairingBegun", pairing), ("PairingEnded", pairing)]
    async with county.database.begin() as tx:
        waiting = await store.list_waiting(
            tx, regions=("",), below="", kind="loving_mother", reasons=WAITING_AFTER, after="", page=10
        )
    assert [row.person_id for row in waiting] == [child]


async def test_a_child_of_eighteen_and_one_who_died_are_paired_no_longer(county: Any, reviewer: Any) -> None:
    """The birthday ends it; a death that is learnt late ends it from the day after."""
    await begun(county, reviewer)
    other = await county.child(2)
    row = await county.runs.propose(reviewer, Asked("loving_mother", key="b"))
    await county.desk.accept(reviewer, row.set_id, "", ())
    dead = person_pb2.PersonDeceased(
        person=county.make.facts(other, birth_date="2018-05-01", died_on="2026-03-07"),
        known_at=county.make.stamp(county.make.at("2026-03-10")),
    )
    await county.ends.run(county.make.at("2026-03-10", 0))
    await county.person_told(dead, county.make.at("2026-03-10"))
    await county.ends.run(county.make.at("2026-03-21", 0))
    rows = await county.rows("SELECT end_reason, ended_on FROM pairings ORDER BY end_reason")
    assert rows == [("DIED", date(2026, 3, 8)), ("GROWN_UP", date(2026, 3, 20))]


async def test_a_contact_counts_once_for_its_key_and_is_no_visit(county: Any, reviewer: Any) -> None:
    """Repeated it changes nothing; told otherwise with the same key it is refused, as is one before the pairing."""
    pairing, _, _ = await begun(county, reviewer)
    plans = await county.rows("SELECT * FROM plans")
    row, before = await county.desk.contact(reviewer, "k1", pairing, None, "phone")
    assert (row.contacts, before) == (1, False)
    row, before = await county.desk.contact(reviewer, "k1", pairing, None, "phone")
    assert (row.contacts, before) == (1, True)
    with pytest.raises(TuoqiError, match=r"visits\.contact_key"):
        await county.desk.contact(reviewer, "k1", pairing, None, "home")
    with pytest.raises(TuoqiError, match=r"visits\.pairing_day"):
        await county.desk.contact(reviewer, "k2", pairing, date(2026, 3, 1), "home")
    assert await county.rows("SELECT * FROM plans") == plans
    assert [kind for kind, _ in await county.said()] == ["PairingBegun", "PairingContacted"]


async def test_another_helper_takes_over_in_one_act_and_a_wrong_one_is_refused(county: Any, reviewer: Any) -> None:
    """The old pairing ends as replaced on the day on which the new one begins."""
    pairing, child, helper = await begun(county, reviewer)
    new = await county.helper(2)
    with pytest.raises(TuoqiError, match=r"visits\.pairing_unfit"):
        await county.desk.replace(reviewer, pairing, helper)
    county.clock.move_to(county.clock.now() + timedelta(days=2))
    ended, fresh = await county.desk.replace(reviewer, pairing, new)
    assert (ended.end_reason, ended.ended_on, fresh.began_on) == ("REPLACED", date(2026, 3, 7), date(2026, 3, 7))
    assert (fresh.person_id, fresh.helper_id) == (child, new)
    with pytest.raises(TuoqiError, match=r"visits\.pairing_ended"):
        await county.desk.end(reviewer, pairing, None)


async def test_whoever_has_one_township_sees_and_decides_only_there(county: Any, reviewer: Any) -> None:
    """Neither another township's proposals nor its pairings."""
    clerk = Actor("supervisor.gu", purpose="更换", regions=("990101101",))
    await county.helper(1, FAR)
    await county.child(1, FAR)
    row = await county.runs.propose(reviewer, MOTHERS)
    assert await county.desk.accept(clerk, row.set_id, "", ()) == (0, 0)
    await county.desk.accept(reviewer, row.set_id, "", ())
    pairing = (await county.rows("SELECT pairing_id FROM pairings"))[0][0]
    with pytest.raises(TuoqiError, match=r"visits\.pairing_unknown"):
        await county.desk.end(clerk, pairing, None)
    own = await county.runs.propose(clerk, MOTHERS)
    assert json.loads(own.figures)["children"] == 0


async def test_a_relative_registered_by_hand_is_proposed_for_his_child(county: Any, reviewer: Any) -> None:
    """A grown-up of the register; whoever died is no helper any more and ends what he had."""
    child = await county.child(1)
    aunt = await county.child(2, FAR, born="1980-01-01", sex="F", category="dibao")
    assert await county.desk.relative(reviewer, child, aunt, "person", clear=False)
    with pytest.raises(TuoqiError, match=r"visits\.wish_subject"):
        await county.desk.relative(reviewer, child, aunt, "worker", clear=False)
    row = await county.runs.propose(reviewer, Asked("relative"))
    assert await proposed(county, row.set_id) == {child: (aunt, "")}
    await county.desk.accept(reviewer, row.set_id, "", ())
    dead = person_pb2.PersonDeceased(
        person=county.make.facts(aunt, birth_date="1980-01-01", died_on="2026-03-06"),
        known_at=county.make.stamp(county.make.at("2026-03-07")),
    )
    await county.person_told(dead, county.make.at("2026-03-07"))
    await county.ends.run(county.make.at("2026-03-08", 0))
    assert await county.rows("SELECT end_reason, ended_on FROM pairings") == [("HELPER_DIED", date(2026, 3, 7))]
