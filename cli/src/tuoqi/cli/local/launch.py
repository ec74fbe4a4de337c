"""Becomes another program that cannot outlive its parent. Stand-alone: run by path, standard library only.

    python -I -S launch.py child  PARENT SIGNAL USER COMMAND...
    python -I -S launch.py detach COMMAND...

Done here and not in the forking process, because code between fork and exec is unsafe once threads or gRPC are loaded.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1


def child(parent: int, signal_number: int, user: str, command: list[str]) -> None:
    """Give up root's rights where a user is named, ask the kernel for a signal at the parent's death, then exec."""
    if user:
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
        os.environ.update(HOME=entry.pw_dir, USER=user, LOGNAME=user)
    if sys.platform == "linux":
        # After setuid, which would clear it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        sys.exit("the parent ended before its child began")
    os.execvp(command[0], command)  # noqa: S606 -- becoming the given program is the point


def detach(command: list[str]) -> None:
    """Leave the terminal and the caller behind: a new session, inherited by the system's first process."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.execvp(command[0], command)  # noqa: S606 -- as child


if __name__ == "__main__":
    if sys.argv[1] == "child":
        child(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:])
    detach(sys.argv[2:])
