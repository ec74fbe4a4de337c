"""The columns of visits files, and how a row becomes a form; nothing here asks a database."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.kit.tables import CLEAR, Column, ParsedRow, Problem
from tuoqi.visits.domain.plan import RESULTS
from tuoqi.visits.domain.record_rules import ROLES
from tuoqi.visits.domain.records import CHANNELS, RESULT_WORDS, VisitForm

UUID: Final = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
UUID_ZH: Final = "应为 UUID，如 389482fa-2732-44a7-98eb-b7be287707ae"

VISIT_COLUMNS: Final = (
    Column("visit_id", "记录编号", required=True, pattern=UUID, pattern_zh=UUID_ZH),
    Column("id_number", "证件号码", masked=True, max_length=30),
    Column("temp_id", "临时编号", masked=True, max_length=60),
    Column("person_id", "人员编号", pattern=UUID, pattern_zh=UUID_ZH),
    Column("started_at", "时间", "datetime", required=True),
    Column("channel", "方式", "code", required=True, choices=CHANNELS),
    Column("visitor", "探访人", max_length=60),
    Column("visitor_role", "角色", "code", choices=ROLES),
    Column("result", "结果", "code", required=True, choices={code: RESULT_WORDS[code] for code in sorted(RESULTS)}),
    Column("findings", "发现", max_length=400),
    Column("services", "服务", max_length=400),
    Column("note", "备注", max_length=500),
)
BY_KEY: Final = {column.key: column for column in VISIT_COLUMNS}
SERVICE_COUNT_MAX: Final = 100
"""No visit gives one service more often than this; more is a slip of the pen."""

# Codes travel in events and stand unsealed, so nothing that could be a name or a number passes.
CODE: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}[0-9]{0,3}")
_SERVICE: Final = re.compile(rf"({CODE.pattern}):([0-9]{{1,3}})")
NAMES: Final[dict[str, Callable[[str], registry.PersonName]]] = {
    "id_number": lambda value: registry.PersonName(id_number=value),
    "temp_id": lambda value: registry.PersonName(temp_id=value),
    "person_id": lambda value: registry.PersonName(person_id=value.lower()),
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One good row: its number, the form, and how it names the person (column, value)."""

    number: int
    form: VisitForm
    names: tuple[tuple[str, str], ...]


def read_row(row: ParsedRow) -> Sheet | Problem:
    """The row as a form. A cell that says 清空 is an empty one: a record is never mended by a later row."""
    values = {key: None if value is CLEAR else value for key, value in row.values.items()}
    names = tuple((key, str(values[key])) for key in NAMES if values[key])
    if not names:
        return BY_KEY["id_number"].problem(row.number, "", "证件号码、临时编号、人员编号三者须填其一。")
    findings = _codes(values["findings"])
    if findings is None:
        return BY_KEY["findings"].problem(row.number, str(values["findings"]), "应为代码，用分号隔开。")
    services = _services(values["services"])
    if services is None:
        reason = f"应写作“代码:次数”，用分号隔开，如 meal:1;bath:1，每项 1 至 {SERVICE_COUNT_MAX} 次。"
        return BY_KEY["services"].problem(row.number, str(values["services"]), reason)
    form = VisitForm(
        visit_id=str(values["visit_id"]).lower(),
        started_at=_moment(values["started_at"]),
        channel=str(values["channel"]),
        result=str(values["result"]),
        visitor_role=str(values["visitor_role"] or ""),
        findings=findings,
        services=services,
        visitor=str(values["visitor"] or ""),
        note=str(values["note"] or ""),
    )
    return Sheet(row.number, form, names)


def _parts(cell: Any) -> list[str]:
    plain = unicodedata.normalize("NFKC", str(cell or ""))
    return [part.strip() for part in plain.split(";") if part.strip()]


def _codes(cell: Any) -> tuple[str, ...] | None:
    parts = _parts(cell)
    return tuple(dict.fromkeys(parts)) if all(CODE.fullmatch(part) for part in parts) else None


def _services(cell: Any) -> tuple[tuple[str, int], ...] | None:
    counts: dict[str, int] = {}
    for part in _parts(cell):
        found = _SERVICE.fullmatch(part.replace(" ", ""))
        if found is None:
            return None
        counts[found[1]] = counts.get(found[1], 0) + int(found[2])
    return tuple(counts.items()) if all(0 < count <= SERVICE_COUNT_MAX for count in counts.values()) else None


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError("a required moment is missing")
    return value
