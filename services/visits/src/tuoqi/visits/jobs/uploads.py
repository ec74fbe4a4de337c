"""Records uploaded by devices: read one by one, their people asked of the registry once a batch, taken as a file's are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.contracts.visits.v1 import record_service_pb2 as pb
from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Tx
from tuoqi.kit.rights import Actor
from tuoqi.visits.domain.record_rules import RecordRules
from tuoqi.visits.jobs.forms import Fault, read_form
from tuoqi.visits.jobs.intake import AT_ONCE, REFUSED, Answer, Arriving, Intake, Taken, Told
from tuoqi.visits.peers import People

NOBODY: Final = Fault("visits.record_nobody", "person_id")


class Uploads:
    """Takes batches of records from devices."""

    def __init__(
        self, commander: Commander, intake: Intake, people: People, clock: BusinessClock, rules: RecordRules
    ) -> None:
        self._commander = commander
        self._intake = intake
        self._people = people
        self._clock = clock
        self._rules = rules

    async def take(self, actor: Actor, records: Sequence[pb.VisitForm]) -> list[Answer]:
        """One answer for each record, in their order; what was taken is committed when this returns.

        Raises peer.away where the registry does not answer: then nothing of the batch was taken.
        """
        answers: list[Answer] = []
        for first in range(0, len(records), AT_ONCE):
            answers += await self._some(actor, records[first : first + AT_ONCE])
            await asyncio.sleep(0)
        return answers

    async def _some(self, actor: Actor, records: Sequence[pb.VisitForm]) -> list[Answer]:
        answers: list[Answer] = []
        told: list[Told] = []
        for number, given in enumerate(records):
            read = read_form(given, self._rules)
            if isinstance(read, Fault):
                answers.append(Answer(number, given.visit_id, REFUSED, read))
            else:
                person_id, form = read
                # The id of a device's record is a cause of its own: whoever sends it again makes the same events.
                told.append(Told(number, person_id, form, f"record|{form.visit_id}"))
        told = await self._people_of(told, answers)
        if told:
            how = Arriving(self._clock.now(), actor, "device")

            async def body(tx: Tx) -> Taken:
                return await self._intake.take(tx, told, how)

            taken: Taken = await self._commander.transaction(body)
            answers += taken.answers
        return sorted(answers, key=lambda one: one.number)

    async def _people_of(self, told: Sequence[Told], answers: list[Answer]) -> list[Told]:
        """Each record under the id by which the person is known now; a merged file leads to the one that stayed."""
        if not told:
            return []
        names = [registry.PersonName(person_id=one.person_id) for one in told]
        found: list[Told] = []
        for one, person_id in zip(told, await self._people.identify(names), strict=True):
            if person_id:
                found.append(Told(one.number, person_id, one.form, one.cause))
            else:
                answers.append(Answer(one.number, one.form.visit_id, REFUSED, NOBODY))
        return found
