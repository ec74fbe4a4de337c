"""Databases and roles: for each service one database, a migrator that owns its schema, and a role that owns nothing.

Safe to repeat. Used by the local platform and, as `python -m tuoqi.cli.local.provision`, once before a compose start.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import asyncpg

from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.vault import Vault, read_secret

SCRAM_ITERATIONS = 4096
CONNECT_S_MAX = 5.0
UNREACHABLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """Where and as whom to log in."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)

    @classmethod
    def from_url(cls, url: str, password_file: str | None = None) -> Self:
        """`postgresql://user[:password]@host[:port]`, the password rather in a file.

        Raises:
            LocalError: if the URL names no user or host.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"postgresql", "postgres"} or not parts.hostname or not parts.username:
            raise LocalError("TUOQI_DATABASE is not of the form postgresql://superuser@host:port.")
        password = read_secret(Path(password_file)) if password_file else parts.password or ""
        return cls(parts.hostname, parts.port or 5432, parts.username, password)

    async def answers(self) -> bool:
        """Whether the login works and a statement is answered."""
        try:
            connection = await connect(self, "postgres")
        except UNREACHABLE:
            return False
        with suppress(*UNREACHABLE):
            await connection.close()
        return True


async def connect(address: PostgresAddress, database: str) -> Any:
    """One plain connection."""
    return await asyncpg.connect(
        host=address.host, port=address.port, user=address.user, password=address.password, database=database,
        timeout=CONNECT_S_MAX,
    )  # fmt: skip


async def provision(address: PostgresAddress, secrets: Path, services: Iterable[str]) -> None:
    """Make or repair database and roles of every service.

    Raises:
        LocalError: if the superuser cannot log in or lacks a right.
    """
    services = tuple(services)
    vault = Vault(secrets)
    try:
        connection = await connect(address, "postgres")
        try:
            for service in services:
                await _roles(connection, service, vault)
                await _database(connection, service)
        finally:
            await connection.close()
        await asyncio.gather(*(_schema(address, service) for service in services))
    except UNREACHABLE as error:
        raise LocalError(f"PostgreSQL at {address.host}:{address.port} cannot be set up: {error}.") from error


async def _roles(connection: Any, service: str, vault: Vault) -> None:
    """Both roles with the passwords of the vault; sent as verifiers, so that no log can show a password."""
    for role, secret in ((f"tuoqi_{service}", vault.database(service)), (_migrator(service), vault.migrator(service))):
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
            await connection.execute(f'CREATE ROLE "{role}" LOGIN')
        await connection.execute(
            f'ALTER ROLE "{role}" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS '
            f"PASSWORD '{scram_verifier(read_secret(secret))}'"
        )


async def _database(connection: Any, service: str) -> None:
    """The database; only its own two roles may connect. It stays the superuser's, so neither role can drop it."""
    name = f"tuoqi_{service}"
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
        await connection.execute(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'")
    await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    await connection.execute(f'GRANT CONNECT, TEMPORARY ON DATABASE "{name}" TO "{name}"')
    # CREATE lets the migrator add trusted extensions such as pg_trgm.
    await connection.execute(f'GRANT CONNECT, CREATE, TEMPORARY ON DATABASE "{name}" TO "{_migrator(service)}"')


async def _schema(address: PostgresAddress, service: str) -> None:
    """What the migrator makes, the service may use; it may make nothing itself."""
    role, migrator = f"tuoqi_{service}", _migrator(service)
    default = f'ALTER DEFAULT PRIVILEGES FOR ROLE "{migrator}"'
    connection = await connect(address, role)
    try:
        for statement in (
            f'ALTER SCHEMA public OWNER TO "{migrator}"',
            "REVOKE ALL ON SCHEMA public FROM PUBLIC",
            f'GRANT USAGE ON SCHEMA public TO "{role}"',
            f'{default} GRANT USAGE ON SCHEMAS TO "{role}"',
            f'{default} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "{role}"',
            f'{default} GRANT USAGE ON SEQUENCES TO "{role}"',
            f"{default} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
            f'{default} GRANT EXECUTE ON FUNCTIONS TO "{role}"',
        ):
            await connection.execute(statement)
    finally:
        await connection.close()


def _migrator(service: str) -> str:
    return f"tuoqi_{service}_migrator"


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """What PostgreSQL stores instead of a password (RFC 5803)."""
    salt = salt or os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(value).decode() for value in (salt, stored, server))
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{salt_text}${stored_text}:{server_text}"


def main(arguments: list[str] | None = None) -> None:
    """The one-shot of the compose file: secrets are made by a script before, here they are only read."""
    parser = argparse.ArgumentParser(description="Make databases and roles of all services; safe to repeat.")
    parser.add_argument("--url", required=True, help="postgresql://superuser@host:port")
    parser.add_argument("--password-file", required=True, help="the superuser's password")
    parser.add_argument("--secrets", required=True, type=Path, help="the folder with database/<service>.password")
    parser.add_argument("services", nargs="+")
    given = parser.parse_args(arguments)
    try:
        address = PostgresAddress.from_url(given.url, given.password_file)
        asyncio.run(provision(address, given.secrets, given.services))
    except LocalError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
