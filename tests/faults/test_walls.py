"""Each wall removed by a patch: the suite must notice. A patch that no longer fits the code fails here too.

The patched tree is a copy whose source folders stand before the installed ones; the fault is the smallest against which
the wall stands. The same fault on the tree as it is leaves no finding.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oracles
import pytest
from county_month import Month, county
from county_platform import REPOSITORY, CountyPlatform
from sqlalchemy.exc import IntegrityError

from tuoqi.kit.database import Database

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
WALLS = Path(__file__).parent / "walls"
SERVICES = ("registry", "visits", "alerts")
COPIED = ("libs", "services", "cli", "proto", "deploy")


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A copy of the sources."""
    for folder in COPIED:
        ignored = shutil.ignore_patterns("__pycache__", "tests", "secrets", ".*_cache")
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=ignored)
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


def remove(wall: str, tree: Path) -> None:
    """Apply the patch of a wall; one that does not fit any more fails the test."""
    with (WALLS / f"{wall}.patch").open("rb") as patch:
        done = subprocess.run(
            ["patch", "-p1", "--forward", "--batch"],
            stdin=patch,
            cwd=tree,
            capture_output=True,
            check=False,
        )
    assert done.returncode == 0, f"{wall}.patch no longer fits: {done.stdout.decode()}{done.stderr.decode()}"


async def replayed(platform: CountyPlatform, month: Month) -> None:
    """Everything that visits ever said is said again."""
    await month.surely(month.until("2026-11-20 18:01"))
    await platform.replay("visits")


async def dies_before_its_commit(platform: CountyPlatform, month: Month) -> None:
    """Visits dies with a batch that it has read and not yet committed."""
    died = platform.arm("visits", "pipeline.before_commit")
    await month.surely(month.load("moves"))
    assert not died.exists()


async def dies_before_its_send(platform: CountyPlatform, month: Month) -> None:
    """The registry's relay dies with what it has read and not yet sent."""
    died = platform.arm("registry", "relay.after_read")
    await month.surely(month.load("moves"))
    assert not died.exists()


FAULTS: dict[str, Callable[[CountyPlatform, Month], Awaitable[None]]] = {
    "inbox": replayed,
    "ack_after_commit": dies_before_its_commit,
    "mark_after_send": dies_before_its_send,
}


async def findings_after(tree: Path, *faults: Callable[[CountyPlatform, Month], Awaitable[None]]) -> list[str]:
    """What the oracles say of a small platform of this tree after the faults."""
    async with CountyPlatform(SERVICES, tree=tree) as platform:
        assert_runs_from(tree, platform)
        county(platform.files, persons=200)
        month = Month(platform, platform.files)
        for kind in ("regions", "facilities", "persons", "statuses", "deaths"):
            await month.surely(month.load(kind))
        for fault in faults:
            await fault(platform, month)
            await platform.until_up()
            await month.surely(platform.settle)
        return await oracles.all_oracles(platform)


def assert_runs_from(tree: Path, platform: CountyPlatform) -> None:
    """The services run the code of this tree, not the installed one."""
    path = platform.python_path()
    code = "import tuoqi.kit, tuoqi.visits; print(tuoqi.kit.__file__); print(tuoqi.visits.__file__)"
    out = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=True, text=True
    ).stdout
    assert all(line.startswith(str(tree)) for line in out.split()), out


async def test_with_all_walls_standing_the_same_faults_leave_no_finding() -> None:
    findings = await findings_after(REPOSITORY, dies_before_its_commit, replayed)
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("wall", FAULTS)
async def test_without_this_wall_the_suite_goes_red(wall: str, tree: Path) -> None:
    remove(wall, tree)
    findings = await findings_after(tree, FAULTS[wall])
    assert findings


@dataclass(frozen=True, slots=True)
class One:
    """A single database that answers as a platform does."""

    database: Database

    async def sql(self, _service: str, query: str) -> list[tuple[Any, ...]]:
        """The rows."""
        async with self.database.begin() as tx:
            return [tuple(row) for row in await tx.fetch(query)]


CYCLE = """
INSERT INTO cycles VALUES ('c{n}', '2026-11-{n}', {n}, '2026-11', '2026-11-20 18:00+08', '{{}}', 'COMPUTED', 2, 10000,
                           '', NULL, '', '', NULL, '', 'rules')
"""
LINE = """
INSERT INTO payment_lines VALUES ('c{n}', 'dibao', 'person', '2026-11', 'line-{n}', 'REGULAR', 10000, 'entitled', 10000,
                                  0, '', 'rules', false, true)
"""


async def _pay(database: Database, *cycles: int) -> None:
    async with database.begin() as tx:
        for number in cycles:
            await tx.execute(LINE.format(n=number))


async def _cycles(database: Database) -> None:
    async with database.begin() as tx:
        for number in (1, 2):
            await tx.execute(CYCLE.format(n=number))


@pytest.mark.postgres
async def test_the_line_key_refuses_a_second_line_of_a_month(database_for: Any) -> None:
    """Neither the same cycle nor another one pays a person's month a second time."""
    database = await database_for("payments")
    await _cycles(database)
    await _pay(database, 1)
    for cycle in (1, 2):
        with pytest.raises(IntegrityError):
            await _pay(database, cycle)
    assert await oracles.credited_once(One(database)) == []


@pytest.mark.postgres
async def test_without_the_line_key_the_suite_goes_red(database_for: Any, tree: Path) -> None:
    remove("line_key", tree)
    migrations = tree / "services" / "payments" / "src" / "tuoqi" / "payments" / "migrations"
    database = await database_for("payments", migrations)
    await _cycles(database)
    await _pay(database, 1, 1, 2)
    assert await oracles.credited_once(One(database))
