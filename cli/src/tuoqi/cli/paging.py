"""Lists that come in pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

Item = TypeVar("Item")
PAGE_MAX = 1_000


async def pages(page: Callable[[int, str], Awaitable[tuple[list[Item], str]]], limit: int) -> list[Item]:
    """Up to `limit` items; `page` answers a size and a token with items and the next token, empty at the end."""
    found: list[Item] = []
    token = ""
    while len(found) < limit:
        items, token = await page(min(PAGE_MAX, limit - len(found)), token)
        found += items
        if not token:
            break
    return found[:limit]
