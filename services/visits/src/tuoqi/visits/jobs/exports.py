"""The list of missed visits 逾期探访, with names that the registry gives by the rights of whoever asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.kit.database import Database
from tuoqi.kit.rights import Actor
from tuoqi.kit.tables import Column
from tuoqi.visits import store
from tuoqi.visits.peers import People

RUN: Final = 5_000

OVERDUE_COLUMNS: Final = (
    Column("person_id", "人员编号"),
    Column("name", "姓名"),
    Column("id_number", "证件号码", masked=True),
    Column("temp_id", "临时编号", masked=True),
    Column("grade", "等级", "code"),
    Column("deadline", "截止", "date"),
    Column("state", "状态", "code"),
)


class OverdueExporter:
    """Gives files of the kind `visits_overdue`: by deadline, then person."""

    kind: Final = "visits_overdue"
    columns: Final = OVERDUE_COLUMNS

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people

    async def rows(
        self, request: table_pb2.ExportRowsRequest, actor: Actor
    ) -> AsyncIterator[Sequence[Mapping[str, object]]]:
        """Every missed visit within the actor's regions."""
        async with self._database.begin() as tx:
            async for run in store.overdues_in_order(tx, regions=actor.regions, size=RUN):
                yield await self._described(run, reveal=request.reveal)

    async def _described(self, run: Sequence[store.Missed], *, reveal: bool) -> list[dict[str, object]]:
        people = sorted({row.person_id for row in run})
        described = {one.person_id: one for one in await self._people.describe(people, reveal=reveal)}
        return [
            {
                "person_id": row.person_id,
                "name": described[row.person_id].name,
                "id_number": described[row.person_id].id_number,
                "temp_id": described[row.person_id].temp_id,
                "grade": row.grade,
                "deadline": row.deadline,
                "state": row.state,
            }
            for row in run
        ]
