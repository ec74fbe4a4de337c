"""What the registry answers about facilities 设施, and the commands on them: agreements, mergers, their undoing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from functools import partial
from typing import Any, Final

import grpc

from tuoqi.contracts.registry.v1 import facility_service_pb2 as pb
from tuoqi.contracts.registry.v1 import facility_service_pb2_grpc
from tuoqi.kit.clock import county_day
from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rpc.server import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.registry.domain.facility import AREAS, Agreement, Facility, figure, gaps_of
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.facility_agreements import FacilityAgreements
from tuoqi.registry.jobs.facility_mergers import IDLE, FacilityMergers, Order
from tuoqi.registry.store.accounts import resolve_facility_accounts
from tuoqi.registry.store.facilities import (
    PastVersion,
    count_occupied,
    list_facilities,
    load_agreements,
    past_versions,
)
from tuoqi.registry.store.facility_mergers import Merger, mergers_of

PAGE: Final = 100
RUN: Final = 1_000
"""Facilities read at once; a county has some hundreds."""
_LEVELS: Final = ((9, "000"), (6, "000"), (4, "00"))
"""Where village, township and county begin in a region code, and what stands there above their level."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """A facility as of a day."""

    facility: Facility
    occupied: int
    agreements: Sequence[Agreement]
    gaps: list[str]


class FacilityServicer(facility_service_pb2_grpc.FacilityServiceServicer):
    """Answers for facilities. Token, right and audit are checked before a method runs."""

    def __init__(self, database: Database, desk: Desk, commander: Commander) -> None:
        self._database = database
        self._desk = desk
        self._commander = commander
        self._rules = desk.policy.facility_rules
        self._agreements = FacilityAgreements(desk)
        self._mergers = FacilityMergers(desk)

    async def ListFacilities(self, request: pb.ListFacilitiesRequest, context: Any) -> pb.ListFacilitiesResponse:
        """Facilities by code; sums over all of them, also those of other pages."""
        actor, day, page = current_actor(), self._day(request.on), request.page_size or PAGE
        lines: list[pb.FacilityLine] = []
        totals = _Totals()
        async with self._database.begin() as tx:
            after = ""
            while found := await list_facilities(
                tx,
                regions=actor.regions,
                below=_prefix_of(request.region),
                kind=request.kind,
                code="",
                after=after,
                page=RUN,
            ):
                after = found[-1].code
                for one in await self._standings(tx, found, day):
                    if request.gap and request.gap not in one.gaps:
                        continue
                    totals.add(one, day)
                    if one.facility.code > request.page_token and len(lines) <= page:
                        lines.append(self._line(one, day))
        token = lines[page - 1].code if len(lines) > page else ""
        return pb.ListFacilitiesResponse(facilities=lines[:page], next_page_token=token, totals=totals.message())

    async def GetFacility(self, request: pb.GetFacilityRequest, context: Any) -> pb.GetFacilityResponse:
        """One facility with all that was ever known of it."""
        day = self._day(request.on)
        async with self._database.begin() as tx:
            found = await list_facilities(
                tx, regions=current_actor().regions, below="", kind="", code=request.code, after="", page=1
            )
            if not found:
                raise TuoqiError("registry.facility_unknown", code=request.code)
            (one,) = await self._standings(tx, found, day)
            mergers = await mergers_of(tx, request.code)
            past = await past_versions(tx, request.code)
        return pb.GetFacilityResponse(
            facility=self._line(one, day),
            agreements=[self._agreement(agreement) for agreement in one.agreements],
            mergers=[_merger(merger) for merger in mergers],
            past=[_past(version) for version in past],
        )

    async def RecordAgreement(self, request: pb.RecordAgreementRequest, context: Any) -> pb.RecordAgreementResponse:
        """Keep an agreement, or another last day of one that is kept."""
        row = Agreement(
            "", request.code, request.kind, request.partner.strip(), _date(request.valid_from), _maybe(request.valid_to)
        )
        work = partial(self._agreements.record, actor=current_actor(), row=row)
        return pb.RecordAgreementResponse(agreement=self._agreement(await self._commander.transaction(work)))

    async def MergeFacilities(self, request: pb.MergeFacilitiesRequest, context: Any) -> pb.MergeFacilitiesResponse:
        """Move all residents, or nobody."""
        order = Order(request.from_code, request.into_code, _date(request.on), request.building_use or IDLE)
        work = partial(self._mergers.merge, actor=current_actor(), order=order)
        return pb.MergeFacilitiesResponse(merger=_merger(await self._commander.transaction(work)))

    async def UndoFacilityMerger(
        self, request: pb.UndoFacilityMergerRequest, context: Any
    ) -> pb.UndoFacilityMergerResponse:
        """Take a merger back."""
        work = partial(self._mergers.undo, actor=current_actor(), from_code=request.from_code)
        return pb.UndoFacilityMergerResponse(merger=_merger(await self._commander.transaction(work)))

    async def ResolveFacilityPayees(
        self, request: pb.ResolveFacilityPayeesRequest, context: Any
    ) -> pb.ResolveFacilityPayeesResponse:
        """Accounts of facilities as known at a moment, without number and name."""
        async with self._database.begin() as tx:
            found = await resolve_facility_accounts(tx, request.codes, request.as_of.ToDatetime(tzinfo=UTC))
        return pb.ResolveFacilityPayeesResponse(payees=[_payee(code, found.get(code)) for code in request.codes])

    async def _standings(self, tx: Tx, facilities: Sequence[Facility], day: date) -> list[_Standing]:
        codes = [one.code for one in facilities]
        occupied = await count_occupied(tx, codes, day)
        agreements = await load_agreements(tx, codes)
        return [
            _Standing(
                one,
                occupied.get(one.code, 0),
                agreements.get(one.code, ()),
                gaps_of(one, agreements.get(one.code, ()), self._rules, day=day, occupied=occupied.get(one.code, 0)),
            )
            for one in facilities
        ]

    def _line(self, one: _Standing, day: date) -> pb.FacilityLine:
        facility = one.facility
        return pb.FacilityLine(
            code=facility.code,
            name=facility.name,
            kind=facility.kind,
            kind_name=self._rules.kinds.get(facility.kind, ""),
            region=facility.region,
            details=facility.details,
            beds=facility.beds,
            occupied=one.occupied,
            free=None if facility.beds is None or facility.is_closed(day) else facility.beds - one.occupied,
            gaps=one.gaps,
            agreements=sorted({agreement.kind for agreement in one.agreements if agreement.covers(day)}),
            closed_on=_text(facility.closed_on),
            merged_into=facility.merged_into,
            building_use=facility.building_use,
            building_use_name=self._rules.uses.get(facility.building_use, ""),
        )

    def _agreement(self, one: Agreement) -> pb.FacilityAgreement:
        kind = self._rules.agreements.get(one.kind)
        return pb.FacilityAgreement(
            agreement_id=one.agreement_id,
            kind=one.kind,
            kind_name=kind.name if kind else "",
            partner=one.partner,
            valid_from=one.valid_from.isoformat(),
            valid_to=_text(one.valid_to),
        )

    def _day(self, text: str) -> date:
        return _date(text) if text else county_day(self._desk.clock.now())


class _Totals:
    """Sums over facilities, as they are read."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._areas: Counter[str] = Counter()
        self._gaps: Counter[str] = Counter()

    def add(self, one: _Standing, day: date) -> None:
        """Count one more as of a day."""
        beds = 0 if one.facility.is_closed(day) else one.facility.beds or 0
        self._counts.update(facilities=1, beds=beds, occupied=one.occupied)
        self._gaps.update(one.gaps)
        for column in AREAS:
            text = one.facility.details.get(column, "")
            area = figure(text)
            self._counts["unreadable"] += bool(text) and area is None
            # Ten-thousandths of a square metre: whole numbers add up exactly.
            self._areas[column] += int((area or Decimal(0)) * 10_000)

    def message(self) -> pb.FacilityTotals:
        """The sums."""
        return pb.FacilityTotals(
            facilities=self._counts["facilities"],
            beds=self._counts["beds"],
            occupied=self._counts["occupied"],
            area_m2={column: _decimal(Decimal(self._areas[column]) / 10_000) for column in AREAS},
            unreadable=self._counts["unreadable"],
            gaps=self._gaps,
        )


