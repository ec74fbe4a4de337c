"""Platforms that fault tests share; each stands for a whole session, for starting one takes its time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import oracles
import pytest
from county_month import Month, county
from county_platform import CountyPlatform


@dataclass(frozen=True, slots=True)
class Lived:
    """A platform that has lived through a month without any failure, and its tables as they stood then."""

    platform: CountyPlatform
    summary: dict[str, Any]
    tables: oracles.Dump
    comparable: oracles.Dump
    """The tables without what differs between two platforms by nature; see `oracles.COMPARABLE`."""


@pytest.fixture(scope="session")
async def lived() -> AsyncIterator[Lived]:
    """Tests may send, stop and wipe what they want, as long as they leave the tables as they found them."""
    async with CountyPlatform() as platform:
        summary = county(platform.files)
        await Month(platform, platform.files).play()
        tables = await oracles.dump(platform)
        yield Lived(platform, summary, tables, await oracles.comparable(platform))
