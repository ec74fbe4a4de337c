"""The wiring of visits, and nothing else."""

from __future__ import annotations

from tuoqi.kit.errors import register_errors
from tuoqi.kit.service import Parts, Runtime, Service, main
from tuoqi.kit.settings import read_secret
from tuoqi.visits.consumer import CARERS, HELPERS, REGISTRY, WARNINGS, WORKERS
from tuoqi.visits.domain.activities import Activity
from tuoqi.visits.domain.batches import TaskBatch
from tuoqi.visits.domain.contracts import CareContract
from tuoqi.visits.domain.errors import MEANINGS
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.pairings import Pairing
from tuoqi.visits.domain.referrals import Referral
from tuoqi.visits.jobs import (
    MidnightSweep,
    OverdueExporter,
    VisitsImporter,
    attachments,
    contracts,
    given,
    referral_desk,
)
from tuoqi.visits.jobs import activities as activity_desk
from tuoqi.visits.jobs import pairings as pairing_desk
from tuoqi.visits.jobs.activities import ActivityDesk
from tuoqi.visits.jobs.attendance_file import AttendanceImporter
from tuoqi.visits.jobs.carers import CarerDeaths
from tuoqi.visits.jobs.contract_files import ContractImporter
from tuoqi.visits.jobs.coverage import CoverageExporter
from tuoqi.visits.jobs.day import DayDesk
from tuoqi.visits.jobs.desk import TaskDesk
from tuoqi.visits.jobs.fence import RegistryFence
from tuoqi.visits.jobs.intake import Intake
from tuoqi.visits.jobs.ordering import TaskDeadlines, TaskOrders
from tuoqi.visits.jobs.pairing_ends import PairingEnds
from tuoqi.visits.jobs.pairing_files import ProposalExporter, WishImporter
from tuoqi.visits.jobs.pairing_runs import PairingRuns
from tuoqi.visits.jobs.policies import find_faults, read_rules
from tuoqi.visits.jobs.referrals import ReferralTerms
from tuoqi.visits.jobs.reports import Freezer
from tuoqi.visits.jobs.sharing import Sharing
from tuoqi.visits.jobs.uploads import Uploads
from tuoqi.visits.peers import RegistryFencing, RegistryPeople, RegistryPlaces, RegistryWorkers
from tuoqi.visits.rpc.activities import add_activities
from tuoqi.visits.rpc.contracts import add_contracts
from tuoqi.visits.rpc.coverage import add_coverage
from tuoqi.visits.rpc.figures import add_figures
from tuoqi.visits.rpc.given import add_given
from tuoqi.visits.rpc.pairings import add_pairings
from tuoqi.visits.rpc.records import add_records
from tuoqi.visits.rpc.referrals import add_referrals
from tuoqi.visits.rpc.tasks import TaskServicer, add_tasks
from tuoqi.visits.rpc.visits import add_visits
from tuoqi.visits.settings import VisitsSettings
from tuoqi.visits.store import NoteSeal, VisitFileStore
from tuoqi.visits.store.activities import ActivityStore
from tuoqi.visits.store.attachments import AttachmentSeal
from tuoqi.visits.store.batches import TaskBatchStore
from tuoqi.visits.store.contracts import CareContractStore
from tuoqi.visits.store.objects import NoObjects, Objects, ObjectStore
from tuoqi.visits.store.pairings import PairingStore
from tuoqi.visits.store.private import PrivateWords
from tuoqi.visits.store.referrals import ReferralStore


def build(runtime: Runtime) -> Parts:
    """Everything that visits adds to the kit."""
    if not isinstance(runtime.settings, VisitsSettings):
        raise TypeError("visits runs with the settings of visits")
    register_errors(MEANINGS)
    people = RegistryPeople(runtime.peers)
    tasks = tasks_of(runtime, people)
    following = following_of(runtime, people)
    pairing = pairing_of(runtime, people)
    counting = counting_of(runtime, people)
    records = records_of(runtime, people)
    return Parts(
        servicers=[
            add_visits(runtime.database),
            *tasks.servicers,
            *following.servicers,
            *pairing.servicers,
            *counting.servicers,
            *records.servicers,
        ],
        importers=[
            VisitsImporter(
                runtime.commander,
                people,
                NoteSeal(runtime.keys.identity),
                runtime.policy.findings,
                runtime.policy.records,
            ),
            *following.importers,
            *pairing.importers,
            *counting.importers,
        ],
        exporters=[OverdueExporter(runtime.database, people), *pairing.exporters, *counting.exporters],
        timers=[
            MidnightSweep(
                runtime.commander,
                runtime.database,
                runtime.policy.grades,
                runtime.settings.sweep_chunk,
                RegistryFence(RegistryFencing(runtime.peers), runtime.database, runtime.clock),
            ),
            *tasks.timers,
            *following.timers,
            *pairing.timers,
            *records.timers,
        ],
    )


