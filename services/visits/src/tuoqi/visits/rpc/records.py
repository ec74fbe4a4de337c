"""RecordService: records from devices, shown again; photos and signatures."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from typing import Any, Final

import grpc

from tuoqi.contracts.visits.v1 import record_service_pb2 as pb
from tuoqi.contracts.visits.v1 import record_service_pb2_grpc
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError, meaning_of
from tuoqi.kit.rights import Actor, current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.visits import store
from tuoqi.visits.domain.record_rules import RecordRules
from tuoqi.visits.domain.records import NOT_COUNTED
from tuoqi.visits.jobs.attachments import AttachmentDesk, Head
from tuoqi.visits.jobs.intake import Answer
from tuoqi.visits.jobs.uploads import Uploads
from tuoqi.visits.store.attachments import AttachmentRow, attachments_of
from tuoqi.visits.store.record_lists import chain_of, record_whole, records_of, region_of

PAGE: Final = 100
CHUNK_BYTES: Final = 512 * 1024
_TOKEN: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})~([0-9]{1,18})")


class RecordServicer(record_service_pb2_grpc.RecordServiceServicer):
    """Everything about records ends at the regions of whoever calls."""

    def __init__(
        self, database: Database, uploads: Uploads, desk: AttachmentDesk, seal: store.NoteSeal, rules: RecordRules
    ) -> None:
        self._database = database
        self._uploads = uploads
        self._desk = desk
        self._seal = seal
        self._rules = rules

    async def UploadRecords(
        self, request_iterator: AsyncIterator[pb.UploadRecordsRequest], context: Any
    ) -> AsyncIterator[pb.UploadRecordsResponse]:
        """Batch by batch; each is committed when it is answered."""
        async for request in request_iterator:
            answers = await self._uploads.take(current_actor(), list(request.records))
            yield pb.UploadRecordsResponse(answers=[_answer(one) for one in answers])

    async def ListRecords(self, request: pb.ListRecordsRequest, context: Any) -> pb.ListRecordsResponse:
        """The newest first."""
        page = request.page_size or PAGE
        async with self._database.begin() as tx:
            region = await region_of(tx, request.person_id)
            if region is None:
                raise TuoqiError("visits.person_unknown")
            current_actor().require_region(region)
            rows = await records_of(tx, request.person_id, before=_place(request.page_token), page=page + 1)
        last = rows[page - 1] if len(rows) > page else None
        return pb.ListRecordsResponse(
            records=[_summary(row) for row in rows[:page]],
            next_page_token=f"{last.counts_on}~{last.arrival}" if last is not None else "",
        )

    async def GetRecord(self, request: pb.GetRecordRequest, context: Any) -> pb.GetRecordResponse:
        """One with its chain and attachments."""
        async with self._database.begin() as tx:
            row = await _mine(tx, current_actor(), request.visit_id)
            chain = await chain_of(tx, row.visit_id)
            attachments = await attachments_of(tx, row.visit_id, row.person_id)
        return pb.GetRecordResponse(
            record=_summary(row),
            chain=[_summary(one) for one in chain],
            attachments=[_attachment(one) for one in attachments],
        )

    async def RevealRecord(self, request: pb.RevealRecordRequest, context: Any) -> pb.RevealRecordResponse:
        """What was sealed."""
        actor = current_actor()
        actor.require_purpose()
        async with self._database.begin() as tx:
            row = await _mine(tx, actor, request.visit_id)
        private = self._seal.open(row.person_id, row.sealed)
        answer = pb.RevealRecordResponse(
            visitor=private.visitor,
            note=private.note,
            checklist=[self._check(*one) for one in private.checklist],
            attachments=[
                pb.AttachmentRef(
                    kind=one.kind,
                    sha256=one.sha256,
                    consent_by=one.consent_by,
                    consented_at=stamp_of(one.consented_at) if one.consented_at else None,
                )
                for one in private.attachments
            ],
        )
        if private.place is not None:
            answer.place.latitude, answer.place.longitude = map(float, private.place)
        return answer

    async def PutAttachment(
        self, request_iterator: AsyncIterator[pb.PutAttachmentRequest], context: Any
    ) -> pb.PutAttachmentResponse:
        """The head, then the bytes."""
        first = await anext(aiter(request_iterator), None)
        if first is None or not first.HasField("head"):
            raise TuoqiError("visits.attachment_head")
        kept = await self._desk.put(current_actor(), _head(first.head), _chunks(request_iterator))
        return pb.PutAttachmentResponse(
            attachment_id=kept.attachment_id, here_before=kept.here_before, bytes_cut=kept.bytes_cut
        )

    async def GetAttachment(
        self, request: pb.GetAttachmentRequest, context: Any
    ) -> AsyncIterator[pb.GetAttachmentResponse]:
        """The bytes, opened, in pieces."""
        actor = current_actor()
        actor.require_purpose()
        row = await self._desk.find(actor, request.attachment_id)
        content = await self._desk.content(row)
        for first in range(0, len(content), CHUNK_BYTES):
            chunk = content[first : first + CHUNK_BYTES]
            yield pb.GetAttachmentResponse(media_type="" if first else row.media_type, chunk=chunk)

    async def DeleteAttachment(self, request: pb.DeleteAttachmentRequest, context: Any) -> pb.DeleteAttachmentResponse:
        """Erase the bytes, leave the tombstone."""
        row = await self._desk.erase(current_actor(), request.attachment_id, request.reason)
        return pb.DeleteAttachmentResponse(attachment=_attachment(row))

    def _check(self, code: str, answer: str) -> pb.CheckAnswer:
        check = self._rules.checks.get(code)
        return pb.CheckAnswer(
            check=code,
            name=check.name if check else code,
            head=check.head if check else "",
            answer=answer,
            word=self._rules.answers.get(answer, answer),
        )


async def _mine(tx: Tx, actor: Actor, visit_id: str) -> Any:
    row = await record_whole(tx, visit_id.lower())
    if row is None:
        raise TuoqiError("visits.record_unknown")
    actor.require_region(row.region)
    return row


async def _chunks(requests: AsyncIterator[pb.PutAttachmentRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if not request.HasField("chunk"):
            raise TuoqiError("visits.attachment_head")
        yield request.chunk


def _head(given: pb.AttachmentHead) -> Head:
    return Head(
        visit_id=given.visit_id.lower(),
        person_id=given.person_id.lower(),
        kind=given.kind,
        media_type=given.media_type,
        sha256=given.sha256,
        size=given.size,
        consent_by=given.consent_by,
        consented_at=given.consented_at.ToDatetime(UTC) if given.HasField("consented_at") else None,
    )


def _answer(one: Answer) -> pb.RecordAnswer:
    answer = pb.RecordAnswer(visit_id=one.visit_id, state=one.state, clock_doubted=one.clock_doubted)
    if one.fault is not None:
        answer.slug, answer.field, answer.send_again = one.fault.slug, one.fault.field, one.fault.send_again
        answer.reason = meaning_of(TuoqiError(one.fault.slug, **dict(one.fault.details)))[1]
    return answer


def _summary(row: Any) -> pb.RecordSummary:
    services = (part.rsplit(":", 1) for part in row.services.split(";") if part)
    return pb.RecordSummary(
        visit_id=row.visit_id,
        person_id=row.person_id,
        started_at=stamp_of(row.started_at),
        ended_at=_stamp(row.ended_at),
        arrived_at=stamp_of(row.arrived_at),
        counts_on=row.counts_on.isoformat(),
        counts=row.counts,
        not_counted_because=row.not_counted_because,
        not_counted_reason=NOT_COUNTED.get(row.not_counted_because, row.not_counted_because),
        channel=row.channel,
        result=row.result,
        visitor_role=row.visitor_role,
        findings=[code for code in row.findings.split(";") if code],
        services={kind: int(count) for kind, count in services},
        grade=row.grade,
        plan_number=row.plan_number,
        created_offline=row.created_offline,
        clock_ahead=row.clock_ahead,
        clock_behind=row.clock_behind,
        way=row.way,
        uploaded_by=row.uploaded_by,
        corrects=row.corrects,
        corrected_by=row.corrected_by,
    )


def _attachment(row: AttachmentRow) -> pb.Attachment:
    return pb.Attachment(
        attachment_id=row.attachment_id,
        kind=row.kind,
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        consent_by=row.consent_by,
        consented_at=_stamp(row.consented_at),
        state=row.state,
        put_by=row.put_by,
        put_at=stamp_of(row.put_at),
        deleted_by=row.deleted_by,
        deleted_at=_stamp(row.deleted_at),
    )


def _stamp(moment: datetime | None) -> Any:
    return None if moment is None else stamp_of(moment)


def _place(token: str) -> tuple[date, int] | None:
    if not token:
        return None
    found = _TOKEN.fullmatch(token)
    try:
        return (date.fromisoformat(found[1]), int(found[2])) if found else _bad_page()
    except ValueError:
        return _bad_page()


def _bad_page() -> tuple[date, int]:
    raise TuoqiError("visits.bad_page")


def add_records(
    database: Database, uploads: Uploads, desk: AttachmentDesk, seal: store.NoteSeal, rules: RecordRules
) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = RecordServicer(database, uploads, desk, seal, rules)
    return lambda server: record_service_pb2_grpc.add_RecordServiceServicer_to_server(servicer, server)
