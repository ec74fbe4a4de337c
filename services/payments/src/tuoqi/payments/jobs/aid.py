"""One-off aid: applied for, decided, taken back. A grant and the decision behind it are one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol

from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.kit.commands import Call
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.payments.domain.aid import PAID, AidFile, Application, Decider, Granted, Person
from tuoqi.payments.domain.aid_decisions import grant, receive_papers, refuse, void
from tuoqi.payments.domain.aid_policy import AidPolicy
from tuoqi.payments.domain.aid_walls import check_application, check_once
from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.months import Month, day_of
from tuoqi.payments.handlers.aid import AID_ACTS, Apply, Settle, TakeBack
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store.aid import AidFileStore, find_request, read_applications, read_people
from tuoqi.payments.store.cycles import lock_money
from tuoqi.payments.store.grants import add_grants, moment_of_grants, read_granted, void_grants

COUNTY_RIGHT = "aid.decide_county"
"""Who has it decides for the county, within the county's ceiling."""


class Names(Protocol):
    """What aid asks of the registry, with the caller's rights."""

    async def describe(self, person_ids: Sequence[str], *, reveal: bool) -> dict[str, registry.PersonDescription]:
        """Names and regions of people; who lives outside the caller's regions is like somebody unknown."""
        ...

    async def identify(self, names: Sequence[registry.PersonName]) -> list[str]:
        """The person ids of those whom a file names; empty where nobody fits."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """An application as somebody asks for it."""

    key: str
    person_id: str
    programme: str
    type: str = ""
    items: tuple[str, ...] = ()
    amount_fen: int = 0
    applied_on: date | None = None
    remark: str = ""

    @property
    def content_hash(self) -> str:
        """What two requests of one key must share; the key itself aside."""
        parts = (self.person_id, self.programme, self.type, *self.items, self.amount_fen, self.applied_on, self.remark)
        return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()


class AidDesk:
    """The acts on applications. Each checks the caller's regions, and the walls under the lock of the person's file."""

    def __init__(self, tools: Tools, policy: AidPolicy, names: Names) -> None:
        self.tools = tools
        self.policy = policy
        self.names = names
        self._files = AidFileStore()

    async def apply(self, request: Request, actor: Actor) -> Application:
        """Record an application; one of the same key and content is answered as it stands.

        Raises payments.aid_key_reused, payments.aid_person_unknown, and the walls of `domain.aid`.
        """
        regions = await self.regions_of([request.person_id])

        async def body(tx: Tx) -> Application:
            before = await find_request(tx, actor.user, request.key)
            if before is not None:
                if before.request_hash != request.content_hash:
                    raise PaymentsError("payments.aid_key_reused")
                return before
            people = await read_people(tx, [request.person_id])
            files = await self._files.load(tx, [request.person_id])
            granted = await read_granted(tx, [request.person_id], request.programme)
            given = self.judge(
                request,
                actor,
                region=regions.get(request.person_id, ""),
                person=people.get(request.person_id),
                file=files.get(request.person_id) or AidFile(request.person_id),
                granted=granted.get(request.person_id, ()),
            )
            call = self.call(given.person_id, Apply(given), by=actor.user, cause=f"apply|{given.application_id}")
            await self.tools.commander.within(tx, AidFile, [call])
            return given

        applied: Application = await self.tools.commander.transaction(body)
        return applied

    def judge(
        self,
        request: Request,
        actor: Actor,
        *,
        region: str,
        person: Person | None,
        file: AidFile,
        granted: Sequence[Granted],
    ) -> Application:
        """The application that a request makes, if it passes the walls. Raises a PaymentsError that names one."""
        now = self.tools.clock.now()
        if person is None or not region or not actor.may_act_in(region):
            raise PaymentsError("payments.aid_person_unknown")
        programme = self.policy.programme(request.programme)
        today = day_of(now)
        applied_on = request.applied_on or today
        if applied_on > today:
            raise PaymentsError("payments.aid_day_ahead", day=applied_on)
        given = Application(
            application_id=self.tools.ids(now, f"aid|{actor.user}|{request.key}", 0),
            person_id=request.person_id,
            programme=request.programme,
            type=request.type,
            items=request.items,
            amount_fen=request.amount_fen,
            region=region,
            applied_by=actor.user,
            applied_on=applied_on,
            request_key=request.key,
            request_hash=request.content_hash,
            remark=request.remark,
        )
        given = check_application(programme, given, person)
        check_once(programme, given, file, granted)
        return given

    async def decide(
        self,
        application_ids: Sequence[str],
        actor: Actor,
        *,
        granting: bool,
        amount_fen: int = 0,
        papers_later: bool = False,
        reason: str = "",
    ) -> list[Application]:
        """Grant or refuse applications, all or none; in the order asked for."""
        if amount_fen and len(application_ids) > 1:
            raise PaymentsError("payments.aid_one_amount")

        async def body(tx: Tx) -> list[Application]:
            await lock_money(tx)
            at = await moment_of_grants(tx, self.tools.clock.now())
            files = await self._lock_files(tx, application_ids, actor)
            granted = await self._granted(tx, files)
            decided, calls = [], []
            for application_id in application_ids:
                given = _within(files, application_id)
                if granting:
                    sum_fen = amount_fen or given.amount_fen
                    after = self._grant(files, granted, given, actor, sum_fen, at, papers_later=papers_later)
                else:
                    after = refuse(given, self._decider(actor), reason=reason, at=at)
                after = replace(after, rule_version=self.tools.policy_version, reason=reason)
                files[after.person_id] = files[after.person_id].put(after)
                if after.state in PAID:
                    granted.setdefault((after.programme, after.person_id), []).append(_grant_of(after))
                calls.append(self._settling(after, actor, given.state))
                decided.append(after)
            await self.tools.commander.within(tx, AidFile, calls)
            await add_grants(tx, [(one.person_id, _grant_of(one)) for one in decided if one.state in PAID], at)
            return decided

        after: list[Application] = await self.tools.commander.transaction(body)
        return after

    async def _granted(self, tx: Tx, files: Mapping[str, AidFile]) -> dict[tuple[str, str], list[Granted]]:
        """What the people of these files were granted, by programme and person."""
        programmes = sorted({one.programme for file in files.values() for one in file.applications})
        return {
            (key, person_id): grants
            for key in programmes
            for person_id, grants in (await read_granted(tx, sorted(files), key)).items()
        }

    def _grant(
        self,
        files: Mapping[str, AidFile],
        granted: Mapping[tuple[str, str], Sequence[Granted]],
        given: Application,
        actor: Actor,
        amount_fen: int,
        at: datetime,
        *,
        papers_later: bool,
    ) -> Application:
        programme = self.policy.programme(given.programme)
        own = granted.get((given.programme, given.person_id), ())
        check_once(programme, given, files[given.person_id], own, against=PAID)
        return grant(
            programme,
            given,
            self._decider(actor),
            amount_fen=amount_fen,
            papers_later=papers_later,
            granted=own,
            at=at,
            today=day_of(self.tools.clock.now()),
        )

    async def receive_papers(self, application_id: str, actor: Actor) -> Application:
        """The papers of an emergency grant have come."""

        async def body(tx: Tx) -> Application:
            given = _within(await self._lock_files(tx, [application_id], actor), application_id)
            after = receive_papers(given)
            await self.tools.commander.within(tx, AidFile, [self._settling(after, actor, given.state)])
            return after

        after: Application = await self.tools.commander.transaction(body)
        return after

    async def void(self, application_id: str, actor: Actor, reason: str) -> Application:
        """Take an application back; what was paid on it is recovered by the next cycle."""

        async def body(tx: Tx) -> Application:
            await lock_money(tx)
            given = _within(await self._lock_files(tx, [application_id], actor), application_id)
            after = void(given, self._decider(actor), reason=reason)
            call = self.call(after.person_id, TakeBack(after), by=actor.user, cause=f"void|{application_id}")
            await self.tools.commander.within(tx, AidFile, [call])
            await void_grants(tx, [application_id], await moment_of_grants(tx, self.tools.clock.now()))
            return after

        after: Application = await self.tools.commander.transaction(body)
        return after

    async def regions_of(self, person_ids: Sequence[str]) -> dict[str, str]:
        """Where people live, as the registry tells this caller; who lives elsewhere is missing."""
        found = await self.names.describe(sorted(set(person_ids)), reveal=False)
        return {one.person_id: one.region for one in found.values() if one.region}

    def call(self, person_id: str, command: object, *, by: str, cause: str) -> Call:
        """An act on a person's aid."""
        return Call(
            key=person_id,
            handler=AID_ACTS[type(command)],
            message=command,
            cause=cause,
            at=self.tools.clock.now(),
            actor=by,
        )

    async def _lock_files(self, tx: Tx, application_ids: Iterable[str], actor: Actor) -> dict[str, AidFile]:
        """The files of applications, locked. Raises payments.aid_unknown, also for those of other regions."""
        found = await read_applications(tx, list(application_ids))
        if any(one not in found or not actor.may_act_in(found[one].region) for one in application_ids):
            raise TuoqiError("payments.aid_unknown")
        return await self._files.load(tx, sorted({one.person_id for one in found.values()}))

    def _settling(self, after: Application, actor: Actor, before: str) -> Call:
        cause = f"settle|{after.application_id}|{before}|{len(after.decided_by)}|{actor.user}"
        return self.call(after.person_id, Settle(after), by=actor.user, cause=cause)

    def _decider(self, actor: Actor) -> Decider:
        county = actor.has(COUNTY_RIGHT) and actor.may_act_in(self.tools.policy.county)
        return Decider(actor.user, county=county)


def _within(files: Mapping[str, AidFile], application_id: str) -> Application:
    for file in files.values():
        for one in file.applications:
            if one.application_id == application_id:
                return one
    raise TuoqiError("payments.aid_unknown")


def _grant_of(one: Application) -> Granted:
    return Granted(one.application_id, one.programme, Month.parse(one.benefit_month), one.granted_fen)
