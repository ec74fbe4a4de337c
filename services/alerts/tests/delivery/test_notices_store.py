"""Notices on a real PostgreSQL: written with the change they tell of, each once however often it is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.notices import Notice
from tuoqi.alerts.store import AlertBookStore
from tuoqi.kit.database import Conflict, Database
from tuoqi.kit.handlers import Change

pytestmark = pytest.mark.postgres
STORE = AlertBookStore()
AT = datetime(2026, 3, 2, tzinfo=UTC)
RAISED = Notice("a", "raised", "village", AT)
STEP = Notice("a", "escalated", "township", AT + timedelta(hours=4))
AGAIN = Notice("a", "raised", "village", AT + timedelta(days=1))


@pytest.fixture
async def database(database_for: Callable[..., Awaitable[Database]]) -> Database:
    return await database_for("alerts")


async def save(database: Database, loaded: int | None, version: int, *notices: Notice) -> None:
    """Save a book that has these to tell."""
    async with database.begin() as tx:
        await STORE.save(tx, [Change("p", AlertBook("p", version, notices=notices), loaded)])


async def told(database: Database) -> list[Notice]:
    """What stands in the table."""
    async with database.begin() as tx:
        rows = await tx.fetch("SELECT alert_id, occasion, level, at FROM notices ORDER BY at, occasion")
    return [Notice(*row) for row in rows]


async def test_a_notice_is_kept_once_however_often_its_step_is_saved(database: Database) -> None:
    await save(database, None, 1, RAISED)
    await save(database, 1, 2, RAISED, STEP)
    await save(database, 2, 3, STEP, AGAIN)
    assert await told(database) == [RAISED, STEP, AGAIN]


async def test_no_notice_stands_where_its_change_was_refused(database: Database) -> None:
    await save(database, None, 1, RAISED)
    with pytest.raises(Conflict):
        await save(database, 7, 8, STEP)
    assert await told(database) == [RAISED]
