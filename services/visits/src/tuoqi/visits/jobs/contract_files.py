"""Files of care contracts 照料协议: one row, one contract; bad rows are named, the others kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError, meaning_of
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow
from tuoqi.visits.domain.contracts import LEVELS, CareContract
from tuoqi.visits.jobs.contracts import ContractDesk, Wanted
from tuoqi.visits.jobs.naming import NAME_COLUMNS, identify_rows, text_of
from tuoqi.visits.jobs.sheet import UUID
from tuoqi.visits.peers import People

WORKERS: Final = Column(
    "workers",
    "团队人员编号",
    max_length=800,
    pattern=rf"{UUID}(\s*[;；]\s*{UUID})*\s*[;；]?",
    pattern_zh="应为人员队伍的编号，用分号隔开",
)
RELATIVE: Final = Column("relative_id_number", "亲属证件号码", masked=True, max_length=30)
CONTRACT_COLUMNS: Final = (
    *NAME_COLUMNS,
    Column("kind", "协议种类", max_length=40),
    Column("care_level", "自理程度", "code", choices=LEVELS),
    Column("facility", "机构", max_length=60),
    WORKERS,
    RELATIVE,
    Column("relative_name", "亲属姓名", masked=True, max_length=60),
    Column("duties", "照料内容", max_length=1000),
    Column("signed_on", "签订日期", "date", required=True),
    Column("begins_on", "起", "date", required=True),
    Column("ends_on", "止", "date", required=True),
)
NOBODY: Final = "-"
"""The id of a relative whose number nobody has: no person's, so the row is refused."""
_COLUMN_OF: Final = {
    "visits.contract_kind": "kind",
    "visits.contract_level": "care_level",
    "visits.facility_unknown": "facility",
    "visits.worker_unknown": "workers",
    "visits.relative_unknown": "relative_id_number",
    "visits.contract_day": "ends_on",
    "visits.contract_too_long": "ends_on",
    "visits.contract_overlaps": "begins_on",
}
"""Refusal → the column that it is about."""
_BY_KEY: Final = {column.key: column for column in CONTRACT_COLUMNS}


class ContractImporter:
    """Takes files of the kind `care_contracts`."""

    kind: Final = "care_contracts"
    columns: Final = CONTRACT_COLUMNS

    def __init__(self, desk: ContractDesk, people: People) -> None:
        self._desk = desk
        self._people = people

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Keep contracts; one that is there already changes nothing. Raises auth.no_right."""
        ctx.actor.require("contract.sign")
        outcome = ChunkOutcome()
        named = await identify_rows(self._people, rows, outcome)
        relatives = await self._relatives([row for row, _, _ in named])
        wanted = [
            (row, column, _wanted(row, person_id, relatives.get(text_of(row, RELATIVE.key), "")))
            for row, column, person_id in named
        ]
        facilities = await self._desk.open_facilities([one for _, _, one in wanted])
        around = await self._desk.around(tx, [one for _, _, one in wanted], facilities)
        fresh: list[CareContract] = []
        for row, column, one in wanted:
            try:
                contract, known = self._desk.fitting(ctx.actor, one, around, ctx.at)
            except TuoqiError as refusal:
                _, sentence = meaning_of(refusal)
                about = _BY_KEY.get(_COLUMN_OF.get(refusal.slug, ""), column)
                outcome.problems.append(about.problem(row.number, text_of(row, about.key), sentence))
                continue
            if known:
                outcome.unchanged += 1
                continue
            fresh.append(contract)
            # The next row of the same person must not cross this one.
            around.contracts.setdefault(one.person_id, []).append(contract)
        if fresh:
            await self._desk.keep(tx, fresh, ctx.at, ctx.actor.user)
        outcome.changed = outcome.events = len(fresh)
        return outcome

    async def _relatives(self, rows: Sequence[ParsedRow]) -> dict[str, str]:
        """Identity number → person id of the relatives that rows name."""
        numbers = sorted({number for row in rows if (number := text_of(row, RELATIVE.key))})
        if not numbers:
            return {}
        found = await self._people.identify([registry.PersonName(id_number=number) for number in numbers])
        return dict(zip(numbers, (one or NOBODY for one in found), strict=True))


def _wanted(row: ParsedRow, person_id: str, relative_id: str) -> Wanted:
    return Wanted(
        person_id=person_id,
        signed_on=_day(row, "signed_on"),
        begins_on=_day(row, "begins_on"),
        ends_on=_day(row, "ends_on"),
        kind=text_of(row, "kind"),
        care_level=text_of(row, "care_level"),
        facility=text_of(row, "facility"),
        team=tuple(one.lower() for one in re.findall(UUID_WHOLE, text_of(row, "workers"))),
        relative_id=relative_id,
        relative_name=text_of(row, "relative_name"),
        duties=text_of(row, "duties"),
    )


UUID_WHOLE: Final = UUID.replace("(", "(?:")
"""The same without a group, so that all of it is found."""


def _day(row: ParsedRow, key: str) -> date:
    value = row.values[key]
    if not isinstance(value, date):
        raise TypeError("a required day was let through empty")
    return value
