"""A county of three townships, and whoever asks about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tuoqi.kit.commands import Commander
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain.identity import normalise_number
from tuoqi.registry.rpc.figures import FigureServicer
from tuoqi.registry.rpc.regions import RegionServicer
from tuoqi.registry.rpc.workers import WorkerServicer

RIGHTS = frozenset({"reveal"})
CLERK = Actor(user="clerk.li", purpose="统计核对", rights=RIGHTS)
TOWN_CLERK = Actor(user="clerk.feng", purpose="统计核对", rights=RIGHTS, regions=("990101101",))
Row = dict[str, str]


def region(code: str, name: str, kind: str, parent: str = "") -> Row:
    """A row of regions.csv."""
    return {"code": code, "name": name, "kind": kind, "parent": parent, "valid_from": "2000-01-01"}


REGIONS = [
    region("990101000000", "示范县", "county"),
    *(region(f"9901011{town:02d}000", f"镇{town}", "town", "990101000000") for town in (1, 2, 3)),
    *(
        region(f"9901011{town:02d}20{village}", f"村{town}{village}", "village", f"9901011{town:02d}000")
        for town in (1, 2, 3)
        for village in (1, 2, 3)
    ),
]


def number(born: str, sequence: int) -> str:
    """A right identity number of the county for a birth day like `19400301`; the old form knows how to end it."""
    if born.startswith("19"):
        return normalise_number(f"990101{born[2:]}{sequence:03d}")
    body = f"990101{born}{sequence:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11]


def person(born: str, sequence: int, village: str, **more: str) -> Row:
    """A row of persons.csv."""
    return {"name": f"测{sequence}", "id_number": number(born, sequence), "hukou_region": village, **more}


@dataclass
class Desks:
    """The registry and its answers about regions, workers and figures."""

    office: Any
    regions: RegionServicer
    workers: WorkerServicer
    figures: FigureServicer


@pytest.fixture
async def desks(office: Any, load_county: Callable[[Any], Awaitable[None]]) -> Desks:
    """A registry with the county's regions loaded."""
    await load_county(office)
    commander = Commander({}, office.database, office.desk.origin, lambda: None)
    vault = office.desk.vault
    return Desks(
        office,
        RegionServicer(office.database, vault, office.desk, commander),
        WorkerServicer(office.database, vault, office.desk, commander),
        FigureServicer(office.database, office.desk.policy, office.clock),
    )


@pytest.fixture
def load_county() -> Callable[[Any], Awaitable[None]]:
    """Loads the county's regions."""

    async def load(office: Any) -> None:
        done = await office.load("regions", *REGIONS)
        assert done.problems == []

    return load
