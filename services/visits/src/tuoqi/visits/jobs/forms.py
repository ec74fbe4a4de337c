"""How a record from a device becomes a form, or a fault that says what to mend; nothing here asks a database."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.visits.v1 import record_service_pb2 as pb
from tuoqi.visits.domain.plan import RESULTS
from tuoqi.visits.domain.record_rules import PHOTO, SIGNATURE, RecordRules
from tuoqi.visits.domain.records import IN_PERSON, AttachmentRef, VisitForm
from tuoqi.visits.jobs.sheet import CODE, SERVICE_COUNT_MAX, UUID

CONSENTS: Final = {"self": "本人", "guardian": "监护人"}
VISITOR_MAX, NOTE_MAX, FINDINGS_MAX = 60, 500, 40
_UUID: Final = re.compile(UUID)
_SHA256: Final = re.compile("[0-9a-f]{64}")
_LATITUDE_MAX, _LONGITUDE_MAX = 90, 180
_EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)
_LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one record is refused: a slug with its details, and the field to mend."""

    slug: str
    field: str = ""
    details: tuple[tuple[str, str], ...] = ()
    send_again: bool = False


class _Bad(Exception):
    """A field is not what it should be."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.fault = Fault("visits.record_field", field, (("field", field), ("reason", reason)))


def read_form(given: pb.VisitForm, rules: RecordRules) -> tuple[str, VisitForm] | Fault:
    """Person and form; or the first fault found."""
    try:
        return _uuid(given.person_id, "person_id"), _form(given, rules)
    except _Bad as bad:
        return bad.fault


def _form(given: pb.VisitForm, rules: RecordRules) -> VisitForm:
    visit_id = _uuid(given.visit_id, "visit_id")
    started_at = _moment(given, "started_at")
    if started_at is None:
        raise _Bad("started_at", "须填写开始时间")
    ended_at = _moment(given, "ended_at")
    if ended_at is not None and ended_at < started_at:
        raise _Bad("ended_at", "早于开始时间")
    channel = _one_of(given.channel, "channel", rules.channels)
    corrects = _uuid(given.corrects, "corrects") if given.corrects else ""
    if corrects == visit_id:
        raise _Bad("corrects", "不能更正自己")
    return VisitForm(
        visit_id=visit_id,
        started_at=started_at,
        channel=channel,
        result=_one_of(given.result, "result", RESULTS),
        visitor_role=_one_of(given.visitor_role, "visitor_role", rules.roles) if given.visitor_role else "",
        findings=_codes(given),
        services=_services(given),
        visitor=_text(given.visitor, "visitor", VISITOR_MAX),
        note=_text(given.note, "note", NOTE_MAX),
        ended_at=ended_at,
        created_offline=given.created_offline,
        place=_place(given, rules) if channel == IN_PERSON and given.HasField("place") else None,
        checklist=_checklist(given, rules),
        attachments=_attachments(given, rules),
        corrects=corrects,
    )


def _uuid(text: str, field: str) -> str:
    if not _UUID.fullmatch(text):
        raise _Bad(field, "应为 UUID")
    return text.lower()


def _moment(given: pb.VisitForm | pb.AttachmentRef, field: str) -> datetime | None:
    if not given.HasField(field):  # type: ignore[arg-type]  # the name of a field, checked by the tests
        return None
    stamp: Timestamp = getattr(given, field)
    try:
        moment = stamp.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise _Bad(field, "不是时间") from None
    if not _EARLIEST <= moment < _LATEST:
        raise _Bad(field, "不是时间")
    return moment


def _one_of(text: str, field: str, allowed: Collection[str]) -> str:
    if text not in allowed:
        raise _Bad(field, f"应为：{'、'.join(sorted(allowed))}")
    return text


def _text(text: str, field: str, longest: int) -> str:
    if len(text) > longest:
        raise _Bad(field, f"最多 {longest} 字")
    if "\0" in text:
        raise _Bad(field, "含有无法保存的字符")
    return text.strip()


def _codes(given: pb.VisitForm) -> tuple[str, ...]:
    codes = tuple(dict.fromkeys(given.findings))
    if len(codes) > FINDINGS_MAX or not all(CODE.fullmatch(code) for code in codes):
        raise _Bad("findings", f"应为代码，最多 {FINDINGS_MAX} 项")
    return codes


def _services(given: pb.VisitForm) -> tuple[tuple[str, int], ...]:
    services = tuple(sorted(given.services.items()))
    if not all(CODE.fullmatch(kind) and 0 < count <= SERVICE_COUNT_MAX for kind, count in services):
        raise _Bad("services", f"应为代码和次数，每项 1 至 {SERVICE_COUNT_MAX} 次")
    return services


def _place(given: pb.VisitForm, rules: RecordRules) -> tuple[str, str]:
    latitude, longitude = given.place.latitude, given.place.longitude
    if not (math.isfinite(latitude) and math.isfinite(longitude)):
        raise _Bad("place", "不是位置")
    if abs(latitude) > _LATITUDE_MAX or abs(longitude) > _LONGITUDE_MAX:
        raise _Bad("place", "纬度或经度超出范围")
    # Rounded before anything else sees it: the exact place never leaves this function.
    return f"{latitude:.{rules.place_decimals}f}", f"{longitude:.{rules.place_decimals}f}"


def _checklist(given: pb.VisitForm, rules: RecordRules) -> tuple[tuple[str, str], ...]:
    answers = tuple(sorted(given.checklist.items()))
    for check, answer in answers:
        if check not in rules.checks:
            raise _Bad("checklist", "没有这个检查项目，请更新设备上的表单")
        _one_of(answer, "checklist", rules.answers)
    return answers


def _attachments(given: pb.VisitForm, rules: RecordRules) -> tuple[AttachmentRef, ...]:
    if len(given.attachments) > rules.attachments_max:
        raise _Bad("attachments", f"最多 {rules.attachments_max} 个")
    refs = tuple(dict.fromkeys(_attachment(one) for one in given.attachments))
    return tuple(sorted(refs, key=lambda one: (one.kind, one.sha256)))


def _attachment(one: pb.AttachmentRef) -> AttachmentRef:
    _one_of(one.kind, "attachments", frozenset({PHOTO, SIGNATURE}))
    if not _SHA256.fullmatch(one.sha256):
        raise _Bad("attachments", "摘要应为 SHA-256")
    consented_at = _moment(one, "consented_at")
    if one.kind == PHOTO and (one.consent_by not in CONSENTS or consented_at is None):
        raise _Bad("attachments", "照片须注明由谁（本人或监护人）何时同意")
    if one.kind == SIGNATURE:
        return AttachmentRef(SIGNATURE, one.sha256)
    return AttachmentRef(PHOTO, one.sha256, one.consent_by, consented_at)
