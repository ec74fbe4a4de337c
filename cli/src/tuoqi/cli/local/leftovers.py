"""Processes of this platform, known by pid and start time together, because the kernel gives pids out again."""

import contextlib
from typing import Any

import psutil

from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home, read_json

GONE_S_MAX = 40.0
"""Longer than PostgreSQL takes to end by itself after its supervisor was killed."""

Identity = dict[str, Any] | None


def identity(pid: int | None) -> Identity:
    """Pid and start time of a process, to find it again and no other one."""
    if pid is None:
        return None
    try:
        return {"pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.NoSuchProcess:
        return None


def alive(known: Identity) -> psutil.Process | None:
    """The very process, if it still runs; a zombie does not."""
    if not known:
        return None
    try:
        process = psutil.Process(known["pid"])
        same = abs(process.create_time() - known["started"]) < 1.0
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def supervisor_of(home: Home) -> psutil.Process | None:
    """The supervisor that runs this home now, if any."""
    return alive(read_json(home.run / "status.json").get("supervisor"))


def parts_of(home: Home) -> list[psutil.Process]:
    """The parts named in the last status that still run."""
    parts = read_json(home.run / "status.json").get("parts", [])
    return [process for part in parts if (process := alive(part.get("process")))]


def end_leftovers(home: Home) -> None:
    """Wait until what a killed supervisor left has ended (the kernel has told it to), and end what has not.

    Raises:
        LocalError: if a process cannot be ended.
    """
    left = parts_of(home)
    # Half the time to end by itself, then by force.
    _, left = psutil.wait_procs(left, timeout=GONE_S_MAX / 2)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _, left = psutil.wait_procs(left, timeout=GONE_S_MAX / 2)
    if left:
        raise LocalError(f"Process {left[0].pid} of an earlier start of {home.root} cannot be ended.")