def tasks_of(runtime: Runtime, people: RegistryPeople) -> Parts:
    """Workers, day lists and extra tasks. At one moment what was due is told first, then tasks are made, then shared out."""
    commander, database, rules = runtime.commander, runtime.database, runtime.policy.tasks
    sharing, orders = Sharing(commander, database, rules, runtime.clock), TaskOrders(commander, database)
    desk = TaskDesk(commander, database, rules, sharing, orders)
    days = DayDesk(database, people, rules)
    return Parts(
        servicers=[add_tasks(TaskServicer(database, runtime.clock, desk, days, sharing))],
        timers=[
            TaskDeadlines(commander, database),
            CarerDeaths(commander, database, rules.carer, runtime.clock),
            orders,
            sharing,
        ],
    )


def records_of(runtime: Runtime, people: RegistryPeople) -> Parts:
    """Records from devices, their photos and signatures."""
    database, clock, rules, identity = runtime.database, runtime.clock, runtime.policy.records, runtime.keys.identity
    objects, seal = objects_of(runtime), NoteSeal(identity)
    intake = Intake(runtime.commander, seal, runtime.policy.findings, rules)
    desk = attachments.AttachmentDesk(
        database, clock, rules, objects, AttachmentSeal(identity), PrivateWords(identity, attachments.PURPOSE)
    )
    uploads = Uploads(runtime.commander, intake, people, clock, rules)
    return Parts(
        servicers=[add_records(database, uploads, desk, seal, rules)],
        timers=[attachments.AttachmentSweep(database, objects)],
    )


def objects_of(runtime: Runtime) -> Objects:
    """The object store that the settings name. Raises ValueError for a URL that names none, OSError for a missing key."""
    settings = runtime.settings
    if not isinstance(settings, VisitsSettings) or not settings.objects_url:
        return NoObjects()
    return ObjectStore.of(
        settings.objects_url,
        endpoint=settings.objects_endpoint,
        region=settings.objects_region,
        access_key=read_secret(settings.objects_access_key_file),
        secret_key=read_secret(settings.objects_secret_key_file),
    )


def following_of(runtime: Runtime, people: RegistryPeople) -> Parts:
    """What follows from records: referrals, services given; and the contracts of people supported at home."""
    commander, database, clock, rules = runtime.commander, runtime.database, runtime.clock, runtime.policy
    identity = runtime.keys.identity
    referrals = referral_desk.ReferralDesk(
        database, commander, clock, rules.findings, PrivateWords(identity, referral_desk.PURPOSE)
    )
    signing = contracts.ContractDesk(
        database,
        commander,
        clock,
        rules.contracts,
        PrivateWords(identity, contracts.PURPOSE),
        RegistryPlaces(runtime.peers),
    )
    return Parts(
        servicers=[
            add_referrals(referrals),
            add_given(given.GivenDesk(commander, rules.services), database, clock, rules.services),
            add_contracts(signing),
        ],
        importers=[given.GivenImporter(people, rules.services), ContractImporter(signing, people)],
        timers=[ReferralTerms(commander, database), contracts.ContractEnds(commander, database, rules.contracts)],
    )


def pairing_of(runtime: Runtime, people: RegistryPeople) -> Parts:
    """Helpers for children. At one moment what no longer fits ends before proposals are made."""
    commander, database, rules = runtime.commander, runtime.database, runtime.policy.pairings
    runs = PairingRuns(database, commander, runtime.clock, rules)
    words = PrivateWords(runtime.keys.identity, pairing_desk.PURPOSE)
    desk = pairing_desk.PairingDesk(database, commander, runtime.clock, runs, words)
    return Parts(
        servicers=[add_pairings(desk, runs)],
        importers=[WishImporter(people)],
        exporters=[ProposalExporter(database, people, RegistryWorkers(runtime.peers), rules)],
        timers=[PairingEnds(commander, database, rules), runs],
    )


def counting_of(runtime: Runtime, people: RegistryPeople) -> Parts:
    """Activities, and what is counted of them and of visits: coverage and figures."""
    commander, database, rules = runtime.commander, runtime.database, runtime.policy
    words = PrivateWords(runtime.keys.identity, activity_desk.PURPOSE)
    desk = ActivityDesk(database, commander, runtime.clock, rules.activities, words)
    freezer = Freezer(runtime.clock, runtime.ids, runtime.county.code)
    return Parts(
        servicers=[
            add_activities(desk),
            add_coverage(commander, database, people, freezer),
            add_figures(database, rules.figures, freezer),
        ],
        importers=[AttendanceImporter(desk, people, rules.activities)],
        exporters=[CoverageExporter(database)],
    )


SERVICE = Service(
    name="visits",
    build=build,
    settings=VisitsSettings,
    subscriptions=[REGISTRY, WORKERS, WARNINGS, CARERS, HELPERS],
    stores={
        VisitFile: VisitFileStore(),
        TaskBatch: TaskBatchStore(),
        Referral: ReferralStore(),
        CareContract: CareContractStore(),
        Pairing: PairingStore(),
        Activity: ActivityStore(),
    },
    read_policy=read_rules,
    find_faults=find_faults,
)

if __name__ == "__main__":
    main(SERVICE)
