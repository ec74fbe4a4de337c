"""The container engine of this test: the machine's own, or one started here by hand in a folder of its own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMPOSE = "github.com/docker/compose/v2/cmd"
COMPOSE_VERSION = "v2.40.3"
READY_S_MAX = 60
STOP_S_MAX = 60


@dataclass(frozen=True, slots=True)
class Engine:
    """How to reach an engine and speak compose to it."""

    environment: Mapping[str, str]
    compose: tuple[str, ...]
    own: bool
    """Started by this test, on a machine that can pull no image."""


def run(
    *command: str, env: Mapping[str, str] | None = None, cwd: Path | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """A command with its output as text; where it fails, what it said is shown and the test ends."""
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    if check and done.returncode:
        text = f"{done.stdout}\n{done.stderr}".strip()
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{text[-6000:]}")
    return done


@contextmanager
def an_engine(folder: Path) -> Iterator[Engine]:
    """The machine's engine where it answers, else our own for as long as the test lasts (root and Debian)."""
    if run("docker", "info", check=False).returncode == 0 if shutil.which("docker") else False:
        yield Engine(dict(os.environ), _compose(folder), own=False)
        return
    if os.geteuid():
        sys.exit("No container engine answers, and only root can start one.")
    _install()
    compose = _compose(folder)
    with _daemon(folder) as socket:
        # Without buildx, which this engine lacks.
        plain = {"DOCKER_HOST": f"unix://{socket}", "DOCKER_BUILDKIT": "0", "COMPOSE_BAKE": "false"}
        yield Engine({**os.environ, **plain}, compose, own=True)


def _install() -> None:
    """Debian's engine and debootstrap, where they are missing."""
    if not all(shutil.which(tool) for tool in ("dockerd", "docker", "debootstrap", "iptables")):
        run("apt-get", "update", "-qq")
        packages = ("docker.io", "debootstrap", "iptables")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages, env=environment)


def _compose(folder: Path) -> tuple[str, ...]:
    """Compose v2: the plugin of the machine, else built once from source."""
    if run("docker", "compose", "version", check=False).returncode == 0:
        return ("docker", "compose")
    binary = folder / "docker-compose"
    if not binary.is_file():
        print("compose v2 is built, once; it takes some minutes", flush=True)  # noqa: T201 -- a long wait
        source = folder / "compose-source"
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir()
        run("go", "mod", "init", "compose", cwd=source)
        run("go", "get", f"{COMPOSE}@{COMPOSE_VERSION}", cwd=source)
        run("go", "build", "-o", str(binary), COMPOSE, cwd=source)
        shutil.rmtree(source)
    return (str(binary),)


@contextmanager
def _daemon(folder: Path) -> Iterator[Path]:
    """An engine with data, socket and log in this folder; all of it has ended when this returns."""
    socket, pid = folder / "docker.sock", folder / "docker.pid"
    place = ("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec"), "--pidfile", str(pid))
    with (folder / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(
            ["dockerd", *place, "--host", f"unix://{socket}"],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + READY_S_MAX
        environment = {**os.environ, "DOCKER_HOST": f"unix://{socket}"}
        while run("docker", "info", env=environment, check=False).returncode:
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The engine does not start; see {folder / 'dockerd.log'}.")
            time.sleep(0.5)
        yield socket
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(STOP_S_MAX)
