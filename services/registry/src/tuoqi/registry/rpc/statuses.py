"""What the registry answers about statuses: decisions taken in, and what was true when by what was known when."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.registry.v1 import status_pb2, status_service_pb2_grpc
from tuoqi.contracts.registry.v1 import status_service_pb2 as pb
from tuoqi.kit.clock import county_day
from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.server import current_actor
from tuoqi.kit.stamps import moment_of, stamp_of
from tuoqi.registry.domain.care import CareFacts
from tuoqi.registry.domain.decision import Draft
from tuoqi.registry.domain.life import completed_years
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.status import in_force
from tuoqi.registry.handlers import person_facts, status_event
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.decisions import Decisions
from tuoqi.registry.store import known
from tuoqi.registry.store.decisions import Decision, load_decisions
from tuoqi.registry.store.fences import begin_fence
from tuoqi.registry.store.known import KnownPerson, KnownRow
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.seals import KeyRing

ADULT: Final = 18
STILL_WRITING: Final = timedelta(minutes=10)
"""A snapshot of a moment so near waits for whoever may still write facts known by then."""
NO_DECISION: Final = Decision("", "", "", 0)


class StatusServicer(status_service_pb2_grpc.StatusServiceServicer):
    """Answers for status intervals. Token, right and audit are checked before a method runs."""

    def __init__(self, database: Database, desk: Desk, commander: Commander) -> None:
        self._database = database
        self._desk = desk
        self._commander = commander
        self._decisions = Decisions(desk)
        self._persons = PersonStore(desk.vault)

    async def RecordDecision(self, request: pb.RecordDecisionRequest, context: Any) -> pb.RecordDecisionResponse:
        """Open, change or end one interval."""
        work = partial(
            self._decisions.record,
            actor=current_actor(),
            person_id=request.person_id,
            draft=_draft(request),
            interval_id=request.interval_id,
            seen_version=request.seen_version,
        )
        made = await self._commander.transaction(work)
        return pb.RecordDecisionResponse(
            interval_id=made.interval_id,
            decision_id=made.decision_id,
            posting_days=made.posting_days,
            status_version=made.status_version,
        )

    async def RecordHearing(self, request: pb.RecordHearingRequest, context: Any) -> pb.RecordHearingResponse:
        """Note that the person was heard."""
        work = partial(
            self._decisions.hear,
            actor=current_actor(),
            person_id=request.person_id,
            interval_id=request.interval_id,
            held_on=_day(request.held_on),
            said=request.said,
        )
        return pb.RecordHearingResponse(hearing_id=await self._commander.transaction(work))

    async def ListStatuses(self, request: pb.ListStatusesRequest, context: Any) -> pb.ListStatusesResponse:
        """The person and the intervals on a day, by what was known at a moment."""
        actor, now = current_actor(), self._desk.clock.now()
        at = moment_of(request.known_at) if request.HasField("known_at") else now
        day = _day(request.true_on) or county_day(now)
        ring = self._desk.vault.ring()
        async with self._database.begin() as tx:
            person = await self._readable(tx, actor, request.person_id, ring, reveal=request.reveal)
            then = (await known.persons_at(tx, [person.person_id], at, ring)).get(person.person_id)
            rows = (await known.intervals_at(tx, [person.person_id], at, ring)).get(person.person_id, [])
            decisions = await load_decisions(tx, person.person_id, ring)
        counting = in_force([row.interval for row in rows], day)
        rows.sort(key=lambda row: row.interval.interval_id not in counting)
        return pb.ListStatusesResponse(
            true_on=day.isoformat(),
            known_at=stamp_of(at),
            person=_on_day(then, day) if then else None,
            intervals=[
                _row(row, decisions, in_force=row.interval.interval_id in counting, reveal=request.reveal)
                for row in rows
            ],
            status_version=person.status_version,
        )

    async def ListHistory(self, request: pb.ListHistoryRequest, context: Any) -> pb.ListHistoryResponse:
        """Every row and every version that was ever in force."""
        ring = self._desk.vault.ring()
        async with self._database.begin() as tx:
            person = await self._readable(tx, current_actor(), request.person_id, ring, reveal=request.reveal)
            rows = await known.all_rows(tx, person.person_id, ring)
            versions = await known.all_versions(tx, person.person_id, ring)
            decisions = await load_decisions(tx, person.person_id, ring)
        return pb.ListHistoryResponse(
            rows=[_row(row, decisions, in_force=False, reveal=request.reveal) for row in rows],
            persons=[_on_day(one, county_day(one.known_at)) for one in versions],
        )

    async def GetSnapshot(self, request: pb.GetSnapshotRequest, context: Any) -> pb.GetSnapshotResponse:
        """The facts of people as known at a moment that has passed."""
        actor, at, now = current_actor(), moment_of(request.known_at), self._desk.clock.now()
        if request.with_names:
            actor.require("reveal")
        if at > now:
            raise TuoqiError("registry.moment_in_future", moment=at.isoformat(), now=now.isoformat())
        if now - at < STILL_WRITING:
            async with self._database.begin() as tx:
                await begin_fence(tx)
        ring = self._desk.vault.ring()
        async with self._database.begin() as tx:
            persons = await known.persons_at(tx, request.person_ids, at, ring)
            seen = {one: version for one, version in persons.items() if actor.may_act_in(version.person.region)}
            if request.with_names or any(_is_child(one.person, now) for one in seen.values()):
                _require_purpose(actor)
            intervals = await known.intervals_at(tx, seen.keys(), at, ring)
            stays = await known.stays_at(tx, seen.keys(), at)
            assessments = await known.assessments_at(tx, seen.keys(), at, ring)
        found = []
        for person_id in request.person_ids:
            if person_id not in seen:
                found.append(_snapshot(person_id, None, CareFacts(), with_name=False))
                continue
            facts = CareFacts(
                tuple(row.interval for row in intervals.get(person_id, ())),
                tuple(stays.get(person_id, ())),
                tuple(assessments.get(person_id, ())),
            )
            found.append(_snapshot(person_id, seen[person_id].person, facts, with_name=request.with_names))
        total = hashlib.sha256("".join(one.content_hash for one in found).encode()).hexdigest()
        return pb.GetSnapshotResponse(persons=found, content_hash=total)

    async def ListCategories(self, request: pb.ListCategoriesRequest, context: Any) -> pb.ListCategoriesResponse:
        """The county's categories."""
        return pb.ListCategoriesResponse(
            categories=[
                pb.CategoryRules(
                    key=one.key,
                    name=one.name,
                    subtypes={code: words[0] for code, words in one.subtypes.items()},
                    levels={code: words[0] for code, words in one.levels.items()},
                    required=sorted(one.required),
                    has_amount=one.has_amount,
                    opening_reasons={code: words[0] for code, words in one.opens.items()},
                    ending_reasons={code: words[0] for code, words in one.ends.items()},
                    hearing=one.hearing,
                    unheard_reasons=sorted(one.unheard),
                    posting_days=one.posting_days,
                )
                for one in self._desk.policy.categories.values()
                if one.sealed_as is None
            ]
        )

    async def _readable(self, tx: Tx, actor: Actor, person_id: str, ring: KeyRing, *, reveal: bool) -> Person:
        """The person as known now, if the caller may read of him. Raises registry.person_unknown and auth slugs."""
        if reveal:
            actor.require("reveal")
            actor.require_purpose()
        found = (await self._persons.load(tx, [person_id], ring, lock=False)).get(person_id)
        if found is None or not actor.may_act_in(found.region):
            raise TuoqiError("registry.person_unknown")
        if _is_child(found, self._desk.clock.now()):
            _require_purpose(actor)
        return found


