"""Figures of visits, services, activities and pairings: counted for whoever asks within his regions, and frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from tuoqi.contracts.visits.v1 import visit_figure_service_pb2 as pb
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.visits.domain.figures import Cell, Figure, Figures, Period, told
from tuoqi.visits.jobs.reports import Freezer
from tuoqi.visits.store.figures import cells_of, page_of_rows
from tuoqi.visits.store.reports import Report

KIND: Final = "figures"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which figures, when, where, and by what they are broken down."""

    figures: tuple[Figure, ...]
    period: Period
    regions: Sequence[str]
    below: str
    by: str = ""


class FigureDesk:
    """Counts and freezes."""

    def __init__(self, figures: Figures, freezer: Freezer) -> None:
        self.figures = figures
        self._freezer = freezer

    def ask(self, ids: Sequence[str], period: Period, actor: Actor, below: str = "", by: str = "") -> Asked:
        """What an actor may ask. Raises visits.figure_unknown."""
        try:
            figures = self.figures.named(ids)
        except KeyError as unknown:
            raise TuoqiError("visits.figure_unknown", figure=unknown.args[0]) from unknown
        return Asked(figures, period, actor.regions, below, by)

    async def compute(self, tx: Tx, asked: Asked) -> pb.ComputeVisitFiguresResponse:
        """All figures in one reading, and the rules between them that do not hold."""
        answer = pb.ComputeVisitFiguresResponse(definitions_hash=self.figures.version)
        values: dict[str, int] = {}
        for figure in asked.figures:
            whole = await cells_of(tx, figure, asked.period, asked.regions, asked.below, "")
            total = whole[0] if whole else Cell("", 0)
            values[figure.figure_id] = total.value or 0
            parts = await cells_of(tx, figure, asked.period, asked.regions, asked.below, asked.by) if asked.by else []
            answer.figures.add(
                figure_id=figure.figure_id,
                name_zh=figure.name,
                unit_zh=figure.unit,
                distinct=figure.is_distinct,
                total=_cell(figure, total),
                cells=[_cell(figure, cell) for cell in told(figure, parts)],
            )
        answer.problems.extend(f"{rule.figure_id} 应不小于 {rule.least}" for rule in self.figures.broken(values))
        return answer

    async def rows(
        self, tx: Tx, asked: Asked, after: tuple[date, str, str, str] | None, size: int
    ) -> tuple[list[pb.VisitFigureRow], str]:
        """A page of what the one figure asked for counted, and where it ends."""
        (figure,) = asked.figures
        page = await page_of_rows(tx, figure, asked.period, asked.regions, asked.below, after, size + 1)
        rows = [
            pb.VisitFigureRow(
                day=row.day.isoformat(),
                source=row.source,
                source_id=row.source_id,
                person_id=row.person_id,
                region=row.region,
                times=row.times,
                approximate=row.approximate,
            )
            for row in page[:size]
        ]
        last = rows[-1] if len(page) > size else None
        return rows, f"{last.day}~{last.source}~{last.source_id}~{last.person_id}" if last else ""

    async def freeze(self, tx: Tx, asked: Asked, title: str, actor: Actor) -> Report:
        """Counts once and keeps the answer. Raises auth.no_region."""
        self._freezer.county_actor(actor)
        return await self._freezer.keep(
            tx,
            KIND,
            await self.compute(tx, asked),
            title=title,
            days=(asked.period.first, asked.period.last),
            by=asked.by,
            hashed=self.figures.version,
            user=actor.user,
        )


def content_of(report: Report) -> list[pb.VisitFigure]:
    """The figures of a frozen report."""
    return list(pb.ComputeVisitFiguresResponse.FromString(bytes.fromhex(report.content)).figures)


def _cell(figure: Figure, cell: Cell) -> pb.VisitFigureCell:
    shown = pb.VisitFigureCell(
        key=cell.key,
        decimals=figure.decimals,
        approximate=cell.approximate,
        named=cell.named,
        unnamed=cell.unnamed,
        rest=cell.is_rest,
    )
    if cell.value is not None:
        shown.value = cell.value
    return shown
