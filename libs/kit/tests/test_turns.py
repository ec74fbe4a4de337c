"""Long work lets others have their turn, and the next piece is made while this one is out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from tuoqi.kit.turns import ahead, slices


async def test_slices_keep_the_order_and_let_others_run_between_two() -> None:
    turns: list[str] = []

    async def other() -> None:
        for _ in range(3):
            turns.append("other")
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    seen: list[int] = []
    async for some in slices(range(5), 2):
        turns.append("work")
        seen += some
    await beside
    assert seen == [0, 1, 2, 3, 4]
    assert turns == ["work", "other", "work", "other", "work", "other"]


async def test_the_next_item_is_made_while_the_caller_is_busy_with_this_one() -> None:
    made: list[int] = []

    async def source() -> AsyncIterator[int]:
        for number in range(3):
            made.append(number)
            yield number

    seen: list[tuple[int, int]] = []
    async for number in ahead(source()):
        await asyncio.sleep(0.01)
        seen.append((number, len(made)))
    assert seen == [(0, 2), (1, 3), (2, 3)]


async def test_a_fault_of_the_source_comes_after_what_was_good_before_it() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        raise ValueError("no more")

    items = ahead(source())
    assert await anext(items) == 1
    with pytest.raises(ValueError, match="no more"):
        await anext(items)


async def test_leaving_early_leaves_nothing_running() -> None:
    ended = asyncio.Event()

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(60)
            yield 2
        finally:
            ended.set()

    async with aclosing(ahead(source())) as items:
        assert await anext(items) == 1
        await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await ended.wait()
