"""A visit as its record tells it 探访记录: what the device wrote down, whole."""

from dataclasses import dataclass
from datetime import datetime

from tuoqi.visits.domain.plan import VisitRecord

CHANNELS = {"IN_PERSON": "入户", "PHONE": "电话", "VIDEO": "视频", "ONLINE_MEETING": "线上会议"}
RESULT_WORDS = {
    "MET": "见到本人",
    "INFORMANT_ONLY": "知情人告知",
    "NOT_FOUND": "未找到",
    "REFUSED": "拒绝",
    "MOVED": "已迁走",
    "DIED": "已去世",
}


@dataclass(frozen=True, slots=True)
class VisitForm:
    """The fields of a record. `visitor` and `note` name people: they are sealed before they are stored."""

    visit_id: str
    started_at: datetime
    channel: str
    result: str
    visitor_role: str = ""
    findings: tuple[str, ...] = ()
    services: tuple[tuple[str, int], ...] = ()
    visitor: str = ""
    note: str = ""

    @property
    def record(self) -> VisitRecord:
        """What a plan needs of it."""
        return VisitRecord(self.visit_id, self.started_at, self.result)

    def runs_ahead(self, arrived_at: datetime) -> bool:
        """Whether the device's clock was wrong: the visit would lie after its own arrival."""
        return self.started_at > arrived_at
