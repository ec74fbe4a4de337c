"""The measured service: counts missed visits per person, and says each time that it did.

Small in what it decides, whole in how it is carried: the kit's consumer, inbox, state, outbox and relay as every
service runs them. `python -m tuoqi.benchmarks.tally` serves, `… migrate` makes the schema.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from tuoqi.contracts.alerts.v1.alert_pb2 import AlertJoined, AlertRef
from tuoqi.contracts.topics import topic
from tuoqi.contracts.visits.v1.plan_pb2 import VisitOverdueFound
from tuoqi.kit.context import Context
from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, Handlers, Subscription, expect_rows
from tuoqi.kit.service import Parts, Service, main

CONSUMER = "tuoqi.alerts.bench"
TOPIC = topic("tuoqi.visits.plan.v1")
OUT = topic("tuoqi.alerts.alert.v1")


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a person was missed."""

    person_id: str
    missed: int
    grade: str
    last_deadline: date
    version: int = 0


def on_missed(tally: Tally | None, event: VisitOverdueFound, ctx: Context) -> Tally:
    """Count one, and say so."""
    before = tally or Tally(event.person_id, 0, "", date.min)
    after = replace(
        before, missed=before.missed + 1, grade=event.grade, last_deadline=date.fromisoformat(event.deadline)
    )
    ref = AlertRef(alert_id=event.overdue_id, kind="visit_overdue", person_id=event.person_id)
    ctx.emit(AlertJoined(alert=ref, severity="HIGH", joined=after.missed))
    return after


class TallyStore:
    """The only SQL about tallies."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, Tally]:
        """Unlocked: the version check of `save` decides who was first."""
        rows = await tx.fetch(
            "SELECT person_id, missed, grade, last_deadline, version FROM tally"
            " WHERE person_id = ANY(CAST(:keys AS text[]))",
            keys=list(keys),
        )
        return {
            row.person_id: Tally(row.person_id, row.missed, row.grade, row.last_deadline, row.version) for row in rows
        }

    async def save(self, tx: Tx, changes: Sequence[Change[Tally]]) -> None:
        """Insert and update in one statement, versions checked."""
        touched = await tx.execute(
            """
            INSERT INTO tally AS t (person_id, missed, grade, last_deadline, version)
            SELECT person_id, missed, grade, last_deadline, version
            FROM unnest(CAST(:people AS text[]), CAST(:missed AS int[]), CAST(:grades AS text[]),
                        CAST(:deadlines AS date[]), CAST(:versions AS bigint[]), CAST(:loaded AS bigint[]))
                 AS n(person_id, missed, grade, last_deadline, version, loaded)
            ON CONFLICT (person_id) DO UPDATE
            SET missed = excluded.missed, grade = excluded.grade, last_deadline = excluded.last_deadline,
                version = excluded.version
            WHERE t.version < excluded.version
            """,
            people=[c.key for c in changes],
            missed=[c.state.missed for c in changes],
            grades=[c.state.grade for c in changes],
            deadlines=[c.state.last_deadline for c in changes],
            versions=[c.state.version for c in changes],
            loaded=[c.loaded_version for c in changes],
        )
        expect_rows(touched, len(changes))


SERVICE = Service(
    name="alerts",
    build=lambda _runtime: Parts(),
    subscriptions=[
        Subscription(
            CONSUMER,
            (TOPIC,),
            handlers=(Handlers(state=Tally, key=lambda event: event.person_id, on={VisitOverdueFound: on_missed}),),
        )
    ],
    stores={Tally: TallyStore()},
    migrations=Path(__file__).parent / "migrations",
)

if __name__ == "__main__":
    main(SERVICE)
