"""Keeps one service running for tests that kill it again and again: whenever it ends it is started again at once.

    python keeper.py tuoqi.payments

The platform's own supervisor waits longer from death to death, and gives up a service that dies ten times in a minute.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from types import FrameType

from tuoqi.cli.local.process import launcher

PAUSE_S = 0.5
"""After an end that nobody's kill explains."""


def main(module: str) -> int:
    """Until told to stop."""
    running: subprocess.Popen[bytes] | None = None
    told = False

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal told
        told = True
        if running is not None:
            running.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    # It dies with its keeper, however that ends.
    command = [*launcher("child"), str(os.getpid()), str(int(signal.SIGKILL)), "", sys.executable, "-m", module]
    while not told:
        running = subprocess.Popen(command)
        if running.wait() != -signal.SIGKILL:
            time.sleep(PAUSE_S)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
