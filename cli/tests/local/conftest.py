"""Homes for tests: real folders that PostgreSQL's unprivileged user can reach, the shared download cache as it is."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tuoqi.cli.local import control
from tuoqi.cli.local.home import Home
from tuoqi.cli.local.leftovers import parts_of, supervisor_of
from tuoqi.cli.local.plan import Endpoints, Plan, Service

DUMMY = Path(__file__).parent / "dummy.py"


def command(*arguments: str) -> tuple[str, ...]:
    """The command of a stand-in service."""
    return (sys.executable, str(DUMMY), *arguments)


@pytest.fixture(scope="session")
def dummy() -> Callable[..., tuple[str, ...]]:
    """Makes the command of a stand-in service."""
    return command


def new_home(name: str) -> Home:
    """Pytest's own folders are closed to other users, so one beside them."""
    root = Path(tempfile.mkdtemp(prefix="tuoqi-test-"))
    root.chmod(0o755)
    return Home.from_environment({**os.environ, "TUOQI_HOME": str(root / name)})


@dataclass
class Platform:
    """A started platform and what it said."""

    home: Home
    plan: Plan
    said: list[str] = field(default_factory=list)
    endpoints: Endpoints = field(default_factory=lambda: Endpoints("", "", {}, {}))

    def up(self) -> None:
        """Start detached."""
        control.up(self.home, self.plan, detach=True, say=self.said.append, ready=self._ready)

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for this home, the supervisor's descendants included."""
        pid = supervisor_of(self.home)
        return [pid, *pid.children(recursive=True)] if pid else parts_of(self.home)

    def _ready(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints


@pytest.fixture
def home() -> Iterator[Home]:
    """An empty home of its own, with a name as a county's clerk may choose it: Chinese and with a space."""
    made = new_home("托起 的家")
    made.create()
    yield made
    shutil.rmtree(made.root.parent)


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """Real Kafka, real PostgreSQL, one stand-in with gRPC health and one without, started once."""
    services = (
        Service("registry", command("serve"), command("migrate")),
        Service("visits", command("sleep"), command("migrate"), health=False),
    )
    before = os.environ.get("PYTHONPATH", "")
    # The supervisor, a process of its own, imports the callback for the topics from this folder.
    os.environ["PYTHONPATH"] = f"{DUMMY.parent}{os.pathsep}{before}"
    started = Platform(new_home("home"), Plan(services=services, topics="kafka_topics:apply"))
    try:
        started.up()
        yield started
    finally:
        control.down(started.home)
        os.environ["PYTHONPATH"] = before
        shutil.rmtree(started.home.root.parent)
