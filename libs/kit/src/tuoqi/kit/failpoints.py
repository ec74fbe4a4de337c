"""Places where a process can be made to die, so that tests can prove that nothing is lost there.

A test platform is given a folder, `TUOQI_FAILPOINT_DIR`. While a file `<service>.<point>` lies in it, that service takes
the file away and dies by SIGKILL when it passes that point: once, at any time. A number in the file says how many times
it first passes unharmed. Only a platform with a settable clock (demo, tests) takes the setting; elsewhere starting with
it is refused.
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
    "command.begun",
    "command.before_commit",
    "command.after_commit",
    "import.begun",
    "import.before_commit",
    "import.after_commit",
)
"""Those of the kit; a service may have more inside its own work."""

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
        _die(Path(_prefix + name))


def _die(file: Path) -> None:
    passes = int(file.read_text(encoding="ascii").strip() or 0)
    if passes:
        file.write_text(str(passes - 1), encoding="ascii")
        return
    file.unlink()
    os.kill(os.getpid(), signal.SIGKILL)
