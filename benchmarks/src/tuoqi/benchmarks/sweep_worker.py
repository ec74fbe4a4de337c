"""One visits process that sweeps: `python -m tuoqi.benchmarks.sweep_worker night|regrade|naive`.

Everything is the service's own but its neighbours: no relay runs beside it, and no fence is waited for. It says as JSON
how long it took by the system's clock.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Final

import uvloop

from tuoqi.benchmarks.sweep_people import NIGHT, person_of
from tuoqi.contracts.topics import topics
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.context import Origin
from tuoqi.kit.county import County
from tuoqi.kit.database import Database
from tuoqi.kit.ids import id_maker
from tuoqi.visits.__main__ import SERVICE
from tuoqi.visits.domain.days import midnight_of
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.grades import VisitPolicy
from tuoqi.visits.handlers.plans import on_midnight
from tuoqi.visits.jobs.policies import read_rules
from tuoqi.visits.jobs.sweep import ACTOR, MidnightSweep
from tuoqi.visits.settings import VisitsSettings
from tuoqi.visits.store import Seen, see_rules

NAIVE_PERSONS: Final = 2_000


def other_tables(policy: VisitPolicy) -> VisitPolicy:
    """The shipped tables, whose every age of 80 has become 85: some of the oldest are seen less often."""
    (table,) = policy.tables
    rules = tuple(
        replace(
            rule,
            any_of=tuple(replace(one, age_from=85 if one.age_from == 80 else one.age_from) for one in rule.any_of),  # noqa: PLR2004
        )
        for rule in table.rules
    )
    return VisitPolicy((replace(table, rules=rules),))


async def _sweep(part: str) -> dict[str, object]:
    settings = VisitsSettings()  # type: ignore[call-arg]  # from the environment
    rules = read_rules(County.load(settings.county_dir))
    database = Database(settings, application="visits")
    async with database.begin() as tx:
        seen = Seen(sha256(repr(rules.grades).encode()).hexdigest(), midnight_of(NIGHT - timedelta(days=30)))
        await see_rules(tx, seen)
    if part == "regrade":
        rules = replace(rules, grades=other_tables(rules.grades))
    owned = [one for one in topics().values() if one.owner == SERVICE.name]
    origin = Origin(owned, id_maker(b"a benchmark's ids are no secret"), rules)
    commander = Commander(SERVICE.stores, database, origin, lambda: None)
    begun, used = time.perf_counter(), time.process_time()
    if part == "naive":
        done = await _one_by_one(commander)
    else:
        sweep = MidnightSweep(commander, database, rules.grades, settings.sweep_chunk)
        until = midnight_of(NIGHT) - timedelta(hours=9 if part == "regrade" else 0)
        done = await sweep.run(until)
    seconds, cpu_s = time.perf_counter() - begun, time.process_time() - used
    await database.close()
    return {"seconds": seconds, "cpu_s": round(cpu_s, 1), "judged": done}


async def _one_by_one(commander: Commander) -> int:
    """A first version: every person is loaded, judged and saved in a transaction of his own."""
    for number in range(NAIVE_PERSONS):
        person_id = person_of(number)
        cause = f"midnight:{person_id}:{NIGHT}"
        call = Call(person_id, on_midnight, NIGHT, cause, midnight_of(NIGHT), ACTOR)
        await commander.run(VisitFile, [call])
    return NAIVE_PERSONS


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(_sweep(sys.argv[1]))) + "\n")
