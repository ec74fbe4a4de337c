"""Fresh databases on a real PostgreSQL, with the kit's and one service's schema."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from tuoqi.kit.database import Database
from tuoqi.kit.migrate import migrate, migrations_of
from tuoqi.kit.settings import Settings


@asynccontextmanager
async def fresh_database(
    superuser_url: str, service: str = "", migrations: Path | None = None
) -> AsyncIterator[Database]:
    """An empty database with the kit's schema and, where one is named, the service's; dropped afterwards."""
    name = f"test_{service or 'kit'}_{secrets.token_hex(4)}"
    admin = create_async_engine(
        make_url(superuser_url).set(drivername="postgresql+asyncpg"), isolation_level="AUTOCOMMIT"
    )
    async with admin.connect() as connection:
        await connection.execute(text(f'CREATE DATABASE "{name}"'))
    settings = Settings(database_url=make_url(superuser_url).set(database=name).render_as_string(hide_password=False))
    folder = migrations or (migrations_of(service) if service else Path(__file__).parent / "no_migrations")
    await migrate(settings, service or "none", folder)
    database = Database(settings, application="test")
    try:
        yield database
    finally:
        await database.close()
        async with admin.connect() as connection:
            await connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        await admin.dispose()
