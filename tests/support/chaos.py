"""Failures while a month goes on: kills at random but seeded moments, and deaths at named points, one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from random import Random

from county_month import Month, Step
from county_platform import CountyPlatform

DELAY_S_MAX = 0.6
"""How far into a step a kill may come."""
LOOK_S = 0.05
REST_S = 0.5
"""Between two deaths of one service, so that it also works for a while."""
RELAY = ("relay.after_read", "relay.after_send", "relay.after_ack", "relay.after_mark")
PIPELINE = ("pipeline.before_commit", "pipeline.after_commit")


class Chaos:
    """Plays a month and breaks things meanwhile.

    `kills` names parts, each killed once per mention, in one of `moments` steps that the seed draws (as many as there
    are kills, where none is given). `points` names for each service the points at which it dies, in this order, each
    as soon as it recovered from the one before.
    """

    def __init__(
        self,
        platform: CountyPlatform,
        *,
        seed: int,
        kills: Sequence[str],
        points: Mapping[str, Sequence[str]],
        moments: int = 0,
    ) -> None:
        self._platform = platform
        self._random = Random(seed)  # noqa: S311  moments, no secret
        self._kills = list(kills)
        self._points = points
        self._moments = moments or len(kills)
        self.left: list[str] = []
        """Points that the month never passed."""

    async def play(self, month: Month) -> None:
        """The whole month; returns when everything is up and has settled again."""
        steps = [*month.before_money(), *month.money(), *month.afterwards()]
        drawn = [self._random.randrange(len(steps)) for _ in range(self._moments)]
        when = [(drawn[number % len(drawn)], part) for number, part in enumerate(self._kills)]
        armers = [asyncio.create_task(self._arm(service, points)) for service, points in self._points.items()]
        try:
            for number, step in enumerate(steps):
                await self._one(month, step, [part for at, part in when if at == number])
        finally:
            for armer in armers:
                armer.cancel()
            await asyncio.gather(*armers, return_exceptions=True)
        self.left = sorted(file.name for file in self._platform.failpoints.iterdir())
        for file in self._platform.failpoints.iterdir():
            file.unlink()
        await month.surely(self._platform.until_up)

    async def _one(self, month: Month, step: Step, parts: Iterable[str]) -> None:
        delays = [(part, self._random.uniform(0, DELAY_S_MAX)) for part in parts]
        killers = [asyncio.create_task(self._kill(part, delay)) for part, delay in delays]
        await month.surely(step)
        await asyncio.gather(*killers)
        if killers:
            await month.surely(self._platform.until_up)

    async def _kill(self, part: str, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        self._platform.kill(part)

    async def _arm(self, service: str, points: Sequence[str]) -> None:
        for point in points:
            file = self._platform.arm(service, point)
            while file.exists():  # noqa: ASYNC110  another process takes the file away
                await asyncio.sleep(LOOK_S)
            await asyncio.sleep(REST_S)
            await self._platform.until_up()
