"""A visit as its record tells it 探访记录: what the device wrote down, whole; and whether it counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tuoqi.visits.domain.plan import SUCCESSES, Try, VisitRecord

CHANNELS = {"IN_PERSON": "入户", "PHONE": "电话", "VIDEO": "视频", "ONLINE_MEETING": "线上会议"}
"""Channels of the file contract; each of them counts unless the county says otherwise."""
IN_PERSON = "IN_PERSON"
RESULT_WORDS = {
    "MET": "见到本人",
    "INFORMANT_ONLY": "知情人告知",
    "NOT_FOUND": "未找到",
    "REFUSED": "拒绝",
    "MOVED": "已迁走",
    "DIED": "已去世",
}
BY_CHANNEL, CORRECTED = "channel", "corrected"
NOT_COUNTED = {
    "not_found": "未找到本人",
    "refused": "本人或家人拒绝",
    "moved": "已迁走，待核实",
    "died": "已去世，待核实",
    BY_CHANNEL: "这种方式不计为探访",
    CORRECTED: "已被后来的记录更正",
}
"""Why a visit does not count, by code."""


@dataclass(frozen=True, slots=True)
class AttachmentRef:
    """A photo or signature as the record names it; its bytes come by themselves, before or after."""

    kind: str
    sha256: str
    consent_by: str = ""
    consented_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class VisitForm:
    """The fields of a record. Whatever names people or tells of health or whereabouts is sealed before it is stored.

    `place` is latitude and longitude, rounded to what the county allows. `checklist` holds codes only.
    """

    visit_id: str
    started_at: datetime
    channel: str
    result: str
    visitor_role: str = ""
    findings: tuple[str, ...] = ()
    services: tuple[tuple[str, int], ...] = ()
    visitor: str = ""
    note: str = ""
    ended_at: datetime | None = None
    created_offline: bool = False
    place: tuple[str, str] | None = None
    checklist: tuple[tuple[str, str], ...] = ()
    attachments: tuple[AttachmentRef, ...] = ()
    corrects: str = ""

    @property
    def record(self) -> VisitRecord:
        """What a plan needs of it."""
        return VisitRecord(self.visit_id, self.started_at, self.result)

    def runs_ahead(self, arrived_at: datetime) -> bool:
        """Whether the device's clock was wrong: the visit would lie after its own arrival."""
        return self.started_at > arrived_at

    def runs_behind(self, arrived_at: datetime, days: int) -> bool:
        """Whether the visit lies so far back that the device's clock is to be doubted; it counts on its own day."""
        return self.started_at < arrived_at - timedelta(days=days)


@dataclass(frozen=True, slots=True)
class Corrected:
    """The record that another one corrects, as it was taken: when it counted, and whether it did."""

    visit_id: str
    channel: str
    result: str
    counts_at: datetime
    counted: bool
    tried: bool
    """Whether its channel let it be a try at all."""
    findings: tuple[str, ...] = ()
    """What it told, by code: it need not be told again."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A record that stands in the place of an older one 更正.

    `tries` are the person's last two tries without the older one, by their time; `day_empty` says that no visit
    that counts is left on the older one's day.
    """

    form: VisitForm
    old: Corrected
    tries: tuple[Try, ...] = ()
    day_empty: bool = False


def why_not_counted(result: str, *, channel_counts: bool, corrected: bool = False) -> str:
    """The code of why a visit does not count, empty where it counts. The one place where this is decided."""
    if corrected:
        return CORRECTED
    if not channel_counts:
        return BY_CHANNEL
    return "" if result in SUCCESSES else result.lower()
