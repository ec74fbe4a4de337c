"""ContractService: care contracts, and who lacks one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

import grpc

from tuoqi.contracts.visits.v1 import contract_service_pb2 as pb
from tuoqi.contracts.visits.v1 import contract_service_pb2_grpc
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.visits.domain.contracts import ContractKind
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.jobs.contracts import ContractDesk, Wanted
from tuoqi.visits.rpc.paging import PAGE, day_place, read_day, write_place
from tuoqi.visits.rpc.visits import prefix_of
from tuoqi.visits.store import contracts as store

LOOKED_AT_ONCE: Final = 500
"""People looked at in one read while a page of those who lack a contract fills."""


class ContractServicer(contract_service_pb2_grpc.ContractServiceServicer):
    """Lists and acts end at the regions of whoever calls."""

    def __init__(self, desk: ContractDesk) -> None:
        self._desk = desk

    async def SignContract(self, request: pb.SignContractRequest, context: Any) -> pb.SignContractResponse:
        """Keep a contract."""
        signed_on = _required(request.signed_on)
        wanted = Wanted(
            person_id=request.person_id,
            signed_on=signed_on,
            begins_on=read_day(request.begins_on) or signed_on,
            ends_on=_required(request.ends_on),
            kind=request.kind,
            care_level=request.care_level,
            facility=request.facility,
            team=tuple(request.worker_ids),
            relative_id=request.relative_id,
            relative_name=request.relative_name,
            duties=request.duties,
        )
        row, before = await self._desk.sign(current_actor(), wanted)
        return pb.SignContractResponse(contract=self._view(row), signed_before=before)

    async def EndContract(self, request: pb.EndContractRequest, context: Any) -> pb.EndContractResponse:
        """End one by hand."""
        row = await self._desk.end(current_actor(), request.contract_id, read_day(request.ended_on), request.reason)
        return pb.EndContractResponse(contract=self._view(row))

    async def GetContract(self, request: pb.GetContractRequest, context: Any) -> pb.GetContractResponse:
        """One with its sealed words."""
        row, words = await self._desk.show(current_actor(), request.contract_id)
        return pb.GetContractResponse(
            contract=self._view(row),
            relative_name=words.get("relative", ""),
            duties=words.get("duties", ""),
            end_reason=words.get("reason", ""),
        )

    async def ListContracts(self, request: pb.ListContractsRequest, context: Any) -> pb.ListContractsResponse:
        """The earliest last day first."""
        page = request.page_size or PAGE
        if request.state and request.state not in store.CONTRACT_STATES:
            allowed = "、".join(sorted(store.CONTRACT_STATES))
            raise TuoqiError("visits.bad_contract_state", state=request.state, allowed=allowed)
        async with self._desk.database.begin() as tx:
            rows = await store.list_contracts(
                tx,
                regions=current_actor().regions,
                below=prefix_of(request.region),
                state=request.state,
                person=request.person_id,
                today=self._today(),
                after=day_place(request.page_token),
                page=page + 1,
            )
        token = write_place(rows[page - 1].ends_on, rows[page - 1].contract_id) if len(rows) > page else ""
        return pb.ListContractsResponse(contracts=[self._view(row) for row in rows[:page]], next_page_token=token)

    async def ListMissingContracts(
        self, request: pb.ListMissingContractsRequest, context: Any
    ) -> pb.ListMissingContractsResponse:
        """Who needs one and has none, or one that ends soon."""
        page, today = request.page_size or PAGE, self._today()
        kind = self._desk.rules.kind(request.kind, today)
        if kind is None:
            raise TuoqiError("visits.contract_kind", kind=request.kind, allowed="、".join(self._desk.rules.kinds))
        until = today + timedelta(days=request.ends_within_days)
        people: list[pb.MissingContract] = []
        after = request.page_token
        async with self._desk.database.begin() as tx:
            while len(people) <= page:
                looked = await store.people_needing(
                    tx,
                    regions=current_actor().regions,
                    below=prefix_of(request.region),
                    kind=kind.key,
                    category=kind.category,
                    today=today,
                    until=until,
                    after=after,
                    at_most=LOOKED_AT_ONCE,
                )
                if not looked:
                    break
                people += _needing(looked, kind, today)
                after = looked[-1].person_id
        token = people[page - 1].person_id if len(people) > page else ""
        return pb.ListMissingContractsResponse(people=people[:page], next_page_token=token)

    def _today(self) -> date:
        return day_of(self._desk.clock.now())

    def _view(self, row: Any) -> pb.CareContract:
        running = "COMING" if row.begins_on > self._today() else "RUNNING"
        return pb.CareContract(
            contract_id=row.contract_id,
            person_id=row.person_id,
            kind=row.kind,
            care_level=row.care_level,
            facility=row.facility,
            worker_ids=row.team.split(),
            relative_id=row.relative_id,
            signed_on=row.signed_on.isoformat(),
            begins_on=row.begins_on.isoformat(),
            ends_on=row.ends_on.isoformat(),
            state="ENDED" if row.ended_as else running,
            ended_as=row.ended_as,
            ended_on=row.ended_on.isoformat() if row.ended_on else "",
            region=row.region,
        )


def _needing(looked: Any, kind: ContractKind, today: date) -> list[pb.MissingContract]:
    found = []
    for one in looked:
        status = kind.status(one.facts, today) if one.facts is not None else None
        if status is not None:
            found.append(
                pb.MissingContract(
                    person_id=one.person_id,
                    region=one.region,
                    care_level=status.level,
                    ends_on=one.ends_on.isoformat() if one.ends_on else "",
                )
            )
    return found


def _required(text: str) -> date:
    day = read_day(text)
    if day is None:
        raise TuoqiError("visits.bad_date", value="")
    return day


def add_contracts(desk: ContractDesk) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = ContractServicer(desk)
    return lambda server: contract_service_pb2_grpc.add_ContractServiceServicer_to_server(servicer, server)
