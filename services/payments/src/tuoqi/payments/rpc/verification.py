"""VerificationService: samples of paid lines, what was found, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from tuoqi.contracts.payments.v1 import verification_service_pb2 as pb
from tuoqi.contracts.payments.v1 import verification_service_pb2_grpc
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.payments.domain.months import day_of
from tuoqi.payments.domain.verification import LINE_TYPES, METHOD, Estimate
from tuoqi.payments.jobs.tools import refusing
from tuoqi.payments.jobs.verification import Scope, VerificationDesk, known_sample
from tuoqi.payments.rpc.reading import read_day, read_place, write_place
from tuoqi.payments.store.findings import NewFinding, items_at, page_of_items
from tuoqi.payments.store.verification import Sample, Wishes, page_of_samples

PAGE = 100


class VerificationServicer(verification_service_pb2_grpc.VerificationServiceServicer):
    """Draws and judges samples. Lines are shown, and findings taken, within the caller's regions."""

    def __init__(self, desk: VerificationDesk) -> None:
        self._desk = desk

    async def DrawSample(self, request: pb.DrawSampleRequest, context: Any) -> pb.DrawSampleResponse:
        """Draw and freeze a sample."""
        actor = current_actor()
        actor.require_region(request.region or self._desk.tools.policy.county)
        scope = Scope(request.cycle, request.first_month, request.last_month)
        if bool(scope.cycle) == bool(scope.first_month and scope.last_month):
            raise TuoqiError("payments.verification_scope")
        with refusing():
            sample, before = await self._desk.draw(scope, self._wishes(request), request.key, by=actor.user)
        return pb.DrawSampleResponse(sample=sample_view(sample), drawn_before=before)

    def _wishes(self, request: pb.DrawSampleRequest) -> Wishes:
        rules, policy = self._desk.rules, self._desk.tools.policy
        if unknown := set(request.programmes) - set(policy.order):
            raise TuoqiError("payments.cycle_programme_unknown", programmes="、".join(sorted(unknown)))
        if set(request.line_types) - set(LINE_TYPES):
            raise TuoqiError("request.invalid", problem=f"line_types 可填 {'、'.join(LINE_TYPES)}")
        return Wishes(
            programmes=tuple(sorted(set(request.programmes))),
            line_types=tuple(sorted(set(request.line_types))),
            region=request.region,
            confidence_percent=request.confidence_percent or rules.confidence_percent,
            margin_permille=request.margin_permille or rules.margin_permille,
            expected_permille=request.expected_permille or rules.expected_permille,
            risk_items=rules.risk_items if request.risk_items < 0 else request.risk_items,
            points=tuple((risk.value, points) for risk, points in rules.points),
            very_old_age=rules.very_old_age,
            large_backpay_fen=rules.large_backpay_fen,
        )

    async def RedrawSample(self, request: pb.RedrawSampleRequest, context: Any) -> pb.RedrawSampleResponse:
        """Draw again and compare."""
        with refusing():
            sample, content_hash = await self._desk.redraw(request.sample)
        return pb.RedrawSampleResponse(
            identical=content_hash == sample.content_hash,
            content_hash=content_hash,
            frozen_hash=sample.content_hash,
        )

    async def ListSamples(self, request: pb.ListSamplesRequest, context: Any) -> pb.ListSamplesResponse:
        """A page of samples, newest first."""
        size = request.page_size or PAGE
        async with self._desk.tools.database.begin() as tx:
            found = await page_of_samples(tx, read_place(request.page_token), size)
        last = found[-1] if len(found) == size else None
        return pb.ListSamplesResponse(
            samples=[sample_view(one) for one in found],
            next_page_token=write_place(last.drawn_at, last.sample_id) if last else "",
        )

    async def ListSampleItems(self, request: pb.ListSampleItemsRequest, context: Any) -> pb.ListSampleItemsResponse:
        """A page of a sample's lines."""
        size, after = request.page_size or PAGE, int(request.page_token or 0)
        async with self._desk.tools.database.begin() as tx:
            sample = await known_sample(tx, request.sample)
            page = await page_of_items(
                tx,
                sample.sample_id,
                after=after,
                size=size,
                unchecked_only=request.unchecked_only,
                regions=current_actor().regions,
            )
        token = str(page[-1].position) if len(page) == size else ""
        return pb.ListSampleItemsResponse(items=[item_view(row) for row in page], next_page_token=token)

    async def RecordFinding(self, request: pb.RecordFindingRequest, context: Any) -> pb.RecordFindingResponse:
        """Keep what a check found."""
        actor = current_actor()
        finding = NewFinding(
            position=request.position,
            finding=request.finding,
            right_fen=request.right_fen,
            checked_by=request.checked_by.strip() or actor.user,
            checked_on=read_day(request.checked_on) or day_of(self._desk.tools.clock.now()),
            method=request.method,
            evidence=request.evidence.strip(),
        )
        with refusing():
            sample = await self._desk.record(request.sample, [finding], actor=actor)
        async with self._desk.tools.database.begin() as tx:
            items = await items_at(tx, sample.sample_id, [request.position])
        return pb.RecordFindingResponse(item=item_view(items[request.position]))

    async def GetReport(self, request: pb.GetReportRequest, context: Any) -> pb.GetReportResponse:
        """What the sample says, and what it cannot say."""
        sample, found, risky = await self._desk.report(request.sample)
        return pb.GetReportResponse(
            sample=sample_view(sample),
            complete=found.complete,
            total=_estimate(found.total),
            strata=[_estimate(one) for one in found.strata],
            risk_findings=risky,
            method=METHOD,
            says=found.says,
            cannot_say=found.cannot_say,
        )