def _require_purpose(actor: Actor) -> None:
    """A service reads on its own behalf, for the one purpose it has."""
    if not actor.service:
        actor.require_purpose()


def _is_child(person: Person, now: datetime) -> bool:
    return completed_years(person.birth_date, county_day(now)) < ADULT


def _draft(request: pb.RecordDecisionRequest) -> Draft:
    paper = request.decision
    content = paper.particulars
    return Draft(
        action=request.action,
        reason=content.reason,
        category=content.category,
        subtype=content.subtype,
        level=content.level,
        amount_fen=content.amount_fen,
        applied_on=_day(paper.applied_on),
        decided_on=_day(paper.decided_on),
        ended_on=_day(paper.ended_on),
        valid_until=_day(paper.valid_until),
        decision_no=content.decision_no,
        evidence=content.evidence,
        decider=content.decider,
    )


def _on_day(known_person: KnownPerson, day: date) -> pb.PersonOnDay:
    person = known_person.person
    since = [one for one in person.hukou if one.known_on <= day] or [person.hukou[0]]
    return pb.PersonOnDay(
        facts=person_facts(person),
        age=max(0, completed_years(person.birth_date, day)),
        hukou_region=since[-1].region,
        alive=person.birth_date <= day and (person.died_on is None or person.died_on >= day),
        away=any(
            one.moved_out_on <= day and (one.returned_on is None or day < one.returned_on) for one in person.absences
        ),
        known_at=stamp_of(known_person.known_at),
        superseded_at=stamp_of(known_person.superseded_at),
    )


def _row(
    row: KnownRow, decisions: dict[tuple[str, int], Decision], *, in_force: bool, reveal: bool
) -> pb.KnownInterval:
    interval = row.interval
    decision = decisions.get((interval.interval_id, interval.loaded_order))
    (told,) = _told(CareFacts(intervals=(interval,))).intervals
    return pb.KnownInterval(
        interval=told,
        in_force=in_force,
        voided=interval.is_void,
        known_at=stamp_of(row.known_at),
        superseded_at=stamp_of(row.superseded_at),
        loaded_by=row.loaded_by,
        decision=_note(decision, reveal=reveal) if decision else None,
        decision_no=interval.decision_no if reveal else "",
        end_reason=interval.end_reason if reveal else "",
    )


def _note(decision: Decision, *, reveal: bool) -> pb.DecisionNote:
    return pb.DecisionNote(
        decision_id=decision.decision_id,
        action=decision.action,
        hearing_id=decision.hearing_id,
        heard_on=decision.heard_on.isoformat() if decision.heard_on else "",
        **(decision.private if reveal else {}),
    )


def _snapshot(person_id: str, person: Person | None, facts: CareFacts, *, with_name: bool) -> pb.PersonSnapshot:
    told = _told(facts)
    snapshot = pb.PersonSnapshot(
        person_id=person_id,
        facts=person_facts(person) if person else None,
        intervals=told.intervals,
        stays=told.stays,
        assessments=told.assessments,
    )
    snapshot.content_hash = hashlib.sha256(snapshot.SerializeToString(deterministic=True)).hexdigest()
    if person is not None and with_name:
        snapshot.name = person.private.get("name", "")
    return snapshot


def _told(facts: CareFacts) -> status_pb2.PersonStatusChanged:
    """The facts in the words of the event that tells them: nothing sealed passes here."""
    event = status_event("", facts, Timestamp())
    if not isinstance(event, status_pb2.PersonStatusChanged):
        raise TypeError("statuses are told by PersonStatusChanged")
    return event


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise TuoqiError("request.invalid", problem=f"没有 {text} 这一天。") from error


def add_statuses(servicer: StatusServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: status_service_pb2_grpc.add_StatusServiceServicer_to_server(servicer, server)
