import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tuoqi.cli.local import child as child_module
from tuoqi.cli.local.child import Child, delay_s
from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.process import Part, send, until

Dummy = Callable[..., tuple[str, ...]]


async def _until(holds: Callable[[], bool]) -> None:
    async def check() -> bool:
        return holds()

    await asyncio.wait_for(until(check, 0.02), 20)


async def _never() -> None:
    await asyncio.Event().wait()


def _child(part: Part, logs: Path) -> tuple[Child, list[tuple[str, int | None]], list[LocalError]]:
    seen: list[tuple[str, int | None]] = []
    failures: list[LocalError] = []
    made: Child = Child(
        part,
        logs,
        on_change=lambda: seen.append((made.status.state, made.status.pid)),
        on_failure=failures.append,
    )
    return made, seen, failures


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "DELAY_S_FIRST", 0.01)
    monkeypatch.setattr(child_module, "DELAY_S_MAX", 0.05)


def test_the_wait_before_a_start_doubles_up_to_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "DELAY_S_FIRST", 0.5)
    monkeypatch.setattr(child_module, "DELAY_S_MAX", 5.0)
    assert [delay_s(n) for n in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


async def test_a_killed_child_is_started_again_and_says_so(dummy: Dummy, tmp_path: Path) -> None:
    child, seen, failures = _child(Part("visits", dummy("sleep")), tmp_path)
    await child.start()
    first = child.status.pid
    assert first
    os.kill(first, signal.SIGKILL)
    await _until(lambda: child.status.restarts == 1 and child.status.state == "up")
    second = child.status.pid
    assert second != first
    await child.stop()
    assert [state for state, _ in seen] == ["starting", "up", "restarting", "restarting", "up", "stopping", "stopped"]
    assert child.status.pid is None
    assert failures == []


async def test_a_child_that_never_got_ready_is_given_up_soon_with_its_log(dummy: Dummy, tmp_path: Path) -> None:
    child, _, failures = _child(Part("visits", dummy("crash"), ready=_never), tmp_path)
    with pytest.raises(LocalError, match=r"3 times(.|\n)*exit code 1(.|\n)*the dummy has no county"):
        await child.start()
    assert child.status.state == "failed"
    assert failures == [], "who waits for the start is told by the exception"
    await child.stop()
    assert child.status.state == "failed"


async def test_a_child_that_keeps_dying_is_given_up_after_ten_starts(dummy: Dummy, tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    child, _, failures = _child(Part("visits", dummy("note", str(starts))), tmp_path)
    await child.start()
    while not failures:
        if child.status.state == "up" and child.status.pid:
            send(child.status.pid, signal.SIGKILL)
        await asyncio.sleep(0.01)
    assert child.status.restarts == 10
    assert "killed by SIGKILL" in str(failures[0])
    await child.stop()


async def test_a_child_that_is_not_ready_in_time_is_ended_and_tried_again(dummy: Dummy, tmp_path: Path) -> None:
    part = Part("visits", dummy("sleep"), ready=_never, ready_s_max=0.2)
    child, _, _ = _child(part, tmp_path)
    with pytest.raises(LocalError, match="was not ready within 0 s"):
        await child.start()
    await child.stop()


async def test_a_stop_during_the_start_leaves_no_process(dummy: Dummy, tmp_path: Path) -> None:
    child, _, _ = _child(Part("visits", dummy("sleep"), ready=_never), tmp_path)
    start = asyncio.create_task(child.start())
    await _until(lambda: child.status.pid is not None)
    pid = child.status.pid
    start.cancel()
    await child.stop()
    assert pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
