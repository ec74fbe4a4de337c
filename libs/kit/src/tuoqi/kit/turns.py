"""Taking turns on one event loop: long work in slices, and the next piece made while this one waits for the database.

Work that keeps the CPU for more than some 50 ms would keep everybody else's calls and heartbeats waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Final, TypeVar

Item = TypeVar("Item")
SLICE: Final = 100
"""Rows between two breaths: at 50 µs each, 5 ms."""
_END: Final = object()


async def slices(items: Sequence[Item], size: int = SLICE) -> AsyncIterator[Sequence[Item]]:
    """The items in runs of `size`; between two runs whoever else waits has his turn."""
    for first in range(0, len(items), size):
        if first:
            await asyncio.sleep(0)
        yield items[first : first + size]


async def ahead(source: AsyncIterator[Item]) -> AsyncGenerator[Item]:
    """The same items, the next one being made while the caller is busy with this one. Close it when leaving early."""
    coming: asyncio.Task[Item | object] = asyncio.create_task(_next(source))
    try:
        while (item := await coming) is not _END:
            coming = asyncio.create_task(_next(source))
            yield item  # type: ignore[misc]  # all but the end's mark are items
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def _next(source: AsyncIterator[Item]) -> Item | object:
    return await anext(source, _END)
