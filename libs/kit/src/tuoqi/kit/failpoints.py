"""Places where a process can be made to die, so that tests can prove that nothing is lost there.

A test platform is given a folder, `TUOQI_FAILPOINT_DIR`. While a file `<service>.<point>` lies in it, that service takes
the file away and dies by SIGKILL when it passes that point: once, at any time. Only a platform with a settable clock
(demo, tests) takes the setting; elsewhere starting with it is refused.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

POINTS = (
    "pipeline.before_commit",
    "pipeline.after_commit",
    "relay.after_read",
    "relay.after_send",
    "relay.after_ack",
    "relay.after_mark",
)

_prefix = ""


def arm(folder: Path | None, service: str, *, allowed: bool) -> None:
    """Look into this folder from now on. Raises ValueError on a live platform."""
    global _prefix  # noqa: PLW0603  one process, one setting, read on a hot path
    if folder is None:
        return
    if not allowed:
        raise ValueError("TUOQI_FAILPOINT_DIR is for platforms with a settable clock only")
    _prefix = f"{folder}/{service}."


def reach(name: str) -> None:
    """Die here if a test asks for it."""
    if _prefix and os.path.exists(_prefix + name):  # noqa: PTH110  a hot path
        os.unlink(_prefix + name)  # noqa: PTH108  as above
        os.kill(os.getpid(), signal.SIGKILL)