def sample_view(sample: Sample) -> pb.Sample:
    """A sample as the contract shows it."""
    return pb.Sample(
        sample_id=sample.sample_id,
        key=sample.key,
        cycles=sample.cycles,
        programmes=sample.wishes.programmes,
        line_types=sample.wishes.line_types,
        region=sample.wishes.region,
        confidence_percent=sample.wishes.confidence_percent,
        margin_permille=sample.wishes.margin_permille,
        expected_permille=sample.wishes.expected_permille,
        population_lines=sample.population_lines,
        population_fen=sample.population_fen,
        random_items=sample.random_items,
        risk_items=sample.risk_items,
        checked_items=sample.checked,
        seed=sample.seed,
        content_hash=sample.content_hash,
        drawn_by=sample.drawn_by,
        drawn_at=stamp_of(sample.drawn_at),
    )


def item_view(row: Any) -> pb.SampleItem:
    """A drawn line without anybody's name."""
    return pb.SampleItem(
        position=row.position,
        line_id=row.line_id,
        cycle=row.cycle,
        person_id=row.person_id,
        programme=row.programme,
        benefit_month=row.benefit_month,
        line_type=row.line_type,
        amount_fen=row.amount_fen,
        region=row.region,
        part=row.part,
        risks=row.risks.split(";") if row.risks else [],
        finding=row.finding or "",
        right_fen=row.right_fen or 0,
        checked_by=row.checked_by or "",
        checked_on=row.checked_on.isoformat() if row.checked_on else "",
        method=row.method or "",
        evidence=row.evidence or "",
    )


def _estimate(one: Estimate) -> pb.Estimate:
    return pb.Estimate(
        programme=one.stratum.programme,
        township=one.stratum.township,
        population_lines=one.stratum.population_lines,
        population_fen=one.stratum.population_fen,
        drawn=one.stratum.drawn,
        checked=one.checked,
        findings=one.findings,
        wrong=one.wrong,
        wrong_fen=one.wrong_fen,
        rate_ppm=one.rate_ppm,
        rate_low_ppm=one.low_ppm,
        rate_high_ppm=one.high_ppm,
        projected_fen=one.projected_fen,
        projected_low_fen=one.low_fen,
        projected_high_fen=one.high_fen,
    )


def add_verification(desk: VerificationDesk) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = VerificationServicer(desk)
    return lambda server: verification_service_pb2_grpc.add_VerificationServiceServicer_to_server(servicer, server)
