"""What the commands `up`, `down`, `status` and `reset` do."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

from tuoqi.cli.local import supervisor
from tuoqi.cli.local.child import PartStatus
from tuoqi.cli.local.doctor import require_space
from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home, read_json
from tuoqi.cli.local.leftovers import alive, end_leftovers, parts_of, supervisor_of
from tuoqi.cli.local.plan import Endpoints, Plan
from tuoqi.cli.local.process import launcher, tail

STOP_S_MAX = 90.0
ELSEWHERE = "TUOQI_SERVICES"
"""Names the services of a platform that something else runs, as containers do: `registry=host:port,visits=host:port`."""


@dataclass(frozen=True, slots=True)
class PlatformStatus:
    """The truth about a platform at one moment."""

    state: str
    """starting, up, stopping, stopped, failed, or died (its supervisor was killed)"""
    message: str
    parts: tuple[PartStatus, ...]

    @property
    def all_up(self) -> bool:
        """Whether every part does its work; whether they have caught up is for the lag to say."""
        return self.state == "up" and all(part.state == "up" for part in self.parts)


def up(home: Home, plan: Plan, *, detach: bool, say: Callable[[str], None], ready: Callable[[Endpoints], None]) -> None:
    """Start a platform; in the foreground this returns after it was stopped, detached when it is ready.

    Raises:
        LocalError: if it is running already or cannot start; nothing of it runs then.
    """
    home.create()
    require_space(home)
    if detach:
        ready(_detached(home, plan, say))
    else:
        supervisor.run(home, plan, say=say, ready=ready)


def down(home: Home) -> bool:
    """Stop the platform of this home, wait until every process of it is gone; False where none ran.

    Raises:
        LocalError: if it does not stop in time.
    """
    process = supervisor_of(home)
    if process is None:
        found = bool(parts_of(home))
        end_leftovers(home)
        return found
    try:
        process.terminate()
        process.wait(STOP_S_MAX)
    except psutil.NoSuchProcess:
        pass  # it ended between the look and the signal
    except psutil.AccessDenied as error:
        raise LocalError(f"The platform (process {process.pid}) belongs to another user, who must stop it.") from error
    except psutil.TimeoutExpired as error:
        raise LocalError(f"The platform (process {process.pid}) did not stop within {STOP_S_MAX:.0f} s.") from error
    end_leftovers(home)
    return True


def status(home: Home) -> PlatformStatus:
    """What runs now; states in the file count only while the process that wrote them lives."""
    if os.environ.get(ELSEWHERE):
        return PlatformStatus("up", "Its processes are watched elsewhere.", ())
    written: dict[str, Any] = read_json(home.run / "status.json")
    state = written.get("state", "stopped")
    died = state not in {"stopped", "failed"} and supervisor_of(home) is None
    parts = tuple(_part(part, died=died) for part in written.get("parts", ()))
    if died:
        return PlatformStatus("died", "The supervisor was killed; `tuoqi up` starts everything again.", parts)
    return PlatformStatus(state, written.get("message", ""), parts)


def endpoints(home: Home) -> Endpoints:
    """Where the platform of this home listens.

    Raises:
        LocalError: if it was never started.
    """
    if named := os.environ.get(ELSEWHERE):
        pairs = (entry.partition("=") for entry in named.split(",") if entry)
        addresses = {name.strip(): address.strip() for name, _, address in pairs}
        return Endpoints(kafka=os.environ.get("TUOQI_KAFKA", ""), postgres="", grpc=addresses, metrics={})
    found = read_json(home.run / "platform.json").get("endpoints")
    if not found:
        raise LocalError(f"No platform was started in {home.root}; `tuoqi up` starts one.")
    return Endpoints(**found)


def reset(home: Home) -> None:
    """Remove all data, logs, passwords and keys of a stopped platform; what was fetched is kept.

    Raises:
        LocalError: if it is running.
    """
    if not home.run.is_dir():
        return
    with home.locked():
        end_leftovers(home)
        for folder in (home.kafka, home.postgres, home.logs, home.secrets):
            shutil.rmtree(folder, ignore_errors=True)
        for file in home.run.glob("*.json"):
            file.unlink()


def _part(written: dict[str, Any], *, died: bool) -> PartStatus:
    known = {name: written[name] for name in ("name", "state", "pid", "restarts", "since", "message")}
    if died or (known["pid"] and not alive(written.get("process"))):
        known.update(state="stopped", pid=None)
    return PartStatus(**known)


def _detached(home: Home, plan: Plan, say: Callable[[str], None]) -> Endpoints:
    """Start the supervisor in a session of its own and follow its report until it is ready."""
    read, write = os.pipe()
    module = (sys.executable, "-m", "tuoqi.cli.local.supervisor")
    place = ("--root", str(home.root), "--cache", str(home.shared_cache), "--report", str(write))
    log = home.logs / "supervisor.log"
    try:
        with log.open("ab") as out:
            subprocess.run(  # noqa: S603 -- our own supervisor
                [*launcher("detach"), *module, *place, "--plan", plan.to_json()],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=(write,), check=True,
            )  # fmt: skip
    finally:
        os.close(write)
    try:
        return _follow(read, say)
    except KeyboardInterrupt:
        down(home)
        raise
    except EOFError as error:
        raise LocalError(f"The supervisor ended without a word; the end of {log}:\n{tail(log)}") from error


def _follow(read: int, say: Callable[[str], None]) -> Endpoints:
    with os.fdopen(read, encoding="utf-8") as report:
        for line in report:
            told = json.loads(line)
            if told["kind"] == "ready":
                return Endpoints(**told["text"])
            if told["kind"] == "failed":
                raise LocalError(told["text"])
            say(told["text"])
    raise EOFError
