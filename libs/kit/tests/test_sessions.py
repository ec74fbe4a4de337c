"""A session of one's own: what it holds ends with it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

LOCK = text("SELECT pg_try_advisory_lock(4711)")


async def test_a_sessions_lock_is_free_for_every_other_connection_once_the_session_ends(database_for: Any) -> None:
    database = await database_for()
    async with database.session() as first:
        assert (await first.execute(LOCK)).scalar_one()
        async with database.session() as second:
            assert not (await second.execute(LOCK)).scalar_one()
    async with database.begin() as tx:
        held = await tx.fetch("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert held[0][0] == 0
