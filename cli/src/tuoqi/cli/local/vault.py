"""The secrets of one platform: made once from the system's randomness, one file each, readable by their owner only.

postgres.password                       the superuser
database/<service>.password             the role a service works with; owns nothing
database/<service>_migrator.password    the role that owns the schema
kafka/<user>.password                   one user for each service, plus admin and ops
platform.token                          what the services show each other
keys/{master,lookup,identity}.key       32 random bytes, as hex
"""

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tuoqi.cli.local.errors import LocalError

KEYS = ("master", "lookup", "identity")
OPERATORS = ("admin", "ops")
"""Kafka users that are no service: the broker's own, and people's commands."""


@dataclass(frozen=True, slots=True)
class Vault:
    """The secrets folder, by meaning instead of file name."""

    root: Path

    @property
    def superuser(self) -> Path:
        """Password of PostgreSQL's superuser."""
        return self.root / "postgres.password"

    @property
    def token(self) -> Path:
        """The token every call inside the platform carries."""
        return self.root / "platform.token"

    @property
    def keys(self) -> Path:
        """The folder with the key files that seal personal data."""
        return self.root / "keys"

    def database(self, service: str) -> Path:
        """Password of the role a service works with."""
        return self.root / "database" / f"{service}.password"

    def migrator(self, service: str) -> Path:
        """Password of the role that owns a service's schema."""
        return self.root / "database" / f"{service}_migrator.password"

    def kafka(self, user: str) -> Path:
        """Password of one Kafka user."""
        return self.root / "kafka" / f"{user}.password"

    def fill(self, services: Iterable[str]) -> None:
        """Make every secret that is missing; what is there is never changed, only closed to others again."""
        services = tuple(services)
        for folder in (self.root, self.root / "database", self.root / "kafka", self.keys):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        paths = [self.superuser, self.token, *(self.keys / f"{name}.key" for name in KEYS)]
        paths += [path for name in services for path in (self.database(name), self.migrator(name))]
        paths += [self.kafka(user) for user in (*OPERATORS, *services)]
        for path in paths:
            _make(path)


def read_secret(path: Path) -> str:
    """The text of a secret file without its line end."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise LocalError(f"The secret {path} cannot be read: {error.strerror}.") from error


def _make(path: Path) -> None:
    """32 random bytes as hex: free of every character that a URL, JAAS or SQL would have to escape."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if path.stat().st_size:
            path.chmod(0o600)
            return
        # A crash between making and writing left it empty.
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32) + "\n")
