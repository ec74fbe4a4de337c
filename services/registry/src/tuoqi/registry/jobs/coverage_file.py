"""posts_coverage.csv 配备情况: one row for each region and each post or protection body that it must have today."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.kit.database import Database
from tuoqi.kit.rights import Actor
from tuoqi.kit.tables import Column
from tuoqi.registry.domain.worker import BODY
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.figures import Asked, FigureDesk
from tuoqi.registry.store.regions import load_geography

COLUMNS: Final = (
    Column("region", "区划"),
    Column("region_name", "区划名称"),
    Column("post", "岗位或阵地"),
    Column("post_name", "名称"),
    Column("required", "应配", "int"),
    Column("filled", "已配", "int"),
    Column("vacant_since", "空缺起", "date"),
)


class CoverageExporter:
    """Writes posts_coverage.csv, for the regions of whoever asks."""

    kind = "posts_coverage"
    columns: Sequence[Column] = COLUMNS

    def __init__(self, database: Database, desk: Desk) -> None:
        self._database = database
        self._policy = desk.policy
        self._figures = FigureDesk(desk.policy, desk.clock)

    async def rows(
        self,
        request: table_pb2.ExportRowsRequest,  # noqa: ARG002  it belongs to no cycle and shows no number
        actor: Actor,
    ) -> AsyncIterator[Sequence[Mapping[str, object]]]:
        """All rows in one run: some hundreds."""
        asked = Asked((), "", None, None)
        moment = self._figures.moment(asked)
        async with self._database.begin() as tx:
            view = self._figures.view(await load_geography(tx), asked, actor)
            covered = await self._figures.coverage(tx, moment, view.geography, (), view.area)
        bodies, posts = self._policy.facility_kinds, self._policy.posts.kinds
        yield [
            {
                "region": one.region,
                "region_name": view.geography.name(one.region, moment.day),
                "post": one.demand.kind,
                "post_name": bodies[one.demand.kind] if one.demand.what == BODY else posts[one.demand.kind].name,
                "required": one.demand.count,
                "filled": one.filled,
                "vacant_since": one.vacant_since,
            }
            for one in covered
            if actor.may_act_in(one.region)
        ]
