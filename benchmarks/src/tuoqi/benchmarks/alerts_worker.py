"""One alerts process for `tuoqi bench alerts`: `python -m tuoqi.benchmarks.alerts_worker fill|ours|naive COUNT`.

`fill` raises so many alerts at one moment by the service's own handler; `ours` takes their next step by the service's
own timer; `naive` takes it for a sample in a transaction an alert. No relay runs beside it. It says as JSON how long it
took by the system's clock.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import UTC, date, datetime, timedelta
from typing import Final

import uvloop

from tuoqi.alerts.__main__ import SERVICE, STORE
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.handlers.acts import EscalationDue, on_escalation_due
from tuoqi.alerts.handlers.visits import on_overdue_found
from tuoqi.alerts.jobs.escalation import ACTOR, EscalationTimer
from tuoqi.alerts.jobs.policies import read_rules
from tuoqi.alerts.settings import AlertsSettings
from tuoqi.contracts.topics import topics
from tuoqi.contracts.visits.v1.plan_pb2 import VisitOverdueFound
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.context import Origin
from tuoqi.kit.county import County
from tuoqi.kit.database import Database
from tuoqi.kit.ids import id_maker

NAIVE_ALERTS: Final = 300
RAISED: Final = datetime(2026, 11, 8, 16, tzinfo=UTC)
"""Midnight in the county."""
DUE: Final = RAISED + timedelta(hours=4)
"""When the township is told of a HIGH alert that nobody took on."""
_CHUNK: Final = 500
_NEW_ID: Final = id_maker(b"a benchmark's ids are no secret")


async def _run(part: str, count: int) -> dict[str, object]:
    settings = AlertsSettings()  # type: ignore[call-arg]  # from the environment
    policy = read_rules(County.load(settings.county_dir))
    database = Database(settings, application="alerts")
    owned = [one for one in topics().values() if one.owner == SERVICE.name]
    commander = Commander(SERVICE.stores, database, Origin(owned, _NEW_ID, policy), lambda: None)
    begun, used = time.perf_counter(), time.process_time()
    if part == "fill":
        done = await _fill(commander, count)
    elif part == "ours":
        done = await EscalationTimer(commander, STORE, policy).run(DUE)
    else:
        done = await _one_by_one(commander, database)
    seconds, cpu_s = time.perf_counter() - begun, time.process_time() - used
    await database.close()
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {"seconds": seconds, "cpu_s": round(cpu_s, 2), "done": done, "memory_mb": round(memory_mb, 1)}


async def _fill(commander: Commander, count: int) -> int:
    """As many people, each with one missed visit that was found at the same moment."""
    calls = []
    for number in range(count):
        person_id = _NEW_ID(RAISED, "overdue", number)
        event = VisitOverdueFound(
            person_id=person_id,
            overdue_id=_NEW_ID(RAISED, "missed", number),
            grade="HIGH",
            deadline=date(2026, 11, 8).isoformat(),
        )
        calls.append(Call(person_id, on_overdue_found, event, f"missed:{number}", RAISED, ACTOR))
    for begin in range(0, count, _CHUNK):
        await commander.run(AlertBook, calls[begin : begin + _CHUNK])
    return count


async def _one_by_one(commander: Commander, database: Database) -> int:
    """A first version: every alert is loaded, judged and saved in a transaction of its own."""
    async with database.begin() as tx:
        rows = await tx.fetch(
            "SELECT book, alert_id FROM alerts WHERE due_at <= :until ORDER BY due_at, book LIMIT CAST(:top AS int)",
            until=DUE,
            top=NAIVE_ALERTS,
        )
    for row in rows:
        cause = f"escalate:{row.alert_id}:{DUE.isoformat()}"
        call = Call(row.book, on_escalation_due, EscalationDue(row.alert_id), cause, DUE, ACTOR)
        await commander.run(AlertBook, [call])
    return len(rows)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(_run(sys.argv[1], int(sys.argv[2])))) + "\n")
