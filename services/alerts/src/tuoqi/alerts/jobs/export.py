"""The table `alerts` 预警 of the public file contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final

from tuoqi.alerts import store
from tuoqi.alerts.jobs.sight import audit_shown, sight_of
from tuoqi.alerts.peers import PERSONS_MAX, Registry
from tuoqi.contracts.common.v1.table_pb2 import ExportRowsRequest
from tuoqi.kit.clock import COUNTY_ZONE, BusinessClock
from tuoqi.kit.database import Database
from tuoqi.kit.rights import Actor
from tuoqi.kit.tables import Column

METHOD: Final = "/tuoqi.common.v1.ExportService/ExportRows"


class AlertExporter:
    """Every alert that there ever was, in order of its raise; names come from the registry with the caller's rights."""

    kind: ClassVar[str] = "alerts"
    columns: ClassVar[Sequence[Column]] = (
        Column("alert_id", "预警编号"),
        Column("kind", "种类", "code"),
        Column("severity", "严重程度", "code"),
        Column("person_id", "人员编号"),
        Column("name", "姓名"),
        Column("facility", "设施编号"),
        Column("raised_at", "发生"),
        Column("joined", "并入", "int"),
        Column("escalations", "升级"),
        Column("closed_at", "关闭"),
        Column("closed_as", "关闭方式", "code"),
    )

    def __init__(self, database: Database, registry: Registry, clock: BusinessClock) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock

    async def rows(self, request: ExportRowsRequest, actor: Actor) -> AsyncIterator[Sequence[Mapping[str, object]]]:  # noqa: ARG002  alerts belong to no cycle and show no number
        """The rows that the actor may see, in runs of up to 5,000; no transaction is open while the registry is asked."""
        after: store.Place | None = None
        while True:
            async with self._database.begin() as tx:
                page = await store.oldest(tx, PERSONS_MAX, after, sight_of(actor))
                await audit_shown(tx, page, actor, METHOD, self._clock.now())
            if not page:
                return
            after = store.Place(page[-1].alert.raised_at, page[-1].alert.alert_id)
            people = await self._registry.describe(seen.person_id for seen in page if seen.person_id)
            yield [_row(seen, people[seen.person_id].name if seen.person_id in people else "") for seen in page]


def _row(seen: store.Seen, name: str) -> dict[str, object]:
    alert = seen.alert
    # A late join may add a step whose time lies before one already taken; people read them in order of time.
    steps = sorted(alert.escalations, key=lambda step: step.at)
    return {
        "alert_id": alert.alert_id,
        "kind": alert.kind,
        "severity": alert.severity.name,
        "person_id": seen.person_id,
        "name": name,
        "facility": "" if alert.person_id else alert.subject_id,
        "raised_at": _minute(alert.raised_at),
        "joined": alert.joined,
        "escalations": ";".join(f"{step.step}@{_minute(step.at)}" for step in steps),
        "closed_at": _minute(alert.closed_at) if alert.closed_at else "",
        "closed_as": alert.closed_as,
    }


def _minute(moment: datetime) -> str:
    """`YYYY-MM-DD HH:MM` in the county's zone; the contract of this table has no seconds."""
    return moment.astimezone(COUNTY_ZONE).strftime("%Y-%m-%d %H:%M")
