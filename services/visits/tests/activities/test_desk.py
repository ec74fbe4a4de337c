"""Activities recorded by call: once however often told, corrected with a reason, 人 and 人次 apart."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.visits.domain.activities import ActivityState, Campaign, Count, Said
from tuoqi.visits.store import activities as store

PLACE = "990101101201"
SAID = Said(date(2026, 11, 20), PLACE, others=Count(180, approximate=True), materials=Count(200))
EVERYTHING: dict[str, Any] = {"first": None, "last": None, "kind": "", "campaign": ""}


async def _hold(desk: Any, actor: Actor, number: str = "PF-1", said: Said = SAID, **words: str) -> tuple[Any, bool]:
    result: tuple[Any, bool] = await desk.say(actor, number, "law_lecture", "", said, ActivityState.HELD, words)
    return result


async def _types(platform: Any) -> list[str]:
    return [row[0].rsplit(".", 1)[1] for row in await platform.said()]


async def test_what_is_told_twice_changes_nothing(desk: Any, clerk: Actor, platform: Any) -> None:
    """One edition, one event."""
    assert (await _hold(desk, clerk))[1] is False
    assert (await _hold(desk, clerk))[1] is True
    assert await _types(platform) == ["ActivityHeld"]
    assert await platform.rows("SELECT count(*) FROM activity_editions") == [(1,)]


async def test_a_correction_needs_a_reason_and_keeps_what_was_said_before(
    desk: Any, clerk: Actor, platform: Any
) -> None:
    """The first edition stays as it was; title and reason stand sealed, in no column and no event."""
    await _hold(desk, clerk, title="普法进校园张三")
    other = Said(date(2026, 11, 20), PLACE, others=Count(150))
    with pytest.raises(TuoqiError, match="activity_needs_reason"):
        await _hold(desk, clerk, said=other)
    row, _ = await _hold(desk, clerk, said=other, reason="重新清点")
    assert (row.edition, row.others, row.others_approximate) == (2, 150, False)
    assert desk.words.open(row.activity_id, row.sealed) == {"title": "普法进校园张三", "reason": "重新清点"}
    assert await platform.rows("SELECT edition, others FROM activity_editions ORDER BY 1") == [(1, 180), (2, 150)]
    assert not any("张三".encode() in bytes(row[4]) for row in await platform.said())
    with pytest.raises(Exception, match="append-only"):
        async with desk.database.begin() as tx:
            await tx.execute("UPDATE activity_editions SET others = 1")


async def test_planned_held_cancelled(desk: Any, clerk: Actor, platform: Any) -> None:
    """Each step is an event; what is cancelled is in no total."""
    planned = Said(date(2026, 11, 27), PLACE)
    await desk.say(clerk, "PF-2", "law_lecture", "", planned, ActivityState.PLANNED, {})
    with pytest.raises(TuoqiError, match="activity_day"):
        await desk.say(clerk, "PF-2", "", "", planned, ActivityState.HELD, {})
    await desk.say(clerk, "PF-2", "", "", SAID, ActivityState.HELD, {})
    row, _ = await desk.cancel(clerk, "PF-2", "重复登记")
    assert (row.state, row.edition) == ("CANCELLED", 3)
    assert await _types(platform) == ["ActivityPlanned", "ActivityHeld", "ActivityCancelled"]
    async with desk.database.begin() as tx:
        total = await store.total_of(tx, store.asking(("",), "", **EVERYTHING))
    assert (total.sessions, total.times) == (0, 0)


async def test_persons_come_from_names_only_and_times_from_both(desk: Any, clerk: Actor, make: Any) -> None:
    """Two lectures of 180 and 50 counted ones, three and two named of whom one came twice: 4 人, 235 人次."""
    await _hold(desk, clerk)
    await _hold(desk, clerk, "PF-3", Said(date(2026, 11, 21), PLACE, others=Count(50)))
    await _attend(desk, clerk, "PF-1", make, 1, 2, 3)
    row = await _attend(desk, clerk, "PF-3", make, 3, 4)
    assert row.named == 2
    async with desk.database.begin() as tx:
        total = await store.total_of(tx, store.asking(("",), "", **EVERYTHING))
    assert (total.sessions, total.persons, total.named_times, total.times) == (2, 4, 5, 235)
    assert total.persons <= total.named_times <= total.times
    assert total.approximate


async def test_who_held_it_does_not_count_and_names_go_out_with_a_reason(
    desk: Any, clerk: Actor, make: Any, platform: Any
) -> None:
    """A volunteer stands on the list and in no number; a name that goes out stays in the history."""
    await _hold(desk, clerk)
    assert (await _attend(desk, clerk, "PF-1", make, 1, 2)).named == 2
    assert (await _attend(desk, clerk, "PF-1", make, 2, role="volunteer")).named == 1
    assert (await _attend(desk, clerk, "PF-1", make, 2, role="volunteer")).named == 1
    with pytest.raises(TuoqiError, match="activity_needs_reason"):
        await desk.attend(clerk, "PF-1", [make.person(1)], "", remove=True, reason=" ")
    row, gone = await desk.attend(clerk, "PF-1", [make.person(1), make.person(5)], "", remove=True, reason="未到场")
    assert (row.named, gone) == (0, 1)
    assert await platform.rows("SELECT count(*), count(*) FILTER (WHERE ended_at IS NULL) FROM attendance") == [(3, 1)]


async def test_acts_end_at_the_regions_of_whoever_acts(desk: Any, clerk: Actor, make: Any) -> None:
    """A worker of one village neither holds in another nor names its people."""
    worker = Actor("worker.tian", regions=("990101102201",))
    with pytest.raises(TuoqiError, match="no_region"):
        await _hold(desk, worker)
    await _hold(desk, clerk)
    with pytest.raises(TuoqiError, match="activity_unknown"):
        await _attend(desk, worker, "PF-1", make, 11)
    village = Actor("worker.ma", regions=(PLACE,))
    with pytest.raises(TuoqiError, match="no_region"):
        await _attend(desk, village, "PF-1", make, 11)


async def test_a_campaign_counts_its_activities_and_takes_only_fitting_ones(desk: Any, clerk: Actor, make: Any) -> None:
    """Another kind or another time does not fit; the same campaign again is the same, another one is refused."""
    one = Campaign("pufa", "law_lecture", "990101000000", date(2026, 11, 1), date(2026, 11, 30), 2, "sessions")
    assert await desk.open_campaign(clerk, one, "普法月") is False
    assert await desk.open_campaign(clerk, one, "普法月") is True
    with pytest.raises(TuoqiError, match="campaign_differs"):
        await desk.open_campaign(
            clerk, Campaign("pufa", "law_lecture", one.region, one.first_day, one.last_day, 3, "times"), ""
        )
    await desk.say(clerk, "PF-8", "law_lecture", "pufa", SAID, ActivityState.HELD, {})
    for number, kind, day in (("YZ-1", "free_clinic", 20), ("PF-9", "law_lecture", -10)):
        said = Said(date(2026, 11, day) if day > 0 else date(2026, 10, 31), PLACE)
        with pytest.raises(TuoqiError, match="campaign_unfit"):
            await desk.say(clerk, number, kind, "pufa", said, ActivityState.HELD, {})
    await _attend(desk, clerk, "PF-8", make, 1)
    async with desk.database.begin() as tx:
        (row,) = await store.list_campaigns(tx, ("",), None)
    assert (row.sessions, row.persons, row.times, row.materials) == (1, 1, 181, 200)


@pytest.mark.parametrize(
    ("number", "kind", "channel", "slug"),
    [
        ("X-1", "", "", "activity_unknown"),
        ("X-1", "dancing", "", "activity_kind"),
        ("X-1", "parent_contact", "", "activity_channel"),
        ("X-1", "law_lecture", "phone", "activity_channel"),
    ],
)
async def test_what_the_county_does_not_know_is_refused(
    desk: Any, clerk: Actor, number: str, kind: str, channel: str, slug: str
) -> None:
    """An unknown number without kind, an unknown kind, a channel that is missing or none of the kind's."""
    said = Said(date(2026, 11, 20), PLACE, channel=channel)
    with pytest.raises(TuoqiError, match=slug):
        await desk.say(clerk, number, kind, "", said, ActivityState.HELD, {})


async def _attend(desk: Any, actor: Actor, number: str, make: Any, *people: int, role: str = "") -> Any:
    ids = [make.person(one) for one in people]
    row, _ = await desk.attend(actor, number, ids, role, remove=False, reason="")
    return row
