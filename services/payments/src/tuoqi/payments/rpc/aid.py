"""AidService: applications for one-off aid, decisions on them, and the ledger of goods."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import grpc

from tuoqi.contracts.payments.v1 import aid_service_pb2 as pb
from tuoqi.contracts.payments.v1 import aid_service_pb2_grpc
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.domain.aid import AidState, Application, Goods
from tuoqi.payments.domain.aid_policy import AidPolicy, AidProgramme, in_force
from tuoqi.payments.domain.months import Month, age_on, day_of
from tuoqi.payments.jobs.aid import AidDesk, Names, Request
from tuoqi.payments.jobs.goods import Issue, issue_goods, take_back_goods
from tuoqi.payments.jobs.tools import Tools, refusing
from tuoqi.payments.rpc.reading import read_day, read_month
from tuoqi.payments.store.aid import (
    AidQuery,
    GoodsQuery,
    page_of_applications,
    page_of_goods,
    read_applications,
    read_people,
)

PAGE = 100
FULL_AGE = 18
_BEGINNING = date(1900, 1, 1)
_LEVELS = {"township": "乡镇审批限额", "county": "县级审批限额", "special": "特殊情况上限（县级两人）"}


class AidServicer(aid_service_pb2_grpc.AidServiceServicer):
    """Everybody acts in his own regions; what people wrote about a child is shown only with a purpose."""

    def __init__(self, desk: AidDesk) -> None:
        self._desk = desk
        self._tools = desk.tools

    async def ApplyAid(self, request: pb.ApplyAidRequest, context: Any) -> pb.ApplyAidResponse:
        """Record an application."""
        with refusing():
            asked = Request(
                key=request.idempotency_key,
                person_id=request.person_id,
                programme=request.programme,
                type=request.type,
                items=tuple(request.items),
                amount_fen=request.amount_fen,
                applied_on=read_day(request.applied_on),
                remark=request.remark,
            )
            return pb.ApplyAidResponse(application=self._view(await self._desk.apply(asked, current_actor())))

    async def DecideAid(self, request: pb.DecideAidRequest, context: Any) -> pb.DecideAidResponse:
        """Grant or refuse."""
        with refusing():
            decided = await self._desk.decide(
                list(request.application_ids),
                current_actor(),
                granting=request.grant,
                amount_fen=request.amount_fen,
                papers_later=request.papers_later,
                reason=request.reason,
            )
        return pb.DecideAidResponse(applications=[self._view(one) for one in decided])

    async def ReceivePapers(self, request: pb.ReceivePapersRequest, context: Any) -> pb.ReceivePapersResponse:
        """The papers have come."""
        with refusing():
            after = await self._desk.receive_papers(request.application_id, current_actor())
        return pb.ReceivePapersResponse(application=self._view(after))

    async def VoidAid(self, request: pb.VoidAidRequest, context: Any) -> pb.VoidAidResponse:
        """Take an application back."""
        with refusing():
            after = await self._desk.void(request.application_id, current_actor(), request.reason)
        return pb.VoidAidResponse(application=self._view(after))

    async def GetAid(self, request: pb.GetAidRequest, context: Any) -> pb.GetAidResponse:
        """One application with what people wrote."""
        actor = current_actor()
        async with self._tools.database.begin() as tx:
            found = (await read_applications(tx, [request.application_id])).get(request.application_id)
            people = await read_people(tx, [found.person_id]) if found else {}
        if found is None or not actor.may_act_in(found.region):
            raise TuoqiError("payments.aid_unknown")
        if age_on(people[found.person_id].birth_date, self._today()) < FULL_AGE:
            actor.require_purpose()
        return pb.GetAidResponse(application=self._view(found), remark=found.remark, reason=found.reason)

    async def ListAid(self, request: pb.ListAidRequest, context: Any) -> pb.ListAidResponse:
        """A page of applications."""
        size = request.page_size or PAGE
        query = AidQuery(
            regions=current_actor().regions,
            person_id=request.person_id,
            programme=request.programme,
            state=request.state,
            overdue_on=self._today() if request.papers_overdue else None,
            before=_place(request.page_token),
            size=size,
        )
        async with self._tools.database.begin() as tx:
            found = await page_of_applications(tx, query)
        token = f"{found[-1].applied_on}|{found[-1].application_id}" if len(found) == size else ""
        return pb.ListAidResponse(applications=[self._view(one) for one in found], next_page_token=token)

    async def ListAidLimits(self, request: pb.ListAidLimitsRequest, context: Any) -> pb.ListAidLimitsResponse:
        """Limits, ceilings and amounts of a month."""
        month = read_month(request.month) if request.month else Month.of(self._today())
        limits = [one for row in self._desk.policy.programmes.values() for one in _limits(row, month)]
        return pb.ListAidLimitsResponse(limits=limits)

    async def IssueGoods(self, request: pb.IssueGoodsRequest, context: Any) -> pb.IssueGoodsResponse:
        """Record goods given."""
        issue = Issue(
            key=request.idempotency_key,
            person_ids=list(request.person_ids),
            occasion=request.occasion,
            item=request.item,
            quantity=request.quantity,
            value_fen=request.value_fen,
            issued_on=read_day(request.issued_on),
        )
        with refusing():
            entries = await issue_goods(self._desk, issue, current_actor())
        return pb.IssueGoodsResponse(entries=[_goods(one) for one in entries])

    async def TakeBackGoods(self, request: pb.TakeBackGoodsRequest, context: Any) -> pb.TakeBackGoodsResponse:
        """Correct an issue."""
        with refusing():
            entry = await take_back_goods(self._desk, request.issue_id, current_actor(), request.reason)
        return pb.TakeBackGoodsResponse(entry=_goods(entry))

    async def ListGoods(self, request: pb.ListGoodsRequest, context: Any) -> pb.ListGoodsResponse:
        """A page of the goods ledger, and what all that fits is worth."""
        size = request.page_size or PAGE
        query = GoodsQuery(
            regions=current_actor().regions,
            since=read_day(request.since) or _BEGINNING,
            until=read_day(request.until) or self._today(),
            person_id=request.person_id,
            occasion=request.occasion,
            before=_place(request.page_token),
            size=size,
        )
        async with self._tools.database.begin() as tx:
            found, total_fen = await page_of_goods(tx, query)
        token = f"{found[-1].issued_on}|{found[-1].issue_id}" if len(found) == size else ""
        return pb.ListGoodsResponse(entries=[_goods(one) for one in found], next_page_token=token, total_fen=total_fen)

    def _today(self) -> date:
        return day_of(self._tools.clock.now())

    def _view(self, one: Application) -> pb.AidApplication:
        due_on = one.papers_due_on
        return pb.AidApplication(
            application_id=one.application_id,
            person_id=one.person_id,
            programme=one.programme,
            type=one.type,
            items=one.items,
            amount_fen=one.amount_fen,
            state=str(one.state),
            level=one.level,
            granted_fen=one.granted_fen,
            benefit_month=one.benefit_month,
            papers_due_on=due_on.isoformat() if due_on else "",
            papers_overdue=one.state is AidState.PAPERS_DUE and due_on is not None and due_on < self._today(),
            region=one.region,
            applied_by=one.applied_by,
            applied_on=one.applied_on.isoformat(),
            decided_by=one.decided_by,
            decided_at=stamp_of(one.decided_at),
            rule_version=one.rule_version,
        )


def _limits(programme: AidProgramme, month: Month) -> list[pb.AidLimit]:
    key = programme.key
    if terms := in_force(programme.assistance, month):
        times = {
            "township": (_LEVELS["township"], terms.township_times),
            "county": (_LEVELS["county"], terms.county_times),
            "special": (_LEVELS["special"], terms.special_times),
            "year": ("同一人全年累计上限", terms.year_times),
            "emergency_first": ("先行救助限额", terms.emergency_first_times),
        }
        return [
            pb.AidLimit(programme=key, code=code, title=title, amount_fen=terms.fen(count, month))
            for code, (title, count) in times.items()
        ]
    table = in_force(programme.tables, month)
    return [
        pb.AidLimit(programme=key, code=code, title=programme.words[code], amount_fen=fen)
        for code, fen in (table.amounts.items() if table else ())
    ]


def _goods(one: Goods) -> pb.GoodsEntry:
    return pb.GoodsEntry(
        issue_id=one.issue_id,
        person_id=one.person_id,
        occasion=one.occasion,
        item=one.item,
        quantity=one.quantity,
        value_fen=one.value_fen,
        issued_on=one.issued_on.isoformat(),
        issued_by=one.issued_by,
        region=one.region,
        corrects=one.corrects,
    )


def _place(token: str) -> tuple[date, str] | None:
    day, _, identity = token.partition("|")
    try:
        return (date.fromisoformat(day), identity) if token else None
    except ValueError:
        raise TuoqiError("request.invalid", problem="page_token") from None


def add_aid(tools: Tools, policy: AidPolicy, names: Names) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = AidServicer(AidDesk(tools, policy, names))
    return lambda server: aid_service_pb2_grpc.add_AidServiceServicer_to_server(servicer, server)
