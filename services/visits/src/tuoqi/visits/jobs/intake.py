"""How records are taken 收录, whichever way they come: each id once, each record a moment of its own, in their order.

Everything of one call is one transaction: records, plans, extra tasks, findings, events. A record that is refused
changes nothing and holds up nobody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Tx
from tuoqi.kit.rights import Actor
from tuoqi.visits import store
from tuoqi.visits.domain.days import age_on, day_of
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.findings import FindingRules
from tuoqi.visits.domain.record_rules import RecordRules
from tuoqi.visits.domain.records import Corrected, Correction, VisitForm, why_not_counted
from tuoqi.visits.handlers.records import on_visit_arrived, on_visit_corrected
from tuoqi.visits.jobs.forms import Fault
from tuoqi.visits.jobs.referrals import Arrival, follow_records
from tuoqi.visits.store.referrals import findings_told

AT_ONCE: Final = 100
"""Records between two breaths: whoever else waits has his turn within some 50 ms."""


class State(StrEnum):
    """What became of a record."""

    TAKEN = "TAKEN"
    HERE = "HERE"  # it was here before, with the same content
    REFUSED = "REFUSED"


TAKEN, HERE, REFUSED = State.TAKEN, State.HERE, State.REFUSED


@dataclass(frozen=True, slots=True)
class Told:
    """One record whose person is known; `cause` names what told it, so that a repetition makes the same ids."""

    number: int
    person_id: str
    form: VisitForm
    cause: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one record."""

    number: int
    visit_id: str
    state: State
    fault: Fault | None = None
    clock_doubted: bool = False


@dataclass(frozen=True, slots=True)
class Arriving:
    """The circumstances of one call."""

    at: datetime
    actor: Actor
    way: Literal["file", "device"]


@dataclass(slots=True)
class Taken:
    """What a call did: one answer for each record, in their order, and how many events that made."""

    answers: list[Answer] = field(default_factory=list)
    events: int = 0


class Intake:
    """Takes records that were read already."""

    def __init__(self, commander: Commander, seal: store.NoteSeal, findings: FindingRules, rules: RecordRules) -> None:
        self._commander = commander
        self._seal = seal
        self._findings = findings
        self._rules = rules

    async def take(self, tx: Tx, told: Sequence[Told], how: Arriving) -> Taken:
        """Take records in their order. Runs again where it loses a race."""
        known = await store.known_people(tx, [one.person_id for one in told])
        standing = await store.standing_records(tx, {one.form.visit_id for one in told})
        here = {visit_id: (one.person_id, one.digest) for visit_id, one in standing.items()}
        work = _Work(self, tx, how, known, here)
        for one in told:
            await work.take(one)
        await work.flush()
        return Taken(sorted(work.answers, key=lambda one: one.number), work.events)

    async def write(
        self, tx: Tx, told: Sequence[Told], how: Arriving, corrections: Mapping[str, Correction]
    ) -> dict[str, VisitFile]:
        """Write records that were checked, with all that follows from them; the people's files afterwards."""
        files: dict[str, VisitFile] = await self._commander.within(
            tx, VisitFile, [_call(one, how, corrections.get(one.form.visit_id)) for one in told]
        )
        records = [self._new(one, files[one.person_id], how) for one in told]
        circumstances = store.Circumstances(how.at, how.way, self._rules.clock_behind_days)
        await store.record_visits(tx, records, circumstances, self._seal)
        return files

    async def follow(self, tx: Tx, told: Sequence[Told], how: Arriving, files: Mapping[str, VisitFile]) -> int:
        """Referrals and services; how many events that made."""
        arrivals = [Arrival(one.person_id, one.form, how.actor.user, one.form.corrects) for one in told]
        return await follow_records(tx, self._commander, arrivals, files, self._findings, how.at)

    def digest(self, one: Told) -> bytes:
        """Equal for equal content."""
        return self._seal.digest(one.person_id, one.form)

    async def correction(self, tx: Tx, one: Told) -> Correction | Fault:
        """What the record corrects, as it stands; or why it cannot."""
        form = one.form
        old = (await store.standing_records(tx, {form.corrects})).get(form.corrects)
        if old is None:
            return Fault("visits.corrects_unknown", "corrects", send_again=True)
        if old.person_id != one.person_id:
            return Fault("visits.corrects_other_person", "corrects")
        if old.corrected_by:
            return Fault("visits.corrected_already", "corrects", (("by", old.corrected_by),))
        channels = {code: channel.counts for code, channel in self._rules.channels.items()}
        corrected = Corrected(
            visit_id=old.visit_id,
            channel=old.channel,
            result=old.result,
            counts_at=min(old.started_at, old.arrived_at),
            counted=old.counts,
            tried=self._rules.channel_counts(old.channel),
            findings=await findings_told(tx, old.visit_id),
        )
        return Correction(
            form=form,
            old=corrected,
            tries=await store.last_tries(tx, one.person_id, without=old.visit_id, channels=channels),
            day_empty=await store.day_is_empty(tx, one.person_id, old.counts_on, without=old.visit_id),
        )

    def misfit(self, one: Told, person: store.KnownPerson | None, actor: Actor) -> Fault | None:
        """Why the record does not fit its person, or whoever uploads it."""
        if not actor.may_act_in(person.region if person else ""):
            return Fault("visits.record_region", "person_id")
        if person is None or person.birth_date is None:
            return None
        day = day_of(one.form.started_at)
        if day < person.birth_date:
            return Fault("visits.record_before_birth", "started_at")
        group = self._rules.group_of(age_on(person.birth_date, day))
        for check, _ in one.form.checklist:
            groups = self._rules.checks[check].groups
            if groups and group not in groups:
                name = self._rules.checks[check].name
                return Fault(
                    "visits.record_field", "checklist", (("field", "checklist"), ("reason", f"“{name}”不适用于此人"))
                )
        return None

    def doubted(self, form: VisitForm, at: datetime) -> bool:
        """Whether the device's clock is to be doubted."""
        return form.runs_ahead(at) or form.runs_behind(at, self._rules.clock_behind_days)

    def _new(self, one: Told, file: VisitFile, how: Arriving) -> store.NewRecord:
        plan = file.plan
        runs = plan is not None and plan.grade is not None
        channel_counts = self._rules.channel_counts(one.form.channel)
        return store.NewRecord(
            person_id=one.person_id,
            form=one.form,
            uploaded_by=how.actor.user,
            grade=(plan.grade or "") if plan else "",
            plan_number=plan.number if plan and runs else 0,
            not_counted_because=why_not_counted(one.form.result, channel_counts=channel_counts),
        )


