"""One payments process that computes one cycle: `python -m tuoqi.benchmarks.cycle_worker YYYY-MM`.

Everything is the service's own but its neighbours: the registry's fence stands in nobody's way, and no relay runs beside
it. It says as JSON how long `compute` took by the system's clock.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timedelta

import uvloop

from tuoqi.contracts.topics import topics
from tuoqi.kit.clock import SettableClock
from tuoqi.kit.commands import Commander
from tuoqi.kit.context import Origin
from tuoqi.kit.county import County
from tuoqi.kit.database import Database
from tuoqi.kit.ids import id_maker
from tuoqi.payments.__main__ import SERVICE
from tuoqi.payments.domain.months import Month
from tuoqi.payments.jobs.compute import compute
from tuoqi.payments.jobs.cycles import open_month
from tuoqi.payments.jobs.policies import read_policy
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.peers import FenceSet, RegistryPeer
from tuoqi.payments.settings import PaymentsSettings

CLERK = "clerk.li"


class _Passed(RegistryPeer):
    """A registry all of whose facts have arrived already."""

    def __init__(self) -> None:
        """It needs no way to anybody."""

    async def fence(self, cut_off: datetime) -> FenceSet:
        """A fence with no place where anybody waits for it."""
        return FenceSet(f"{cut_off}", frozenset())


async def _compute(month: Month) -> dict[str, object]:
    settings = PaymentsSettings()  # type: ignore[call-arg]  # from the environment
    county = County.load(settings.county_dir)
    policy = read_policy(county)
    database = Database(settings, application="payments")
    ids = id_maker(b"a benchmark's ids are no secret")
    origin = Origin([one for one in topics().values() if one.owner == SERVICE.name], ids, policy)
    tools = Tools(
        database=database,
        commander=Commander(SERVICE.stores, database, origin, lambda: None),
        clock=SettableClock(policy.cycle_rules(month).cut_off(month) + timedelta(hours=1)),
        ids=ids,
        policy=policy,
        policy_version=county.version,
        registry=_Passed(),
        facts_wait_s=settings.facts_wait_s,
        chunk_persons=settings.chunk_persons,
    )
    cycle = await open_month(tools, month, None, by=CLERK)
    begun, used = time.perf_counter(), time.process_time()
    cycle = await compute(tools, cycle.cycle_id, by=CLERK, say=lambda _step, _done, _all: None)
    seconds, cpu_s = time.perf_counter() - begun, time.process_time() - used
    await database.close()
    return {"seconds": seconds, "cpu_s": round(cpu_s, 1), "cycle_id": cycle.cycle_id, "state": cycle.state}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(_compute(Month.parse(sys.argv[1])))) + "\n")
