"""A list of applications for one-off aid (`aid`): each row becomes one application, to be decided like any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.kit.commands import Call
from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow, Value
from tuoqi.payments.domain.aid import TYPES, AidFile, Granted, Person
from tuoqi.payments.domain.aid_policy import AidPolicy
from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.handlers.aid import Apply
from tuoqi.payments.jobs.aid import AidDesk, Names, Request
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store.aid import AidFileStore, read_people
from tuoqi.payments.store.grants import read_granted

ID_NUMBER = Column("id_number", "证件号码", masked=True, max_length=30)
TEMP_ID = Column("temp_id", "临时编号", max_length=50)
TYPE = Column("type", "类型", "code", choices=TYPES)
ITEMS = Column("items", "事由或项目", required=True, max_length=200)
AMOUNT = Column("amount", "金额", "money", minimum=1)
APPLIED_ON = Column("applied_on", "申请日期", "date")
REMARK = Column("remark", "说明", max_length=500)


@dataclass(slots=True)
class _Chunk:
    """What is known about a chunk's people; files go on as its rows are taken."""

    people: dict[str, Person]
    regions: dict[str, str]
    files: dict[str, AidFile]
    granted: dict[str, dict[str, Sequence[Granted]]]
    """Programme → person → grants."""
    calls: list[Call] = field(default_factory=list)


class AidList:
    """Takes `aid` files. Codes and Chinese words both do; several items stand with `;` between them."""

    kind = "aid"

    def __init__(self, tools: Tools, policy: AidPolicy, names: Names) -> None:
        self._desk = AidDesk(tools, policy, names)
        self._files = AidFileStore()
        programmes = {key: tools.policy.programme(key).name for key in policy.programmes}
        self._programme = Column("programme", "项目", "code", required=True, choices=programmes)
        self.columns: Sequence[Column] = (
            ID_NUMBER,
            TEMP_ID,
            self._programme,
            TYPE,
            ITEMS,
            AMOUNT,
            APPLIED_ON,
            REMARK,
        )

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Record the rows that pass the walls, in order. Raises auth.no_right, and what the registry refuses."""
        ctx.actor.require("aid.apply")
        person_ids = await self._desk.names.identify([_name(row) for row in rows])
        chunk = await self._open(tx, [one for one in person_ids if one], rows)
        outcome = ChunkOutcome()
        for row, person_id in zip(rows, person_ids, strict=True):
            if not person_id:
                column = ID_NUMBER if _text(row.values["id_number"]) else TEMP_ID
                said = _text(row.values[column.key])
                outcome.problems.append(column.problem(row.number, said, "登记信息中没有此人，请先导入人员。"))
                continue
            try:
                self._take(chunk, row, person_id, ctx)
            except PaymentsError as refusal:
                said = str(row.values["programme"])
                outcome.problems.append(self._programme.problem(row.number, said, refusal.sentence))
                continue
            outcome.changed += 1
        await self._desk.tools.commander.within(tx, AidFile, chunk.calls)
        return outcome

    async def _open(self, tx: Tx, person_ids: Sequence[str], rows: Sequence[ParsedRow]) -> _Chunk:
        ids = sorted(set(person_ids))
        programmes = sorted({str(row.values["programme"]) for row in rows})
        return _Chunk(
            people=await read_people(tx, ids),
            regions=await self._desk.regions_of(ids),
            files=await self._files.load(tx, ids),
            granted={key: dict(await read_granted(tx, ids, key)) for key in programmes},
        )

    def _take(self, chunk: _Chunk, row: ParsedRow, person_id: str, ctx: LoadContext) -> None:
        """One row becomes an application. Raises a PaymentsError that names the wall it meets."""
        request = self._request(row, person_id, ctx)
        file = chunk.files.get(person_id) or AidFile(person_id)
        given = self._desk.judge(
            request,
            ctx.actor,
            region=chunk.regions.get(person_id, ""),
            person=chunk.people.get(person_id),
            file=file,
            granted=chunk.granted[request.programme].get(person_id, ()),
        )
        chunk.files[person_id] = file.put(given)
        cause = ctx.cause(row.number)
        chunk.calls.append(self._desk.call(person_id, Apply(given), by=ctx.actor.user, cause=cause))

    def _request(self, row: ParsedRow, person_id: str, ctx: LoadContext) -> Request:
        values = row.values
        programme, amount, applied_on = str(values["programme"]), values["amount"], values["applied_on"]
        words = {word: code for code, word in self._desk.policy.programme(programme).words.items()}
        items = [part.strip() for part in _text(values["items"]).replace("；", ";").split(";") if part.strip()]
        return Request(
            key=f"file:{ctx.cause(row.number)}",
            person_id=person_id,
            programme=programme,
            type=_text(values["type"]),
            items=tuple(words.get(item, item) for item in items),
            amount_fen=amount if isinstance(amount, int) else 0,
            applied_on=applied_on if isinstance(applied_on, date) else None,
            remark=_text(values["remark"]),
        )


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _name(row: ParsedRow) -> registry.PersonName:
    id_number = _text(row.values["id_number"])
    if id_number:
        return registry.PersonName(id_number=id_number)
    return registry.PersonName(temp_id=_text(row.values["temp_id"]))
