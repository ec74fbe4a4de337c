"""Figures of what was paid: counted for whoever asks within his regions, and frozen as reports."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tuoqi.contracts.payments.v1 import paid_figure_service_pb2 as pb
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.payments.domain.figures import GOODS, Cell, Figure, Figures, Period, Tally, told
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store.figures import Report, gather, keep_report, page_of_paid, tallies, tally_goods

NOTHING = Tally(0, 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which figures, when, where, and by what they are broken down."""

    figures: tuple[Figure, ...]
    period: Period
    regions: tuple[str, ...]
    """Prefixes of the hukou that count; empty = the county."""
    by: str = ""


class PaidDesk:
    """Counts and freezes."""

    def __init__(self, tools: Tools, figures: Figures) -> None:
        self._tools = tools
        self.figures = figures

    def ask(self, figure_ids: Sequence[str], period: Period, region: str, by: str, actor: Actor) -> Asked:
        """What an actor may ask. Raises payments.figure_unknown, request.invalid, auth.no_region."""
        try:
            figures = self.figures.named(figure_ids)
        except KeyError as unknown:
            raise TuoqiError("payments.figure_unknown", figure=unknown.args[0]) from unknown
        return Asked(figures, period, _regions(actor, region), by)

    async def compute(self, tx: Tx, asked: Asked) -> list[pb.PaidFigure]:
        """All figures in one reading."""
        whole = any(not figure.programmes for figure in asked.figures if figure.counts != GOODS)
        named = sorted({key for figure in asked.figures for key in figure.programmes})
        await gather(tx, asked.period, [] if whole else named)
        return [await self._figure(tx, figure, asked) for figure in asked.figures]

    async def _figure(self, tx: Tx, figure: Figure, asked: Asked) -> pb.PaidFigure:
        total = (await self._tallies(tx, figure, asked, "")).get("", NOTHING)
        parts = await self._tallies(tx, figure, asked, asked.by) if asked.by else {}
        return pb.PaidFigure(
            figure_id=figure.figure_id,
            name_zh=figure.name,
            unit_zh=figure.unit,
            counts=figure.counts,
            total=_cell(figure, Cell("", total.value)),
            cells=[_cell(figure, cell) for cell in told(figure, parts)],
        )

    async def _tallies(self, tx: Tx, figure: Figure, asked: Asked, by: str) -> dict[str, Tally]:
        if figure.counts == GOODS:
            return await tally_goods(tx, asked.period, asked.regions, by)
        return await tallies(tx, figure, asked.period, asked.regions, by)

    async def rows(
        self, tx: Tx, asked: Asked, after: tuple[str, str, str], size: int
    ) -> tuple[list[pb.PaidFigureRow], str]:
        """A page of what the one figure asked for counted, and where it ends. Raises payments.figure_has_no_rows."""
        (figure,) = asked.figures
        if figure.counts == GOODS:
            raise TuoqiError("payments.figure_has_no_rows", figure=figure.figure_id)
        await gather(tx, asked.period, figure.programmes)
        page = await page_of_paid(tx, figure, asked.period, asked.regions, after, size)
        rows = [
            pb.PaidFigureRow(
                person_id=row.person_id,
                programme=row.programme,
                benefit_month=row.benefit_month,
                amount_fen=row.fen,
                region=row.region,
            )
            for row in page
        ]
        last = rows[-1] if len(rows) == size else None
        return rows, f"{last.person_id}|{last.programme}|{last.benefit_month}" if last else ""

    async def freeze(self, tx: Tx, asked: Asked, title: str, by: str) -> Report:
        """Counts once and keeps the answer. The same report asked for again at the same moment is the same report."""
        at = self._tools.clock.now()
        answer = pb.ComputePaidFiguresResponse(
            figures=await self.compute(tx, asked), definitions_hash=self.figures.version
        )
        content = answer.SerializeToString(deterministic=True)
        report = Report(
            report_id=self._tools.ids(
                at, f"report|{title}|{asked.period.first}|{asked.period.last}|{asked.by}|{by}", 0
            ),
            title=title,
            first_day=asked.period.first,
            last_day=asked.period.last,
            broken_down_by=asked.by,
            frozen_at=at,
            frozen_by=by,
            definitions_hash=self.figures.version,
            content_hash=hashlib.sha256(content).hexdigest(),
            content=content.hex(),
        )
        await keep_report(tx, report)
        return report


def period_of(asked: pb.PaidPeriod) -> Period:
    """A period of the wire. Raises request.invalid."""
    try:
        first, last = date.fromisoformat(asked.first_day), date.fromisoformat(asked.last_day)
    except ValueError:
        raise TuoqiError("request.invalid", problem="period") from None
    if last < first:
        raise TuoqiError("payments.figure_period", first=first, last=last)
    return Period(first, last)


def content_of(report: Report) -> list[pb.PaidFigure]:
    """The figures of a frozen report."""
    return list(pb.ComputePaidFiguresResponse.FromString(bytes.fromhex(report.content)).figures)


def _regions(actor: Actor, region: str) -> tuple[str, ...]:
    """The prefixes that count: the region asked for, else all that are the actor's. Raises auth.no_region."""
    if region:
        actor.require_region(region)
        return (next((region[:digits] for digits, rest in _LEVELS if region.endswith(rest)), region),)
    return actor.regions


_LEVELS = ((6, "000000"), (9, "000"))
"""A county's code ends in six zeros, a township's in three."""


def _cell(figure: Figure, cell: Cell) -> pb.PaidFigureCell:
    shown = pb.PaidFigureCell(key=cell.key, decimals=figure.decimals, rest=cell.is_rest)
    if cell.value is not None:
        shown.value = cell.value
    return shown
