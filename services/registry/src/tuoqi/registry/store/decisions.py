"""SQL about decisions and hearings: both are only ever added. The person's row is locked first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.decision import Hearing
from tuoqi.registry.store.seals import KeyRing

DECISION = "status_decisions.private"
HEARING = "status_hearings.private"
_ADD_HEARING = """
INSERT INTO status_hearings (hearing_id, person_id, category, held_on, heard_by, known_at, private)
VALUES (:hearing_id, :person_id, :category, :held_on, :heard_by, :known_at, :private)
"""
_ADD_DECISION = """
INSERT INTO status_decisions (decision_id, person_id, interval_id, action, hearing_id, decided_by, known_at,
                              loaded_order, private)
VALUES (:decision_id, :person_id, :interval_id, :action, :hearing_id, :decided_by, :known_at, :loaded_order, :private)
"""
_HEARINGS = """
SELECT h.hearing_id, h.person_id, h.category, h.held_on, d.decision_id IS NOT NULL AS is_used
FROM status_hearings h LEFT JOIN status_decisions d USING (hearing_id)
WHERE h.person_id = ANY(CAST(:ids AS text[])) ORDER BY h.held_on, h.hearing_id
"""
_DECISIONS = """
SELECT d.decision_id, d.interval_id, d.action, d.loaded_order, d.private, h.hearing_id, h.held_on,
       h.private AS hearing_private
FROM status_decisions d LEFT JOIN status_hearings h USING (hearing_id) WHERE d.person_id = :person_id
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is kept of a decision."""

    decision_id: str
    interval_id: str
    action: str
    loaded_order: int
    """Of the row that it made: with the interval's id it names the row."""
    hearing_id: str = ""
    heard_on: date | None = None
    private: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sealed: reason, evidence, decider, and what the person said."""


async def add_hearing(
    tx: Tx, person_id: str, hearing: Hearing, *, by: str, known_at: datetime, said: str, ring: KeyRing
) -> None:
    """Note a hearing; what was said is sealed."""
    await tx.execute(
        _ADD_HEARING,
        hearing_id=hearing.hearing_id,
        person_id=person_id,
        category=hearing.category,
        held_on=hearing.held_on,
        heard_by=by,
        known_at=known_at,
        private=ring.seal(person_id, HEARING, {"said": said}),
    )


async def add_decision(
    tx: Tx, person_id: str, decision: Decision, *, by: str, known_at: datetime, ring: KeyRing
) -> None:
    """Note a decision; why and on what it rests is sealed."""
    await tx.execute(
        _ADD_DECISION,
        decision_id=decision.decision_id,
        person_id=person_id,
        interval_id=decision.interval_id,
        action=decision.action,
        hearing_id=decision.hearing_id or None,
        decided_by=by,
        known_at=known_at,
        loaded_order=decision.loaded_order,
        private=ring.seal(person_id, DECISION, decision.private),
    )


async def load_hearings(tx: Tx, person_ids: Collection[str]) -> dict[str, list[Hearing]]:
    """The hearings of each person, by day; who has none is left out."""
    found: defaultdict[str, list[Hearing]] = defaultdict(list)
    for row in await tx.fetch(_HEARINGS, ids=sorted(person_ids)):
        found[row.person_id].append(Hearing(row.hearing_id, row.category, row.held_on, row.is_used))
    return found


async def load_decisions(tx: Tx, person_id: str, ring: KeyRing) -> dict[tuple[str, int], Decision]:
    """The decisions on a person, by interval and order of its row. The ring holds the person's key."""
    found: dict[tuple[str, int], Decision] = {}
    for row in await tx.fetch(_DECISIONS, person_id=person_id):
        private = ring.unseal(person_id, DECISION, row.private)
        if row.hearing_private is not None:
            private |= ring.unseal(person_id, HEARING, row.hearing_private)
        found[row.interval_id, row.loaded_order] = Decision(
            row.decision_id,
            row.interval_id,
            row.action,
            row.loaded_order,
            row.hearing_id or "",
            row.held_on,
            private,
        )
    return found
