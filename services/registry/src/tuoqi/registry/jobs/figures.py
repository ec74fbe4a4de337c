"""Figures and coverage: what the county's definitions count on a day, as known at a moment, by region."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from tuoqi.kit.clock import COUNTY_ZONE, BusinessClock, county_day
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain.breakdown import Cell, Tally, View, break_down
from tuoqi.registry.domain.figures import (
    COVERAGE,
    FACILITIES,
    PERSONS,
    WORKERS,
    Atom,
    Figure,
    Site,
    bits_of,
)
from tuoqi.registry.domain.policy import Policy
from tuoqi.registry.domain.region import TOWNSHIP, VILLAGE, Geography
from tuoqi.registry.domain.worker import BODY, POST, Coverage, Demand, Supply, coverage
from tuoqi.registry.store.figures import Moment, count_persons, load_sites, persons_counted
from tuoqi.registry.store.regions import load_geography
from tuoqi.registry.store.workers import posts_held

TODAY: Final = "today"
_UNITS: Final = {"villages": VILLAGE, "townships": TOWNSHIP}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which figures, where and when."""

    figure_ids: Sequence[str]
    region: str
    """Empty: the county."""
    true_on: date | None
    known_at: datetime | None
    by: str = ""
    geography: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """One figure with its numbers."""

    figure: Figure
    total: Cell
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Row:
    """One that a figure counted."""

    subject: str
    subject_id: str
    region: str
    value: int = 1


class FigureDesk:
    """Counts; it reads and keeps nothing."""

    def __init__(self, policy: Policy, clock: BusinessClock) -> None:
        self._policy = policy
        self._clock = clock

    async def compute(self, tx: Tx, asked: Asked, actor: Actor) -> tuple[list[Counted], View]:
        """All figures in one reading. Raises registry.figure_unknown and auth.no_region."""
        figures = self.figures(asked.figure_ids)
        moment = self.moment(asked)
        view = self.view(await load_geography(tx), asked, actor)
        bits = bits_of(figures)
        tallies: dict[str, dict[str, Tally]] = {}
        people = [one for one in figures if one.counts == PERSONS]
        for figure_id, counts in (await count_persons(tx, people, bits, moment)).items():
            tallies[figure_id] = {code: Tally(count) for code, count in counts.items()}
        others = [one for one in figures if one.counts != PERSONS]
        if others:
            found = await self._rows(tx, others, bits, moment, view)
            tallies |= {figure.figure_id: _tallies(figure, found[figure.figure_id]) for figure in others}
            tallies |= {
                one.figure_id: await self._rates(tx, one, moment, view) for one in others if one.counts == COVERAGE
            }
        return [
            Counted(figure, *break_down(tallies[figure.figure_id], view, sensitive=figure.is_sensitive))
            for figure in figures
        ], view

    async def rows(self, tx: Tx, asked: Asked, actor: Actor, after: str, page: int) -> list[Row]:
        """Up to a page of what one figure counted, in order of ids, after an id."""
        (figure,) = self.figures(asked.figure_ids)
        moment = self.moment(asked)
        view = self.view(await load_geography(tx), asked, actor)
        bits = bits_of([figure])
        found: list[Row] = []
        if figure.counts == PERSONS:
            people: AsyncIterator[Sequence[tuple[str, str]]] = persons_counted(tx, figure, bits, moment, after)
            async for run in people:
                found += [Row("person", person_id, place) for person_id, place in run if view.shows(place)]
                if len(found) >= page:
                    break
            return found[:page]
        if figure.counts == COVERAGE:
            covered = await self.coverage(tx, moment, view.geography, figure.kinds, view.area)
            found = [Row("region", one.region, one.region, one.filled) for one in covered]
        else:
            found = (await self._rows(tx, [figure], bits, moment, view))[figure.figure_id]
        shown = {row.subject_id: row for row in found if view.shows(row.region) and row.subject_id > after}
        return [shown[key] for key in sorted(shown)][:page]

    def figures(self, ids: Sequence[str]) -> list[Figure]:
        """The definitions of these ids, all where none is named, in the county's order."""
        known = self._policy.figures.figures
        if unknown := [one for one in ids if one not in known]:
            raise TuoqiError("registry.figure_unknown", figure=unknown[0][:40])
        return [one for key, one in known.items() if not ids or key in ids]

    def moment(self, asked: Asked) -> Moment:
        """The day and the moments of knowledge that are asked for."""
        now = self._clock.now()
        day = asked.true_on or county_day(now)
        known_at = min(asked.known_at or now, now)
        end_of_day = datetime.combine(day + timedelta(days=1), time(), COUNTY_ZONE)
        return Moment(day, known_at, min(known_at, end_of_day), known_at < now, self._policy.county)

    def view(self, geography: Geography, asked: Asked, actor: Actor) -> View:
        """From where it is looked at. Raises auth.no_region where the region asked for is not the actor's."""
        today = county_day(self._clock.now())
        county = self._policy.county.ljust(12, "0")
        if asked.region:
            actor.require_region(asked.region)
        day = today if asked.geography == TODAY else asked.true_on or today
        return View(geography, day, county, asked.region or county, asked.by, actor.may_act_in)

    async def coverage(
        self, tx: Tx, moment: Moment, geography: Geography, kinds: Collection[str], area: str
    ) -> list[Coverage]:
        """How far each region of the area has on the day the posts and protection bodies that it must have."""
        demands = self._policy.posts.required_on(moment.day, kinds)
        supplies: list[Supply] = []
        posts = {one.kind for one in demands if one.what == POST}
        if posts:
            held = await posts_held(tx, moment.day, moment.known_at, posts)
            supplies += [Supply(POST, row.kind, row.region, row.began_on, row.ended_on) for row in held]
        if any(one.what == BODY for one in demands):
            sites = await load_sites(tx, {}, moment)
            supplies += [Supply(BODY, site.kind, site.region, None, None) for site in sites]
        return coverage(demands, supplies, geography, moment.day, area)

    async def _rates(self, tx: Tx, figure: Figure, moment: Moment, view: View) -> dict[str, Tally]:
        found: defaultdict[str, Tally] = defaultdict(Tally)
        for one in await self.coverage(tx, moment, view.geography, figure.kinds, view.county):
            found[one.region] += Tally(one.filled, one.demand.count)
        return found

    async def _rows(
        self, tx: Tx, figures: Sequence[Figure], bits: Mapping[Atom, int], moment: Moment, view: View
    ) -> dict[str, list[Row]]:
        """What figures other than of people count; nothing for rates."""
        sites: list[Site] = []
        if any(one.counts == FACILITIES for one in figures):
            sites = await load_sites(tx, bits, moment)
        held = (
            await posts_held(tx, moment.day, moment.known_at) if any(one.counts == WORKERS for one in figures) else ()
        )
        found: dict[str, list[Row]] = {}
        for figure in figures:
            if figure.counts == FACILITIES:
                found[figure.figure_id] = _sites_counted(figure, sites, bits, view)
            elif figure.counts == WORKERS:
                found[figure.figure_id] = [
                    Row("worker", row.worker_id, row.region)
                    for row in held
                    if row.kind in figure.kinds and (row.ended_on is None or row.ended_on >= moment.day)
                ]
            else:
                regions = view.geography.tree(view.day) if figure.counts != COVERAGE else []
                found[figure.figure_id] = [
                    Row("region", region.code, region.code) for _, region in regions if region.kind in figure.kinds
                ]
        return found


