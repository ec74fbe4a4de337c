import asyncio
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest

from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.leftovers import alive, identity
from tuoqi.cli.local.process import Part, rotate, run_once, start, stop, tail, until

Dummy = Callable[..., tuple[str, ...]]

PARENT = """
import asyncio, sys
from pathlib import Path
from tuoqi.cli.local.process import Part, start
async def main():
    process = await start(Part("orphan", tuple(sys.argv[2:])), Path(sys.argv[1]))
    print(process.pid, flush=True)
    await process.wait()
asyncio.run(main())
"""


def _begun(log: Path) -> bool:
    return "sleep begins" in log.read_text()


async def test_a_child_does_not_outlive_a_killed_parent(dummy: Dummy, tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), *dummy("sleep"), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    known = identity(int(await parent.stdout.readline()))
    # Killed earlier, the child would give up by itself, which proves nothing.
    await asyncio.wait_for(until(lambda: asyncio.to_thread(_begun, tmp_path / "orphan.log"), 0.02), 10)
    assert alive(known)
    parent.kill()
    await parent.wait()

    async def ended() -> bool:
        return alive(known) is None

    await asyncio.wait_for(until(ended, 0.05), 10)


async def test_a_child_that_ignores_the_request_to_end_is_ended(dummy: Dummy, tmp_path: Path) -> None:
    ignores = tmp_path / "ignores"
    part = Part("stubborn", dummy("stubborn", str(ignores)), stop_s_max=0.3)
    process = await start(part, tmp_path)
    await asyncio.wait_for(until(partial(asyncio.to_thread, ignores.exists), 0.02), 10)
    await stop(process, part)
    assert process.returncode == -signal.SIGKILL


async def test_a_failed_program_is_reported_with_the_end_of_its_log(dummy: Dummy, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"migration failed \(exit code 1\)(.|\n)*the dummy has no county"):
        await run_once(Part("migration", dummy("crash")), tmp_path)


async def test_a_program_that_takes_too_long_is_ended_and_reported(dummy: Dummy, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="did not end within 0 s"):
        await run_once(Part("migration", dummy("sleep")), tmp_path, timeout_s=0.3)
    assert not [p for p in psutil.Process().children(recursive=True) if "dummy.py" in " ".join(p.cmdline())]


async def test_a_child_gets_no_superuser_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUOQI_DATABASE", "postgresql://postgres:secret@127.0.0.1:1/postgres")
    await run_once(
        Part("env", (sys.executable, "-c", "import os; print(sorted(os.environ))"), env={"GIVEN": "1"}), tmp_path
    )
    seen = (tmp_path / "env.log").read_text()
    assert "'GIVEN'" in seen
    assert "TUOQI_DATABASE'" not in seen


def test_a_log_is_cut_while_its_writer_holds_it_open(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old line\n" * 10)
        rotate(log, bytes_max=50)
        writer.write(b"new line\n")
    assert log.read_text() == "new line\n"
    assert (tmp_path / "kafka.log.1").read_text() == "old line\n" * 10


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    assert tail(log) == "(no log)"
    log.write_text("".join(f"line {n}\n" for n in range(5000)))
    assert tail(log, 2) == "line 4998\nline 4999"


def test_a_pid_that_was_given_out_again_is_another_process() -> None:
    known = identity(os.getpid())
    assert known
    assert alive(known)
    assert alive({**known, "started": known["started"] - 60}) is None
