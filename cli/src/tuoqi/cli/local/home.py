"""Where one local platform keeps everything: a single folder, so that two platforms never meet.

Nothing outside this folder and the shared download cache is ever written, and no folder that already existed is opened
to other users.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuoqi.cli.local.errors import LocalError


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one platform (`TUOQI_HOME`) and the cache that all platforms of a user share (`TUOQI_CACHE`)."""

    root: Path
    shared_cache: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> "Home":
        """TUOQI_HOME, else `.local/` in a checkout, else the user's own data folder."""
        environ = os.environ if environ is None else environ
        cwd = Path.cwd() if cwd is None else cwd
        if given := environ.get("TUOQI_HOME"):
            root = Path(given).expanduser()
        elif (cwd / "pyproject.toml").is_file():
            root = cwd / ".local"
        else:
            root = Path.home() / ".local" / "share" / "tuoqi"
        cache = Path(environ.get("TUOQI_CACHE") or Path.home() / ".cache" / "tuoqi").expanduser()
        return cls(root=root.absolute(), shared_cache=cache.absolute())

    @property
    def kafka(self) -> Path:
        """Kafka's settings and log segments."""
        return self.root / "kafka"

    @property
    def postgres(self) -> Path:
        """Home of PostgreSQL's data folder; belongs to the user that PostgreSQL runs as."""
        return self.root / "postgres"

    @property
    def logs(self) -> Path:
        """One readable log for each part."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What is true only of the present run: lock, status, supervisor; and the chosen ports."""
        return self.root / "run"

    @property
    def secrets(self) -> Path:
        """Passwords, the platform token and the key files; mode 0700."""
        return self.root / "secrets"

    @property
    def cache(self) -> Path:
        """What this home had to copy because another user must reach it."""
        return self.root / "cache"

    def create(self) -> None:
        """Make the folders; those made here are readable for PostgreSQL's user, those found are left as they are."""
        try:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            for folder in (self.root, self.kafka, self.postgres, self.logs, self.run, self.secrets, self.cache):
                if not folder.is_dir():
                    folder.mkdir()
                    folder.chmod(0o700 if folder in (self.secrets, self.kafka) else 0o755)
            self.shared_cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LocalError(f"The folder {error.filename} cannot be made: {error.strerror}.") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold this home for one supervisor; the kernel frees it however the holder ends."""
        try:
            descriptor = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except PermissionError as error:
            raise LocalError(f"{self.run} belongs to another user; use that user or another TUOQI_HOME.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
            os.close(descriptor)
            raise LocalError(
                f"The platform in {self.root} is already running (process {holder}); `tuoqi down` stops it."
            ) from error
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a JSON file in one step, so that a reader never sees half of it."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """The content of a JSON file, or nothing where there is no such file or it is damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return value if isinstance(value, dict) else {}