def _payee(code: str, row: Any) -> pb.FacilityPayee:
    if row is None or row.account_key is None:
        return pb.FacilityPayee(code=code)
    return pb.FacilityPayee(
        code=code,
        account_version_id=row.account_version_id,
        account_key=row.account_key,
        known_at=stamp_of(row.known_at),
    )


def _merger(one: Merger) -> pb.FacilityMerger:
    return pb.FacilityMerger(
        merger_id=one.merger_id,
        from_code=one.from_code,
        into_code=one.into_code,
        merged_on=one.merged_on.isoformat(),
        residents=one.residents,
        made_by=one.made_by,
        made_at=stamp_of(one.made_at),
        undone_at=stamp_of(one.undone_at),
    )


def _past(version: PastVersion) -> pb.PastFacility:
    facility, known_at = version.facility, version.facility.known_at
    return pb.PastFacility(
        name=facility.name,
        kind=facility.kind,
        details=facility.details,
        closed_on=_text(facility.closed_on),
        building_use=facility.building_use,
        known_at=stamp_of(known_at) if known_at and known_at.year > 1 else None,
        superseded_at=stamp_of(version.superseded_at),
    )


def _prefix_of(region: str) -> str:
    """What the codes of a region and of those below it begin with."""
    prefix = region
    for begin, empty in _LEVELS:
        if prefix[begin:] != empty:
            break
        prefix = prefix[:begin]
    return prefix


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TuoqiError("registry.not_a_day", text=text) from None


def _maybe(text: str) -> date | None:
    return _date(text) if text else None


def _text(day: date | None) -> str:
    return day.isoformat() if day else ""


def _decimal(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def add_facilities(servicer: FacilityServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: facility_service_pb2_grpc.add_FacilityServiceServicer_to_server(servicer, server)
