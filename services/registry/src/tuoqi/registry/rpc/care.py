"""What the registry answers about guardians and assessments: sealed facts, for a purpose, in one's own regions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date
from typing import Any

import grpc

from tuoqi.contracts.registry.v1 import care_service_pb2 as pb
from tuoqi.contracts.registry.v1 import care_service_pb2_grpc
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.masking import mask_number
from tuoqi.kit.rpc.server import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.registry.domain.assessment import Assessment
from tuoqi.registry.domain.guardianship import KINDS, Guardianship
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.store.assessments import load_assessments
from tuoqi.registry.store.guardianships import guardianships_at
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.seals import KeyRing


class CareServicer(care_service_pb2_grpc.CareServiceServicer):
    """Reads only. Token, right and audit are checked before a method runs."""

    def __init__(self, database: Database, desk: Desk) -> None:
        self._database = database
        self._desk = desk
        self._persons = PersonStore(desk.vault)

    async def ListGuardianships(
        self, request: pb.ListGuardianshipsRequest, context: Any
    ) -> pb.ListGuardianshipsResponse:
        """A child's guardians by what was known at a moment."""
        if request.reveal:
            current_actor().require("reveal")
        on = _date(request.on) if request.on else None
        at = request.known_at.ToDatetime(tzinfo=UTC) if request.HasField("known_at") else self._desk.clock.now()
        ring = self._desk.vault.ring()
        async with self._database.begin() as tx:
            await self._open(tx, request.person_id, ring)
            found = await guardianships_at(tx, request.person_id, at, ring)
        rows = [_guardianship(one, reveal=request.reveal) for one in found if on is None or one.covers(on)]
        return pb.ListGuardianshipsResponse(guardianships=rows)

    async def ListAssessments(self, request: pb.ListAssessmentsRequest, context: Any) -> pb.ListAssessmentsResponse:
        """A person's assessments; none is ever changed, so each stands as it was known from its moment on."""
        ring = self._desk.vault.ring()
        async with self._database.begin() as tx:
            await self._open(tx, request.person_id, ring)
            found = (await load_assessments(tx, [request.person_id], ring)).get(request.person_id, [])
        rows = [self._assessment(one) for one in found if request.scale in ("", one.scale)]
        return pb.ListAssessmentsResponse(assessments=rows)

    async def _open(self, tx: Tx, person_id: str, ring: KeyRing) -> None:
        """The person exists where the caller may act, and a purpose is given. Raises registry.person_unknown."""
        actor = current_actor()
        actor.require_purpose()
        person = (await self._persons.load(tx, [person_id], ring, lock=False)).get(person_id)
        if person is None or not actor.may_act_in(person.region):
            raise TuoqiError("registry.person_unknown")

    def _assessment(self, one: Assessment) -> pb.AssessmentRecord:
        scale = self._desk.policy.scales.get(one.scale)
        items = (item.split("=") for item in one.private["items"].split(";"))
        return pb.AssessmentRecord(
            scale=one.scale,
            scale_name=scale.name if scale else "",
            assessed_on=one.assessed_on.isoformat(),
            score=one.score,
            level=one.level,
            level_by_score=one.private["by_score"],
            changed_by=list(filter(None, one.private["changed_by"].split(";"))),
            level_written=one.private["written"],
            items={code: int(points) for code, points in items},
            assessors=one.private["assessors"],
            known_at=stamp_of(one.known_at),
        )


def _guardianship(one: Guardianship, *, reveal: bool) -> pb.GuardianshipRecord:
    number = one.private.get("guardian_id_number", "")
    return pb.GuardianshipRecord(
        kind=one.kind,
        kind_name=KINDS[one.kind],
        guardian_name=one.private.get("guardian_name", ""),
        guardian_id_number=number if reveal else mask_number(number),
        guardian_person_id=one.guardian_person_id,
        relation=one.private.get("relation", ""),
        began_on=one.began_on.isoformat(),
        ended_on=one.ended_on.isoformat() if one.ended_on else "",
        signed_on=one.signed_on.isoformat() if one.signed_on else "",
        known_at=stamp_of(one.known_at),
    )


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TuoqiError("registry.not_a_day", text=text) from None


def add_care(servicer: CareServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: care_service_pb2_grpc.add_CareServiceServicer_to_server(servicer, server)