class _Work:
    """One call under way: plain records wait in a run, which is written when it is long, or before a correction."""

    def __init__(
        self,
        intake: Intake,
        tx: Tx,
        how: Arriving,
        known: Mapping[str, store.KnownPerson],
        here: dict[str, tuple[str, bytes | None]],
    ) -> None:
        self._intake = intake
        self._tx = tx
        self._how = how
        self._known = known
        self._here = here
        self._versions = {person_id: person.version for person_id, person in known.items()}
        self._run: list[Told] = []
        self.answers: list[Answer] = []
        self.events = 0

    async def take(self, one: Told) -> None:
        """Decide on one record, and write it sooner or later."""
        visit_id = one.form.visit_id
        fault = self._intake.misfit(one, self._known.get(one.person_id), self._how.actor)
        if fault is not None:
            self._answer(one, REFUSED, fault)
        elif visit_id in self._here:
            person_id, digest = self._here[visit_id]
            same = person_id == one.person_id and digest in {None, self._intake.digest(one)}
            self._answer(one, HERE if same else REFUSED, None if same else Fault("visits.record_differs", "visit_id"))
        elif one.form.corrects:
            await self.flush()
            await self._correct(one)
        else:
            self._accept(one)
            if len(self._run) == AT_ONCE:
                await self.flush()
                await asyncio.sleep(0)

    async def flush(self) -> None:
        """Write the run."""
        run, self._run = self._run, []
        if run:
            await self._write(run, {})

    async def _correct(self, one: Told) -> None:
        found = await self._intake.correction(self._tx, one)
        if isinstance(found, Fault):
            self._answer(one, REFUSED, found)
            return
        await store.mark_corrected(self._tx, found.old.visit_id, one.form.visit_id)
        self._accept(one)
        self._run.clear()
        await self._write([one], {one.form.visit_id: found})

    def _accept(self, one: Told) -> None:
        self._here[one.form.visit_id] = (one.person_id, self._intake.digest(one))
        self._run.append(one)
        self._answer(one, TAKEN, None)

    async def _write(self, run: Sequence[Told], corrections: Mapping[str, Correction]) -> None:
        files = await self._intake.write(self._tx, run, self._how, corrections)
        self.events += await self._intake.follow(self._tx, run, self._how, files)
        for person_id, file in files.items():
            self.events += file.version - self._versions.get(person_id, 0)
            self._versions[person_id] = file.version

    def _answer(self, one: Told, state: State, fault: Fault | None) -> None:
        doubted = state != REFUSED and self._intake.doubted(one.form, self._how.at)
        self.answers.append(Answer(one.number, one.form.visit_id, state, fault, doubted))


def _call(one: Told, how: Arriving, correction: Correction | None) -> Call:
    return Call(
        key=one.person_id,
        handler=on_visit_arrived if correction is None else on_visit_corrected,
        message=one.form if correction is None else correction,
        cause=one.cause,
        at=how.at,
        actor=how.actor.user,
    )
