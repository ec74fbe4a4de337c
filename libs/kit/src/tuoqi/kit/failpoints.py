"""Places where a process can be made to die, so that tests can prove that nothing is lost there.

`TUOQI_FAILPOINT=relay.after_send:3` kills the process with SIGKILL when it passes that point the third time. Only a
platform with a settable clock (demo, tests) takes it; elsewhere starting with it is refused.
"""

from __future__ import annotations

import os
import signal

POINTS = (
    "pipeline.before_commit",
    "pipeline.after_commit",
    "relay.after_read",
    "relay.after_send",
    "relay.after_ack",
    "relay.after_mark",
)

_armed: dict[str, int] = {}


def arm(setting: str, *, allowed: bool) -> None:
    """Read the setting. Raises ValueError where it names no point, or where the platform is a live one."""
    if not setting:
        return
    name, _, count = setting.partition(":")
    if not allowed or name not in POINTS:
        raise ValueError(f"failpoint {setting!r}: only on a platform with a settable clock, one of {', '.join(POINTS)}")
    _armed[name] = int(count or "1")


def reach(name: str) -> None:
    """Die here if armed and the count is up."""
    if name in _armed:
        _armed[name] -= 1
        if _armed[name] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