def _sites_counted(figure: Figure, sites: Iterable[Site], bits: Mapping[Atom, int], view: View) -> list[Row]:
    clause = figure.facility
    counted = [site for site in sites if site.fits(clause, bits)]
    if clause.measure in _UNITS:
        units = {view.geography.unit(view.place(site.region), _UNITS[clause.measure], view.day) for site in counted}
        return [Row("region", unit, unit) for unit in sorted(units - {""})]
    return [Row("facility", site.code, site.region, site.measured(clause)) for site in counted]


def _tallies(figure: Figure, rows: Iterable[Row]) -> dict[str, Tally]:
    found: defaultdict[str, Tally] = defaultdict(Tally)
    for row in rows:
        if figure.counts == WORKERS:
            found[row.region] += Tally(1, subjects=frozenset({row.subject_id}))
        else:
            found[row.region] += Tally(row.value)
    return found


def totals(
    covered: Iterable[Coverage], may_see: Callable[[str], bool]
) -> list[tuple[Demand, int, int, list[Coverage]]]:
    """By demand what is required and filled in all regions that the asker may see, and those that lack something."""
    by_demand: dict[tuple[str, str, str, date], list[Coverage]] = {}
    for one in covered:
        if may_see(one.region):
            key = (one.demand.what, one.demand.kind, one.demand.per, one.demand.effective_from)
            by_demand.setdefault(key, []).append(one)
    return [
        (some[0].demand, sum(one.demand.count for one in some), sum(one.filled for one in some),
         [one for one in some if one.vacant])
        for some in by_demand.values()
    ]  # fmt: skip
