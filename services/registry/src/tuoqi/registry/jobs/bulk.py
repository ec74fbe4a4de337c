"""Bulk actions 批量变更: the rows of a change request for many people at once, from who they are and what to set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from tuoqi.kit.clock import county_day
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain.change_views import NAMES, cells_of_interval, names_of
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.status import Interval, in_force
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.store.changes import select_people
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.statuses import load_intervals

_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Selection:
    """People who fit all that is given."""

    region: str = ""
    category: str = ""
    """In force on the day of the draft."""
    person_ids: tuple[str, ...] = ()


async def select_cells(
    tx: Tx, desk: Desk, actor: Actor, kind: str, chosen: Selection, given: Mapping[str, str]
) -> dict[int, dict[str, str]]:
    """The rows, numbered as in a file. For statuses each is the interval in force, with what is set laid over it.

    Raises change.selection_unfit, change.too_many_rows, auth.no_region where the region is not the actor's.
    """
    nobody = not (chosen.region or chosen.category or chosen.person_ids)
    if nobody or not given or given.keys() & set(NAMES) or (kind == "statuses" and not chosen.category):
        raise TuoqiError("change.selection_unfit")
    if not chosen.person_ids:
        actor.require_region(chosen.region)
    most, today = desk.policy.changes.rows_max, county_day(desk.clock.now())
    cells: dict[int, dict[str, str]] = {}
    after, store, ring = "", PersonStore(desk.vault), desk.vault.ring()
    while ids := await select_people(
        tx, region=chosen.region, category=chosen.category, ids=chosen.person_ids, after=after, size=_BATCH
    ):
        after = ids[-1]
        people = await store.load(tx, ids, ring, lock=False)
        intervals = await load_intervals(tx, ids, ring) if chosen.category else {}
        for person_id in ids:
            running = _running(intervals.get(person_id, []), chosen.category, today) if chosen.category else None
            if chosen.category and running is None:
                continue
            cells[len(cells) + 2] = _row(desk, kind, people[person_id], running) | dict(given)
        if len(cells) > most:
            raise TuoqiError("change.too_many_rows", most=most)
    return cells


def _row(desk: Desk, kind: str, person: Person, running: Interval | None) -> dict[str, str]:
    names = names_of(person)
    if kind != "statuses" or running is None:
        return names
    return names | {key: text for key, text in cells_of_interval(running, desk.policy.categories).items() if text}


def _running(intervals: list[Interval], category: str, today: date) -> Interval | None:
    ids = in_force(intervals, today)
    return next((one for one in intervals if one.category == category and one.interval_id in ids), None)
