"""Fresh databases on a real PostgreSQL, with the kit's and one service's schema.

The schema is migrated once for each set of revisions, into a template; a fresh database is a copy of it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import make_url, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from tuoqi.kit import migrations as kit_migrations
from tuoqi.kit.database import Database
from tuoqi.kit.migrate import migrate, migrations_of
from tuoqi.kit.settings import Settings


@asynccontextmanager
async def fresh_database(
    superuser_url: str, service: str = "", migrations: Path | None = None
) -> AsyncIterator[Database]:
    """An empty database with the kit's schema and, where one is named, the service's; dropped afterwards."""
    name = f"test_{service or 'kit'}_{secrets.token_hex(4)}"
    folder = migrations or (migrations_of(service) if service else Path(__file__).parent / "no_migrations")
    admin = create_async_engine(
        make_url(superuser_url).set(drivername="postgresql+asyncpg"), isolation_level="AUTOCOMMIT"
    )
    async with admin.connect() as connection:
        template = await _template(connection, superuser_url, service or "none", folder)
        await connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    database = Database(_settings(superuser_url, name), application="test")
    try:
        yield database
    finally:
        await database.close()
        async with admin.connect() as connection:
            await connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        await admin.dispose()


async def _template(connection: AsyncConnection, superuser_url: str, service: str, folder: Path) -> str:
    """The database with this schema that others are copied from; made where there is none yet."""
    name = f"test_template_{service}_{_revisions(folder)}"
    known = text("SELECT 1 FROM pg_database WHERE datname = :name")
    if (await connection.execute(known, {"name": name})).scalar() is None:
        draft = f"{name}_{secrets.token_hex(4)}"
        await connection.execute(text(f'CREATE DATABASE "{draft}"'))
        await migrate(_settings(superuser_url, draft), service, folder)
        try:
            await connection.execute(text(f'ALTER DATABASE "{draft}" RENAME TO "{name}"'))
        except ProgrammingError:  # another process was first
            await connection.execute(text(f'DROP DATABASE "{draft}"'))
    return name


def _revisions(folder: Path) -> str:
    """A hash of every revision that makes the schema."""
    digest = hashlib.sha256()
    for place in (Path(kit_migrations.__path__[0]), folder):
        for path in sorted(place.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _settings(superuser_url: str, name: str) -> Settings:
    return Settings(database_url=make_url(superuser_url).set(database=name).render_as_string(hide_password=False))
