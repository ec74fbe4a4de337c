"""The one-shot of the compose file: roles and databases, schemas, Kafka's users and topics. Safe to repeat.

Runs before the services of a release, each schema as the role that owns it; the secrets lie under /run/secrets.
"""

import asyncio
import os
import sys
from pathlib import Path

from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.kafka import ADMIN, add_users
from tuoqi.cli.local.plan import SERVICES
from tuoqi.cli.local.provision import PostgresAddress, provision
from tuoqi.cli.local.vault import OPERATORS, Vault, read_secret
from tuoqi.kit.kafka import KafkaAddress
from tuoqi.kit.kafka_tools import apply_topics

VAULT = Vault(Path("/run/secrets"))
DATABASE = os.environ.get("TUOQI_DATABASE", "postgresql://postgres@postgres:5432")
KAFKA = os.environ.get("TUOQI_KAFKA", "kafka:9092")


async def migrate(service: str) -> None:
    """Bring one service's schema up to date. Raises LocalError where its migration fails."""
    server = DATABASE.rpartition("@")[2]
    environment = {
        **os.environ,
        "TUOQI_DATABASE_URL": f"postgresql://tuoqi_{service}_migrator@{server}/tuoqi_{service}",
        "TUOQI_DATABASE_PASSWORD_FILE": str(VAULT.migrator(service)),
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", f"tuoqi.{service}", "migrate", env=environment)
    if await process.wait():
        raise LocalError(f"The schema of {service} could not be brought up to date; why stands above.")


async def schemas() -> None:
    """Roles and databases first, then one schema after the other: two cores and little memory."""
    await provision(PostgresAddress.from_url(DATABASE, str(VAULT.superuser)), VAULT.root, SERVICES)
    for service in SERVICES:
        await migrate(service)
        print(f"schema of {service}: up to date")  # noqa: T201 -- the log of the one-shot


def events() -> None:
    """Kafka's users, then its topics."""
    password = read_secret(VAULT.kafka(ADMIN))
    users = (*OPERATORS[1:], *SERVICES)
    add_users(KAFKA, password, {user: read_secret(VAULT.kafka(user)) for user in users})
    for step in apply_topics(KafkaAddress(KAFKA, ADMIN, password)):
        print(f"{step.topic}: {step.action} {step.detail}")  # noqa: T201 -- as above


def main() -> None:
    """All of it; ends with an error where any part fails, so that no service starts."""
    try:
        asyncio.run(schemas())
        events()
    except LocalError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
