"""A small county with a year to go: what happens to its people, and cycles with cached spans or without."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb
from tuoqi.contracts.registry.v1 import person_pb2
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.consumer import PERSON
from tuoqi.payments.jobs import compute

Office = Any
"""The office of `tests/conftest.py`; a conftest is no module that another can import."""

BORN = ("1940-05-05", "1934-02-11", "1941-01-01", "1970-01-01", "1980-03-03", "1950-01-01", "2006-04-10", "1990-01-01",
        "1985-01-01")  # fmt: skip

WRITTEN = {
    "payment_lines": "*",
    "outgoing": "*",
    "cash_steps": "*",
    "recovery_cases": "*",
    "beyond_limit": "*",
    "cycle_totals": "*",
    "ledger_entries": "cycle_id, movement, account, amount_fen, programme, person_id, benefit_month, reference, booked_at",
}
"""What a cycle writes. Numbers of postings only tell postings apart."""


class County:
    """An office with a few people; everything else it is asked is the office's."""

    def __init__(self, office: Office, *, forgets: bool = False) -> None:
        self.office = office
        self.forgets = forgets
        """Whether the cache is emptied before every cycle, so that everybody is looked at."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.office, name)

    async def all_rows(self, sql: str) -> list[str]:
        """Rows as texts, in an order."""
        return sorted(repr(tuple(row)) for row in await self.office.fetch(sql))

    async def forget(self) -> None:
        """The cache is emptied, as it may be at any time."""
        async with self.office.database.begin() as tx:
            await tx.execute("DELETE FROM reckonings")
            await tx.execute("DELETE FROM entitlement_spans")

    async def cycle(self, month: str, day: int = 20, programmes: Sequence[str] = ()) -> str:
        """A cycle opened with the cut-off now, and computed; its id."""
        self.office.go_to(f"{month}-{day:02d}")
        with self.office.by("clerk.li"):
            request = pb.OpenCycleRequest(month=month, cutoff=stamp_of(self.office.clock.now()), programmes=programmes)
            opened = (await self.office.service.OpenCycle(request, None)).cycle.ref.cycle_id
        if self.forgets:
            await self.forget()
        await self.office.compute(opened)
        return str(opened)

    async def steady_people(self) -> set[str]:
        """Whose marker is older than the last cycle: they were not looked at in it."""
        rows = await self.office.fetch(
            "SELECT person_id FROM reckonings WHERE cycle_seq < (SELECT max(seq) FROM cycles)"
        )
        return {row.person_id[-2:] for row in rows}

    async def grant(self, person: str, number: int, month: str) -> None:
        """One-off aid that was approved now."""
        async with self.office.database.begin() as tx:
            await tx.execute(
                "INSERT INTO grants (grant_id, person_id, programme, benefit_month, amount_fen, known_at)"
                " VALUES (:id, :person, 'temporary_assistance', :month, 50000, :at)",
                id=f"grant-{number}",
                person=person,
                month=month,
                at=self.office.clock.now(),
            )

    async def void(self, number: int) -> None:
        """A grant is taken back now."""
        async with self.office.database.begin() as tx:
            await tx.execute(
                "UPDATE grants SET voided_at = :at WHERE grant_id = :id",
                id=f"grant-{number}",
                at=self.office.clock.now(),
            )

    async def index(self, month: str, published: str, cpi: int, scpi: int) -> None:
        """A row of the price index, loaded now."""
        async with self.office.database.begin() as tx:
            await tx.execute(
                "INSERT INTO price_index (month, published_on, cpi_tenths, food_tenths, scpi_tenths, loaded_at)"
                " VALUES (:month, :published, :cpi, 0, :scpi, :at)",
                month=month,
                published=date.fromisoformat(published),
                cpi=cpi,
                scpi=scpi,
                at=self.office.clock.now(),
            )

    async def merge(self, file: str, into: str) -> None:
        """The registry tells that a file is a second one of a person."""
        now = stamp_of(self.office.clock.now())
        told = person_pb2.PersonMerged(person=self.office.people[file], into_person_id=into, known_at=now)
        await self.office._tell(file, told, PERSON.name)  # noqa: SLF001  the tests' own self.office
        self.office.intervals.setdefault(into, {}).update(self.office.intervals.pop(file, {}))
        await self.office._tell_status(file)  # noqa: SLF001
        await self.office._tell_status(into)  # noqa: SLF001

    async def small_county(self) -> list[str]:
        """Nine people: old, on dibao, disabled, in tekun, a child, and one who is paid nothing."""
        people = [await self.office.register(n, born, account=f"A{n}") for n, born in enumerate(BORN, start=1)]
        for person in people[:3]:
            await self.office.status(person, "old_age_accepted", "2023-11-01")
        for person in (people[2], people[3], people[4]):
            await self.office.status(person, "dibao", "2023-11-01", yuan=400)
        await self.office.status(people[4], "disability", "2023-11-01", level="2")
        await self.office.status(people[5], "tekun", "2023-11-01", subtype="scattered", level="full")
        await self.office.status(people[6], "orphan", "2023-11-01", subtype="dispersed")
        await self.office.status(people[7], "disability", "2023-11-01", level="1")
        return people

    async def something(self, rng: random.Random, person: str, number: int, day: date) -> None:
        """One of the things that happen in a county."""
        ago = day - timedelta(days=rng.randrange(120))
        match rng.randrange(8):
            case 0:
                await self.office.died(person, rng.choice(("", ago.isoformat())))
            case 1:
                await self.office.status(person, "old_age_accepted", rng.choice((ago, day)).isoformat())
            case 2:
                await self.office.status(
                    person, "dibao", "2023-11-01", yuan=rng.choice((300, 400)), ended=rng.choice(("", f"{ago}"))
                )
            case 3:
                await self.office.status(person, "disability", ago.isoformat(), level=rng.choice("1234"))
            case 4:
                await self.office.status(
                    person,
                    "tekun",
                    ago.isoformat(),
                    subtype="scattered",
                    level="none",
                    ended=rng.choice(("", f"{day}")),
                )
            case 5:
                await self.grant(person, number, f"{rng.choice((ago, day, day + timedelta(days=40))):%Y-%m}")
            case 6:
                await self.void(rng.randrange(number))
            case _:
                await self.index(f"{ago:%Y-%m}", day.isoformat(), rng.choice((20, 36, 50)), rng.choice((35, 60)))


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several windows even of a few people."""
    monkeypatch.setattr(compute, "WINDOW_FACTS", 5)


@pytest.fixture
def county(office: Office) -> County:
    """A county without people yet."""
    return County(office)


@pytest.fixture
def both_ways(county: County, database_for: Any) -> Callable[[Callable[[County], Awaitable[None]]], Awaitable[County]]:
    """Play the same twice, with cached spans and with none, and compare all that was written; the one with spans."""

    async def play_twice(play: Callable[[County], Awaitable[None]]) -> County:
        office = county.office
        other = County(type(office)(await database_for("payments"), office.county), forgets=True)
        await play(county)
        await play(other)
        for table, columns in WRITTEN.items():
            rows = [await each.all_rows(f"SELECT {columns} FROM {table}") for each in (county, other)]
            assert rows[0] == rows[1], table
        assert await county.findings() == []
        return county

    return play_twice
