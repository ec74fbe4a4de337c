"""What a chunk's or command's people have in statuses, stays and assessments: loaded at once, told together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.assessment import Assessment
from tuoqi.registry.domain.care import CareFacts
from tuoqi.registry.domain.status import Interval
from tuoqi.registry.domain.stay import Stay
from tuoqi.registry.handlers import status_event
from tuoqi.registry.store.assessments import load_assessments
from tuoqi.registry.store.seals import KeyRing
from tuoqi.registry.store.statuses import load_intervals
from tuoqi.registry.store.stays import load_stays

NOTHING = CareFacts()


class CareFiles:
    """By person, what the status topic tells; whoever changes one of the three tells all."""

    def __init__(self) -> None:
        self._facts: dict[str, CareFacts] = {}

    async def load(self, tx: Tx, person_ids: Collection[str], ring: KeyRing) -> None:
        """Load the three for people whose rows are locked and whose keys are in the ring."""
        intervals = await load_intervals(tx, person_ids, ring)
        stays = await load_stays(tx, person_ids)
        assessments = await load_assessments(tx, person_ids, ring)
        for person_id in {*intervals, *stays, *assessments}:
            self._facts[person_id] = CareFacts(
                tuple(intervals.get(person_id, ())),
                tuple(stays.get(person_id, ())),
                tuple(assessments.get(person_id, ())),
            )

    def of(self, person_id: str) -> CareFacts:
        """What is known of the person."""
        return self._facts.get(person_id, NOTHING)

    def put_intervals(self, person_id: str, intervals: Sequence[Interval]) -> None:
        """The person's intervals after a row."""
        self._facts[person_id] = replace(self.of(person_id), intervals=tuple(intervals))

    def put_stays(self, person_id: str, stays: Sequence[Stay]) -> None:
        """The person's stays after a row."""
        self._facts[person_id] = replace(self.of(person_id), stays=tuple(stays))

    def put_assessments(self, person_id: str, assessments: Sequence[Assessment]) -> None:
        """The person's assessments after a row."""
        self._facts[person_id] = replace(self.of(person_id), assessments=tuple(assessments))

    def event(self, person_id: str, known_at: Timestamp) -> Message:
        """All that the status topic tells of the person, as it is now."""
        return status_event(person_id, self.of(person_id), known_at)
