"""One deployment of the compose file for the test: its folder, its engine, and what can be asked of it."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import Engine, run

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("registry", "visits", "payments", "alerts")
SERVERS = ("kafka", "postgres", *SERVICES)
HEALTHY_S_MAX = 120
IMAGE = "tuoqi:compose-test"
CLOCK_START = "2026-11-01T09:00:00+08:00"


@dataclass(frozen=True, slots=True)
class Stack:
    """A copy of what a county is given, so that neither the checkout's secrets nor its wheels are touched."""

    folder: Path
    engine: Engine
    environment: dict[str, str]

    @property
    def files(self) -> Path:
        """What the command inside sees as /files."""
        return self.folder / "files"

    def compose(self, *arguments: str, check: bool = True) -> str:
        """`docker compose …`; its standard output."""
        done = run(*self.engine.compose, *arguments, env=self.environment, cwd=self.folder, check=check)
        return done.stdout

    def tuoqi(self, *arguments: str, by: str = "") -> str:
        """The command inside, in a user's name."""
        who = ("-e", f"TUOQI_USER={by}") if by else ()
        return self.compose("run", "--rm", "--no-TTY", *who, "tuoqi", *arguments)

    def status(self) -> subprocess.CompletedProcess[str]:
        """`tuoqi status`; its exit code is 0 only where all are up and caught up."""
        command = (*self.engine.compose, "run", "--rm", "--no-TTY", "tuoqi", "status")
        return run(*command, env=self.environment, cwd=self.folder, check=False)

    def rows(self, *arguments: str, by: str = "") -> list[dict[str, Any]]:
        """The same, with `--json` read."""
        return [json.loads(line) for line in self.tuoqi(*arguments, "--json", by=by).splitlines() if line]

    def docker(self, *arguments: str) -> str:
        """`docker …`; its standard output."""
        return run("docker", *arguments, env=self.environment).stdout

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine knows of a service's container, the one-shot and ended ones included."""
        name = self.compose("ps", "--all", "--quiet", service).strip()
        (found,) = json.loads(self.docker("inspect", name))
        return dict(found)

    def kill(self, service: str) -> None:
        """SIGKILL from outside the container. Not `docker kill`: that counts as a wish and is not followed by a restart."""
        pid = self.inspect(service)["State"]["Pid"]
        command = ("python", "-c", f"import os; os.kill({pid}, 9)")
        self.docker("run", "--rm", "--pid=host", "--user=0", "--cap-drop=ALL", "--cap-add=KILL", IMAGE, *command)

    def wait_restarted(self, service: str, restarts_before: int) -> None:
        """Until it was started again by the engine and is healthy."""
        deadline = time.monotonic() + HEALTHY_S_MAX
        while time.monotonic() < deadline:
            found = self.inspect(service)
            if found["RestartCount"] > restarts_before and found["State"].get("Health", {}).get("Status") == "healthy":
                return
            time.sleep(0.5)
        raise SystemExit(
            f"{service} did not come back within {HEALTHY_S_MAX} s:\n{self.compose('logs', service)[-4000:]}"
        )


def prepare(folder: Path, engine: Engine) -> Stack:
    """The files of a deployment and the settings of this test, as a county would write them into `.env`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("secrets", "secrets.draft"))
    for name in ("docker-compose.yml", ".dockerignore"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "files").mkdir()
    (folder / "files").chmod(0o777)
    settings = {
        "TUOQI_PROJECT": "tuoqi-compose-test",
        "TUOQI_VERSION": IMAGE.rpartition(":")[2],
        "TUOQI_FILES": str(folder / "files"),
        "TUOQI_CLOCK": "settable",
        "TUOQI_CLOCK_START": CLOCK_START,
        **{f"TUOQI_{name.upper()}_PORT": str(port) for name, port in zip(SERVICES, _free_ports(), strict=True)},
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    return Stack(folder, engine, {**engine.environment, **settings})


def _free_ports() -> Sequence[int]:
    """One for each service; held together until all are known."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in SERVICES]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
