"""The wiring of visits, and nothing else."""

from __future__ import annotations

from tuoqi.kit.errors import register_errors
from tuoqi.kit.service import Parts, Runtime, Service, main
from tuoqi.visits.consumer import REGISTRY
from tuoqi.visits.domain.errors import MEANINGS
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.jobs import MidnightSweep, OverdueExporter, VisitsImporter
from tuoqi.visits.jobs.policies import find_faults, read_rules
from tuoqi.visits.peers import RegistryPeople
from tuoqi.visits.rpc.visits import add_visits
from tuoqi.visits.settings import VisitsSettings
from tuoqi.visits.store import NoteSeal, VisitFileStore


def build(runtime: Runtime) -> Parts:
    """Everything that visits adds to the kit."""
    if not isinstance(runtime.settings, VisitsSettings):
        raise TypeError("visits runs with the settings of visits")
    register_errors(MEANINGS)
    people = RegistryPeople(runtime.peers)
    return Parts(
        servicers=[add_visits(runtime.database)],
        importers=[VisitsImporter(runtime.commander, people, NoteSeal(runtime.keys.identity))],
        exporters=[OverdueExporter(runtime.database, people)],
        timers=[
            MidnightSweep(runtime.commander, runtime.database, runtime.policy.grades, runtime.settings.sweep_chunk)
        ],
    )


SERVICE = Service(
    name="visits",
    build=build,
    settings=VisitsSettings,
    subscriptions=[REGISTRY],
    stores={VisitFile: VisitFileStore()},
    read_policy=read_rules,
    find_faults=find_faults,
)

if __name__ == "__main__":
    main(SERVICE)
