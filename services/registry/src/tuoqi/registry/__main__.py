"""The registry's wiring: `python -m tuoqi.registry` serves, `python -m tuoqi.registry migrate` migrates."""

from __future__ import annotations

from tuoqi.kit.county import County
from tuoqi.kit.rpc.tables import Importer
from tuoqi.kit.service import Parts, Runtime, Service, main
from tuoqi.registry.consumer import FINDINGS, VISITS
from tuoqi.registry.domain.policy import Policy, read_policy
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.assessments import AssessmentImporter
from tuoqi.registry.jobs.change_applying import ChangeTimer
from tuoqi.registry.jobs.changes import ChangeDesk
from tuoqi.registry.jobs.comparison import ComparisonDesk
from tuoqi.registry.jobs.coverage_file import CoverageExporter
from tuoqi.registry.jobs.facilities import FacilityImporter
from tuoqi.registry.jobs.guardianship import GuardianshipImporter
from tuoqi.registry.jobs.life import LifeTimer
from tuoqi.registry.jobs.lists import ComparisonImporter, death_importer, move_importer
from tuoqi.registry.jobs.persons import PersonImporter
from tuoqi.registry.jobs.regions import RegionImporter
from tuoqi.registry.jobs.roster import Roster
from tuoqi.registry.jobs.statuses import StatusImporter
from tuoqi.registry.jobs.stays import StayImporter
from tuoqi.registry.jobs.workers import WorkerImporter
from tuoqi.registry.rpc.care import CareServicer, add_care
from tuoqi.registry.rpc.changes import ChangeServicer, add_changes
from tuoqi.registry.rpc.comparison import ComparisonServicer, add_comparison
from tuoqi.registry.rpc.facilities import FacilityServicer, add_facilities
from tuoqi.registry.rpc.figures import FigureServicer, add_figures
from tuoqi.registry.rpc.households import HouseholdServicer, add_households
from tuoqi.registry.rpc.merges import MergeServicer, add_merges
from tuoqi.registry.rpc.people import PersonServicer, add_people
from tuoqi.registry.rpc.regions import RegionServicer, add_regions
from tuoqi.registry.rpc.registry import RegistryServicer, add_registry
from tuoqi.registry.rpc.screening import ScreeningServicer, add_screening
from tuoqi.registry.rpc.statuses import StatusServicer, add_statuses
from tuoqi.registry.rpc.visit_reports import VisitReportServicer, add_visit_reports
from tuoqi.registry.rpc.workers import WorkerServicer, add_workers
from tuoqi.registry.settings import Settings
from tuoqi.registry.store.seals import Vault


def county_policy(county: County) -> Policy:
    """The registry's part of the county's files. Raises PolicyError."""
    return read_policy(county.code, county.policy("registry"))


def importers(desk: Desk) -> list[Importer]:
    """Every kind of file that the registry takes."""
    return [
        RegionImporter(desk),
        PersonImporter(desk),
        StatusImporter(desk),
        FacilityImporter(desk),
        StayImporter(desk),
        WorkerImporter(desk),
        GuardianshipImporter(desk),
        AssessmentImporter(desk),
        death_importer(desk),
        move_importer(desk),
        ComparisonImporter(desk),
    ]


def build(runtime: Runtime) -> Parts:
    """What the registry adds to the kit. Raises ValueError without its keys."""
    if runtime.keys.master is None or runtime.keys.lookup is None:
        raise ValueError("the registry needs master.key and lookup.key in TUOQI_KEYS_DIR")
    vault = Vault(runtime.keys.master, runtime.keys.lookup)
    desk = Desk(runtime.origin, runtime.clock, vault, runtime.policy)
    servicer = RegistryServicer(runtime.database, vault, runtime.origin, runtime.clock, runtime.commander)
    facilities = FacilityServicer(runtime.database, desk, runtime.commander)
    people = PersonServicer(runtime.database, vault, runtime.clock, runtime.policy)
    statuses = StatusServicer(runtime.database, desk, runtime.commander)
    screening = ScreeningServicer(runtime.database, desk, runtime.commander)
    regions = RegionServicer(runtime.database, vault, desk, runtime.commander)
    workers = WorkerServicer(runtime.database, vault, desk, runtime.commander)
    figures = FigureServicer(runtime.database, runtime.policy, runtime.clock)
    merges = MergeServicer(desk, runtime.database, runtime.commander)
    households = HouseholdServicer(desk, runtime.database, runtime.commander)
    taking = importers(desk)
    changes = ChangeDesk(desk, runtime.commander, taking)
    comparing = ComparisonDesk(desk, runtime.commander, changes)
    comparison = ComparisonServicer(runtime.database, desk, comparing, taking)
    return Parts(
        servicers=[
            add_registry(servicer),
            add_facilities(facilities),
            add_care(CareServicer(runtime.database, desk)),
            add_people(people),
            add_statuses(statuses),
            add_screening(screening),
            add_regions(regions),
            add_workers(workers),
            add_figures(figures),
            add_merges(merges),
            add_households(households),
            add_changes(ChangeServicer(runtime.database, desk, changes)),
            add_comparison(comparison),
            add_visit_reports(VisitReportServicer(runtime.database, desk, runtime.commander)),
        ],
        importers=taking,
        exporters=[CoverageExporter(runtime.database, desk), Roster(runtime.database, vault, runtime.clock)],
        timers=[ChangeTimer(changes.resume), LifeTimer(desk, runtime.commander)],
    )


SERVICE = Service(
    name="registry", build=build, settings=Settings, subscriptions=[VISITS, FINDINGS], read_policy=county_policy
)

if __name__ == "__main__":
    main(SERVICE)
