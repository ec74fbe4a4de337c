"""Posting lists 公示名单 out: as a file (`posting_list`) and as text to be hung out.

Which lines stand on a list was written when the cycle was posted. Names are asked of the registry when a list is made,
with the caller's rights, and their middle is hidden at once; names of regions are those of the day of posting. So a list
is the same whenever it is printed, as long as nobody on it has changed his name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.kit.tables import Column
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.explain import yuan
from tuoqi.payments.domain.posting import mask_name
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store.posting import Place, page_of_posted

PAGE = 2_000
Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list, as it may be seen."""

    region: str
    region_name: str
    programme: str
    name: str
    months: int
    amount_fen: int


async def posted_rows(tools: Tools, cycle: Cycle, under: str, actor: Actor) -> AsyncIterator[list[Row]]:
    """The rows of a cycle's lists in the actor's regions, by region, programme and person. Raises payments.posting_none."""
    if cycle.posted_on is None:
        raise TuoqiError("payments.posting_none", cycle=cycle.name)
    after = Place()
    while True:
        async with tools.database.begin() as tx:
            page = await page_of_posted(tx, cycle.cycle_id, under, after, PAGE)
        if not page:
            return
        after = Place(page[-1].region, page[-1].position, page[-1].person_id)
        seen = [row for row in page if actor.may_act_in(row.region)]
        if not seen:
            continue
        people = await tools.registry.describe(sorted({row.person_id for row in seen}), reveal=False)
        regions = await tools.registry.region_names(sorted({row.region for row in seen if row.region}), cycle.posted_on)
        yield [
            Row(
                row.region,
                regions.get(row.region, ""),
                tools.policy.programme(row.programme).name,
                mask_name(people[row.person_id].name),
                row.months,
                row.amount_fen,
            )
            for row in seen
        ]


class PostingList:
    """`posting_list` of a posted cycle: what may be hung out, and nothing else."""

    kind = "posting_list"
    columns: Sequence[Column] = (
        Column("cycle", "周期"),
        Column("region", "区划代码"),
        Column("region_name", "区划名称"),
        Column("programme", "项目"),
        Column("name", "姓名"),
        Column("months", "月数", "int"),
        Column("amount", "金额", "money"),
        Column("posted_until", "公示至", "date"),
    )

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def rows(self, request: table_pb2.ExportRowsRequest, actor: Actor) -> AsyncIterator[Sequence[Values]]:
        """Page by page, of the caller's regions. Raises payments.cycle_unknown, payments.posting_none."""
        actor.require("posting.read")
        cycle = await self._tools.find(request.cycle_id)
        async for page in posted_rows(self._tools, cycle, "", actor):
            yield [self._values(cycle, row) for row in page]

    @staticmethod
    def _values(cycle: Cycle, row: Row) -> Values:
        return {
            "cycle": cycle.name,
            "region": row.region,
            "region_name": row.region_name,
            "programme": row.programme,
            "name": row.name,
            "months": row.months,
            "amount": row.amount_fen,
            "posted_until": cycle.posted_until,
        }


async def printed(tools: Tools, cycle: Cycle, under: str, actor: Actor) -> AsyncIterator[str]:
    """The lists of all villages of a region as text, page by page. Raises payments.posting_region_empty."""
    sheet = _Sheet(cycle)
    async for page in posted_rows(tools, cycle, under, actor):
        yield "".join(sheet.add(row) for row in page)
    if not sheet.region:
        raise TuoqiError("payments.posting_region_empty", cycle=cycle.name, region=under)
    yield sheet.end()


class _Sheet:
    """The text of lists one after another: a head and a foot for each village."""

    def __init__(self, cycle: Cycle) -> None:
        self.region = ""
        self._cycle = cycle
        self._nth = 0
        self._sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])

    def add(self, row: Row) -> str:
        """A row, with whatever ends the list before and begins its own."""
        text = ""
        if row.region != self.region:
            text = (f"{self.end()}\n" if self.region else "") + self._begin(row)
        self._nth += 1
        sums = self._sums[row.programme]
        sums[0], sums[1] = sums[0] + 1, sums[1] + row.amount_fen
        return f"{text}{self._nth}\t{row.programme}\t{row.name}\t{row.months}\t{yuan(row.amount_fen)}\n"

    def _begin(self, row: Row) -> str:
        self.region, self._nth = row.region, 0
        self._sums.clear()
        cycle, month = self._cycle, self._cycle.month
        return (
            f"{month.year}年{month.number}月补贴发放公示（周期 {cycle.name}）\n"
            f"{row.region_name or '区划'}（{row.region}）\n"
            f"公示期：{cycle.posted_on} 至 {cycle.posted_until}\n"
            "序号\t项目\t姓名\t月数\t金额\n"
        )

    def end(self) -> str:
        """The sums by programme, and where to object."""
        lines = [f"小计：{name}\t{rows} 人\t{yuan(fen)}\n" for name, (rows, fen) in self._sums.items()]
        rows, fen = (sum(one[nth] for one in self._sums.values()) for nth in (0, 1))
        return (
            f"{''.join(lines)}合计：{rows} 人次\t{yuan(fen)}\n"
            "对名单有异议的，请在公示期内向村（社区）、乡镇（街道）或县民政部门反映。\n"
        )
