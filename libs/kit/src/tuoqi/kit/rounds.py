"""Background work by the system's clock: rounds of one job, one after another, for as long as the process lives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tuoqi.kit.database import Conflict, blames_infrastructure
from tuoqi.kit.logs import get_logger

logger = get_logger(room="rounds")


def rounds(
    name: str, work: Callable[[], Awaitable[int]], pause_s: float, awake: asyncio.Event | None = None
) -> Callable[[], Awaitable[None]]:
    """`work` again and again, for `Parts.background`; after a round that did nothing it rests until `awake` is set.

    Where the database or the network is away the round is nothing but a later one; any other fault ends the process.
    """
    woken = awake or asyncio.Event()

    async def for_ever() -> None:
        while True:
            woken.clear()
            done = 0
            try:
                done = await work()
            except Conflict:
                logger.info("a round begins again", round=name)
            except Exception as fault:
                if not blames_infrastructure(fault):
                    raise
                logger.warning("a round waits", round=name, fault=type(fault).__name__)
            if not done:
                await _rest(woken, pause_s)

    return for_ever


async def _rest(woken: asyncio.Event, pause_s: float) -> None:
    try:
        async with asyncio.timeout(pause_s):
            await woken.wait()
    except TimeoutError:
        return
