"""What visits listens to: this table and nothing else. The registry's fences are noted, for the midnight sweep."""

from __future__ import annotations

from datetime import UTC, datetime

from tuoqi.contracts.registry.v1 import person_pb2
from tuoqi.contracts.topics import topic
from tuoqi.kit.handlers import Projection, Subscription
from tuoqi.visits.handlers.batches import WARNING_HANDLERS
from tuoqi.visits.handlers.mirrors import CARER_TABLES, WORKER_TABLE
from tuoqi.visits.handlers.pairing_mirrors import HELPER_TABLES
from tuoqi.visits.handlers.plans import PLAN_HANDLERS

PERSON = topic("tuoqi.registry.person.v1")
STATUS = topic("tuoqi.registry.status.v1")


def _fences_of(name: str) -> Projection:
    def row(event: person_pb2.RegistryFenced, version: int) -> tuple[str, str, int, datetime, int]:
        return (event.fence_id, name, event.partition, event.cutoff.ToDatetime(tzinfo=UTC), version)

    return Projection(
        table="fences",
        key=("fence_id", "topic", "partition"),
        columns=(
            ("fence_id", "text"),
            ("topic", "text"),
            ("partition", "int"),
            ("cutoff", "timestamptz"),
            ("version", "bigint"),
        ),
        on={person_pb2.RegistryFenced: row},
        keep="every",
        topic=name,
    )


REGISTRY = Subscription(
    consumer="tuoqi.visits.registry",
    topics=(PERSON, STATUS),
    handlers=(PLAN_HANDLERS,),
    projections=(_fences_of(PERSON.name), _fences_of(STATUS.name)),
)

WORKERS = Subscription(
    consumer="tuoqi.visits.workers", topics=(topic("tuoqi.registry.worker.v1"),), projections=(WORKER_TABLE,)
)
"""Who holds which post, mirrored; people are shared out by a job."""

WARNINGS = Subscription(
    consumer="tuoqi.visits.warnings", topics=(topic("tuoqi.alerts.warning.v1"),), handlers=(WARNING_HANDLERS,)
)
"""Weather warnings: apart from the registry's facts, so that neither delays the other."""

CARERS = Subscription(
    consumer="tuoqi.visits.carers",
    topics=(PERSON, STATUS, topic("tuoqi.registry.household.v1")),
    projections=CARER_TABLES,
)
"""Who looks after whom at home, and who died, mirrored; whom that leaves alone is found by a job."""

HELPERS = Subscription(
    consumer="tuoqi.visits.helpers",
    topics=(topic("tuoqi.registry.worker.v1"), PERSON),
    projections=HELPER_TABLES,
)
"""Who may be paired with children, mirrored apart from `WORKERS`, so that neither waits for the other."""
