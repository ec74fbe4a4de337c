import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tuoqi.cli.local import child as child_module
from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home, read_json
from tuoqi.cli.local.plan import Plan
from tuoqi.cli.local.process import Part, until
from tuoqi.cli.local.supervisor import Stage, Supervisor

Dummy = Callable[..., tuple[str, ...]]


def _states(home: Home) -> dict[str, str]:
    return {part["name"]: part["state"] for part in read_json(home.run / "status.json")["parts"]}


async def _never() -> None:
    await asyncio.Event().wait()


async def _stop_when_ready(supervisor: Supervisor, before: Callable[[], None]) -> None:
    def ready() -> None:
        before()
        os.kill(os.getpid(), signal.SIGTERM)

    await supervisor.run(ready)


async def test_stages_start_in_order_and_stop_in_reverse(home: Home, dummy: Dummy) -> None:
    order: list[str] = []

    async def note(name: str) -> None:
        order.append(name)

    stages = [
        Stage("servers", [Part("kafka", dummy("sleep"), ready=lambda: note("kafka up"))], [lambda: note("topics")]),
        Stage("services", [Part("visits", dummy("sleep"), ready=lambda: note("visits up"))]),
    ]
    up: dict[str, str] = {}
    said: list[str] = []
    await _stop_when_ready(Supervisor(home, stages, said.append), lambda: up.update(_states(home)))
    assert said == ["servers", "services"]
    assert order == ["kafka up", "topics", "visits up"]
    assert up == {"kafka": "up", "visits": "up"}
    parts = read_json(home.run / "status.json")["parts"]
    assert {part["state"] for part in parts} == {"stopped"}
    kafka, visits = (part["since"] for part in parts)
    assert visits <= kafka, "what started last stops first"


async def test_a_stop_during_the_start_ends_what_has_begun(home: Home, dummy: Dummy) -> None:
    ready: list[str] = []
    stages = [Stage("servers", [Part("kafka", dummy("sleep"), ready=_never)])]
    run = asyncio.create_task(Supervisor(home, stages, lambda _: None).run(lambda: ready.append("ready")))

    async def begun() -> bool:
        return (home.run / "status.json").is_file() and _states(home)["kafka"] == "starting"

    await asyncio.wait_for(until(begun, 0.02), 10)
    os.kill(os.getpid(), signal.SIGTERM)
    await run
    assert ready == []
    assert _states(home) == {"kafka": "stopped"}


async def test_a_part_that_keeps_dying_stops_all_with_the_reason(
    home: Home, dummy: Dummy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "DELAY_S_MAX", 0.01)
    stages = [Stage("servers", [Part("kafka", dummy("sleep"))]), Stage("services", [Part("visits", dummy("crash"))])]
    with pytest.raises(LocalError, match=r"visits was started 10 times(.|\n)*the dummy has no county"):
        await Supervisor(home, stages, lambda _: None).run(lambda: None)
    status = read_json(home.run / "status.json")
    assert status["state"] == "failed"
    assert "the dummy has no county" in status["message"]
    assert _states(home) == {"kafka": "stopped", "visits": "failed"}


async def test_a_failing_step_ends_the_steps_beside_it_and_everything_else(home: Home, dummy: Dummy) -> None:
    cancelled: list[str] = []

    async def fails() -> None:
        await asyncio.sleep(0)
        raise LocalError("no schema")

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append("topics")
            raise

    stages = [Stage("servers", [Part("kafka", dummy("sleep"))], [fails, waits])]
    with pytest.raises(LocalError, match="no schema"):
        await Supervisor(home, stages, lambda _: None).run(lambda: None)
    assert cancelled == ["topics"]
    assert _states(home) == {"kafka": "stopped"}


def test_a_start_whose_caller_was_ended_stops_by_itself(home: Home) -> None:
    read, write = os.pipe()
    os.close(read)
    place = ["--root", str(home.root), "--cache", str(home.shared_cache), "--report", str(write)]
    command = [sys.executable, "-m", "tuoqi.cli.local.supervisor", *place, "--plan", Plan(services=()).to_json()]
    done = subprocess.run(command, pass_fds=(write,), capture_output=True, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Whoever started the platform ended before it was ready, so it was stopped.\n"
    assert read_json(home.run / "status.json")["state"] == "failed"
