import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tuoqi.cli.local import leftovers
from tuoqi.cli.local.home import Home, write_json
from tuoqi.cli.local.leftovers import alive, end_leftovers, identity, parts_of
from tuoqi.cli.local.process import Part, start, until

Dummy = Callable[..., tuple[str, ...]]


async def test_what_an_earlier_supervisor_left_is_ended_and_nothing_else(
    home: Home, dummy: Dummy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "GONE_S_MAX", 2.0)
    left = await start(Part("left", dummy("stubborn", str(tmp_path / "begun"))), tmp_path)
    other = await start(Part("other", dummy("sleep")), tmp_path)
    await asyncio.wait_for(until(lambda: asyncio.to_thread((tmp_path / "begun").exists), 0.02), 10)
    known, stranger = identity(left.pid), identity(other.pid)
    assert known
    assert stranger
    given_out_again = {**stranger, "started": stranger["started"] - 60}
    write_json(home.run / "status.json", {"parts": [{"process": known}, {"process": given_out_again}]})
    assert [process.pid for process in parts_of(home)] == [left.pid]
    await asyncio.to_thread(end_leftovers, home)
    assert alive(known) is None
    assert alive(stranger)
    other.kill()
    await asyncio.gather(left.wait(), other.wait())
