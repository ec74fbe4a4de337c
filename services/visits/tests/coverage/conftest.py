"""A small village on a database: plans, visits and missed deadlines as rows, and a business clock that stands still."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pytest

from tuoqi.kit.ids import id_maker
from tuoqi.kit.rights import Actor
from tuoqi.visits.domain.days import midnight_of
from tuoqi.visits.jobs.reports import Freezer

VILLAGE, OTHER = "990101101201", "990101102201"
COUNTY = Actor("reviewer.zhao", "核对", regions=("",))


@dataclass(frozen=True)
class StandingClock:
    """It is always the same moment."""

    moment: datetime

    def now(self) -> datetime:
        """That moment."""
        return self.moment


@dataclass
class Village:
    """Writes rows by hand, so that a test can be added up on paper."""

    platform: Any
    _visits: Any = field(default_factory=lambda: itertools.count(1))

    async def run(self, sql: str, **params: Any) -> None:
        """One statement."""
        async with self.platform.database.begin() as tx:
            await tx.execute(sql, **params)

    async def plan(
        self,
        person_id: str,
        grade: str,
        from_day: str,
        to_day: str | None = None,
        *,
        region: str = VILLAGE,
        born: str = "1940-01-01",
        worker: str = "",
    ) -> None:
        """A plan that ran, or runs still."""
        running = to_day is None
        await self.run(
            "INSERT INTO plan_spans (person_id, number, grade, region, from_day, to_day)"
            " VALUES (:p, 1, :g, :r, :f, coalesce(CAST(:t AS date), 'infinity'))",
            p=person_id, g=grade, r=region, f=date.fromisoformat(from_day),
            t=date.fromisoformat(to_day) if to_day else None,
        )  # fmt: skip
        await self.run(
            "INSERT INTO plans (person_id, version, region, birth_date, grade, opened_on, window_first, deadline, state)"
            " VALUES (:p, 1, :r, :b, :g, :o, :o, :d, '{\"seen\":[0,0]}')",
            p=person_id, r=region, b=date.fromisoformat(born), g=grade if running else None,
            o=date.fromisoformat(from_day) if running else None, d=date(2026, 12, 31) if running else None,
        )  # fmt: skip
        if worker:
            await self.run(
                "INSERT INTO assignments (person_id, worker_id, reason, by_hand, active, seq, since)"
                " VALUES (:p, :w, 'new', false, true, 1, now())",
                p=person_id, w=worker,
            )  # fmt: skip

    async def visit(self, person_id: str, day: str, channel: str = "IN_PERSON", result: str = "MET") -> str:
        """A record; its id."""
        visit_id = f"v{next(self._visits):03d}"
        on = date.fromisoformat(day)
        await self.run(
            "INSERT INTO visit_records (visit_id, person_id, started_at, arrived_at, counts_on, clock_ahead, channel,"
            " result, visitor_role, findings, services, counts)"
            " VALUES (:v, :p, :s, :s, :d, false, :c, :r, '', '', '', :met)",
            v=visit_id, p=person_id, s=midnight_of(on), d=on, c=channel, r=result,
            met=result in ("MET", "INFORMANT_ONLY"),
        )  # fmt: skip
        return visit_id

    async def missed(self, person_id: str, deadline: str, state: str, grade: str = "HIGH") -> None:
        """A deadline that passed without a visit."""
        await self.run(
            "INSERT INTO overdues (overdue_id, person_id, grade, deadline, state) VALUES (:i, :p, :g, :d, :s)",
            i=f"{person_id}-{deadline}", p=person_id, g=grade, d=date.fromisoformat(deadline), s=state,
        )  # fmt: skip


@pytest.fixture
async def village(platform: Any) -> Village:
    """Nobody lives there yet."""
    return Village(platform)


@pytest.fixture
def freezer(make: Any) -> Freezer:
    """On 1 December 2026 at nine."""
    return Freezer(StandingClock(make.at("2026-12-01")), id_maker(bytes(32)), "990101")  # type: ignore[arg-type]  # a stand-in


@pytest.fixture
def county() -> Actor:
    """Somebody who may act everywhere."""
    return COUNTY
