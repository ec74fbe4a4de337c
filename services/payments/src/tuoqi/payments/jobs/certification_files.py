"""Files of life certification: certified people in, who is missing out.

Names and numbers are asked of the registry with the caller's rights, page by page, and kept nowhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import Any

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.kit.database import Tx
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow, Problem, Value
from tuoqi.payments.domain.certification import CHANNELS_ZH, VISIT, fault_of
from tuoqi.payments.handlers.certification import Certify
from tuoqi.payments.jobs.certification import MISSING, CampaignDesk, known_campaign
from tuoqi.payments.jobs.exports import NAME, PERSON_ID, Values
from tuoqi.payments.jobs.verification_files import EVIDENCE, NUMBERS, person_cells, text_of
from tuoqi.payments.store import campaigns as campaign_store
from tuoqi.payments.store.certification import read_vitals

PAGE = 2_000
ID_NUMBER = Column("id_number", "证件号码", masked=True, max_length=60)
TEMP_ID = Column("temp_id", "临时编号", max_length=60)
CERTIFIED_ON = Column("certified_on", "认证日期", "date", required=True)
CHANNEL = Column("channel", "认证方式", "code", choices={k: word for k, word in CHANNELS_ZH.items() if k != VISIT})
CAMPAIGN = Column("campaign", "认证活动", max_length=60)


class Certifications:
    """Takes `certifications` files: lists of villages, and other records that show that somebody lives."""

    kind = "certifications"
    columns: Sequence[Column] = (
        ID_NUMBER,
        TEMP_ID,
        Column("person_id", "人员编号", max_length=60),
        CERTIFIED_ON,
        CHANNEL,
        CAMPAIGN,
        EVIDENCE,
    )

    def __init__(self, desk: CampaignDesk) -> None:
        self._desk = desk

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Keep days; a day and channel that are known already change nothing. Raises auth.no_right."""
        ctx.actor.require("certification.record")
        outcome = ChunkOutcome()
        people = await self._desk.tools.registry.identify([_name(row.values) for row in rows])
        vitals = await read_vitals(tx, [person for person in people if person])
        campaigns = {one.campaign_id for one in await campaign_store.open_campaigns(tx)}
        days: list[tuple[str, Certify]] = []
        for row, person in zip(rows, people, strict=True):
            one = vitals.get(person)
            command = _certify(row.values)
            if fault := fault_of(command.certified_on, ctx.today, one):
                column = CERTIFIED_ON if one is not None else ID_NUMBER
                shown = command.certified_on.isoformat() if one is not None else text_of(row.values["id_number"])
                outcome.problems.append(column.problem(row.number, shown, fault))
            elif one is not None and not ctx.actor.may_act_in(one.region):
                outcome.problems.append(Problem(row.number, "", "", "此人不在您管辖的区划内。"))
            elif command.campaign_id and command.campaign_id not in campaigns:
                outcome.problems.append(CAMPAIGN.problem(row.number, command.campaign_id, "没有这个进行中的认证活动。"))
            else:
                days.append((person, command))
        outcome.changed = await self._desk.keep(tx, days, actor=ctx.actor, cause=ctx.content_hash)
        outcome.unchanged = len(days) - outcome.changed
        outcome.events = outcome.changed
        return outcome


class CertificationMissing:
    """`certification_missing` of a campaign: who is still to be seen, by village."""

    kind = "certification_missing"
    columns: Sequence[Column] = (
        Column("region", "区划"), PERSON_ID, NAME, *NUMBERS, Column("state", "状态"),
        Column("last_day", "截止日期", "date"), Column("extended", "已延期"),
    )  # fmt: skip

    def __init__(self, desk: CampaignDesk) -> None:
        self._desk = desk

    async def rows(self, request: table_pb2.ExportRowsRequest, actor: Actor) -> AsyncIterator[Sequence[Values]]:
        """Page by page, within the caller's regions. Raises auth.no_right, payments.campaign_unknown."""
        actor.require("certification.read")
        tools, after = self._desk.tools, ("", "")
        async with tools.database.begin() as tx:
            campaign = await known_campaign(tx, request.subject)
        while True:
            async with tools.database.begin() as tx:
                page = await campaign_store.page_of_members(
                    tx,
                    campaign.campaign_id,
                    self._desk.today,
                    states=MISSING,
                    region="",
                    regions=actor.regions,
                    after=after,
                    size=PAGE,
                )
            if not page:
                return
            names = await tools.registry.describe([row.person_id for row in page], reveal=request.reveal)
            yield [_missing_row(row, names[row.person_id]) for row in page]
            after = (page[-1].region, page[-1].person_id)


def _certify(values: Mapping[str, Value]) -> Certify:
    certified_on = values["certified_on"]
    if not isinstance(certified_on, date):
        raise TypeError("a required date was let through empty")
    return Certify(
        certified_on=certified_on,
        channel=text_of(values["channel"]) or "VILLAGE",
        campaign_id=text_of(values["campaign"]),
        evidence=text_of(values["evidence"]),
    )


def _name(values: Mapping[str, Value]) -> registry.PersonName:
    for key in ("person_id", "id_number", "temp_id"):
        if text := text_of(values[key]):
            return registry.PersonName(**{key: text})
    return registry.PersonName()


def _missing_row(row: Any, person: registry.PersonDescription) -> Values:
    return {
        **person_cells(person),
        "region": row.region,
        "state": row.state,
        "last_day": row.last_day,
        "extended": "是" if row.extended else "否",
    }
