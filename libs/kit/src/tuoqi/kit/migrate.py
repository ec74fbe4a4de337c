"""Schemas by Alembic: the kit's migrations first, then the service's, each with its own version table.

Run as the migrator role, which owns the schema: `python -m tuoqi.<service> migrate`.
"""

from __future__ import annotations

import importlib
from importlib import resources
from pathlib import Path

from alembic import command, op
from alembic.config import Config
from sqlalchemy import Connection

from tuoqi.kit.database import Database
from tuoqi.kit.settings import Settings

ENVIRONMENT = str(resources.files("tuoqi.kit").joinpath("migrations"))
KIT = ("kit", f"{ENVIRONMENT}/versions")
PARTITIONS_AHEAD = 3


def run_sql(text: str, *, whole: bool = False) -> None:
    """Run statements of a migration, split at `;` at a line's end, or as one whole statement."""
    statements = [text] if whole else [part for part in text.split(";\n") if part.strip()]
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)


async def migrate(settings: Settings, service: str, folder: Path) -> None:
    """Bring the database up to date. Idempotent. Raises what the database raises."""
    database = Database(settings, application=f"{service}-migrator")
    try:
        for name, location in (KIT, (service, str(folder))):
            async with database.session() as connection:
                await connection.run_sync(_upgrade, name, location)
        async with database.begin() as tx:
            await tx.fetch("SELECT make_outbox_partitions(CAST(:n AS int))", n=PARTITIONS_AHEAD)
    finally:
        await database.close()


def migrations_of(name: str) -> Path:
    """The folder of a service's migrations: `migrations` in its package."""
    package = importlib.import_module(f"tuoqi.{name}")
    return Path(str(package.__file__)).parent / "migrations"


def _upgrade(connection: Connection, name: str, location: str) -> None:
    config = Config()
    config.set_main_option("script_location", ENVIRONMENT.replace("%", "%%"))
    config.set_main_option("version_locations", location.replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    config.attributes["version_table"] = f"{name}_version"
    command.upgrade(config, "head")
