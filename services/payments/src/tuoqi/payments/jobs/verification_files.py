"""Files of checks after the payment: worksheets and reports out, findings in.

A worksheet has the columns of the findings too, so that it is filled in and loaded back as it is. Names and numbers are
asked of the registry with the caller's rights, page by page, and kept nowhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import Any

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError, meaning_of
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow, Problem, Value
from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.verification import FINDINGS_ZH, METHODS_ZH, RISKS_ZH, Estimate
from tuoqi.payments.jobs.exports import AMOUNT, BENEFIT_MONTH, NAME, PERSON_ID, PROGRAMME, Values
from tuoqi.payments.jobs.verification import VerificationDesk, known_sample
from tuoqi.payments.store.findings import NewFinding, items_at, officers_of, page_of_items
from tuoqi.payments.store.verification import Sample

PAGE = 2_000
SAMPLE = Column("sample", "样本", required=True, max_length=60)
POSITION = Column("position", "序号", "int", required=True, minimum=1)
FINDING = Column("finding", "核查结果", "code", choices=FINDINGS_ZH)
RIGHT_AMOUNT = Column("right_amount", "应发金额", "money", minimum=0)
CHECKED_BY = Column("checked_by", "核查人", max_length=60)
CHECKED_ON = Column("checked_on", "核查日期", "date")
METHOD = Column("method", "核查方式", "code", choices=METHODS_ZH)
EVIDENCE = Column("evidence", "凭证", max_length=200)
NUMBERS = (Column("id_number", "证件号码"), Column("temp_id", "临时编号"))


class VerificationFindings:
    """Takes `verification_findings` files; a row without a finding is passed over."""

    kind = "verification_findings"
    columns: Sequence[Column] = (
        SAMPLE,
        POSITION,
        FINDING,
        RIGHT_AMOUNT,
        CHECKED_BY,
        CHECKED_ON,
        METHOD,
        EVIDENCE,
    )

    def __init__(self, desk: VerificationDesk) -> None:
        self._desk = desk

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Keep findings; one that stands already changes nothing. Raises auth.no_right."""
        ctx.actor.require("verification.record")
        outcome = ChunkOutcome()
        by_sample: dict[str, list[ParsedRow]] = {}
        for row in rows:
            if row.values["finding"] is None:
                outcome.unchanged += 1
            else:
                by_sample.setdefault(str(row.values["sample"]), []).append(row)
        for named, group in by_sample.items():
            try:
                sample = await known_sample(tx, named)
            except TuoqiError as refused:
                reason = meaning_of(refused)[1]
                outcome.problems += [SAMPLE.problem(row.number, named, reason) for row in group]
                continue
            await self._take(tx, sample, group, ctx, outcome)
        return outcome

    async def _take(
        self, tx: Tx, sample: Sample, rows: Sequence[ParsedRow], ctx: LoadContext, outcome: ChunkOutcome
    ) -> None:
        items = await items_at(tx, sample.sample_id, [_whole(row.values["position"]) for row in rows])
        officers = await officers_of(tx, [item.cycle_id for item in items.values()])
        good: dict[int, NewFinding] = {}
        for row in rows:
            missing = next((c for c in (CHECKED_BY, CHECKED_ON, METHOD) if row.values[c.key] is None), None)
            if missing is not None:
                outcome.problems.append(missing.problem(row.number, "", "写了核查结果的行须填此列。"))
                continue
            finding = _finding(row.values)
            item = items.get(finding.position)
            try:
                self._desk.check(item, finding, ctx.actor, officers)
            except PaymentsError as refused:
                outcome.problems.append(Problem(row.number, "", "", refused.sentence))
            except TuoqiError as refused:
                outcome.problems.append(Problem(row.number, "", "", meaning_of(refused)[1]))
            else:
                if _stands(item, finding):
                    outcome.unchanged += 1
                else:
                    good[finding.position] = finding
                    outcome.changed += 1
        if good:
            cause = ctx.cause(rows[0].number)
            outcome.events += await self._desk.keep(tx, sample, list(good.values()), actor=ctx.actor, cause=cause)


class VerificationSheet:
    """`verification_sheet` of a sample: whom to check, with names for whoever may see them, and room for what is found."""

    kind = "verification_sheet"
    columns: Sequence[Column] = (
        SAMPLE, POSITION, Column("cycle", "周期"), PROGRAMME, PERSON_ID, NAME, *NUMBERS,
        Column("region", "区划"), BENEFIT_MONTH, Column("line_type", "类型"), AMOUNT, Column("part", "抽取方式"),
        Column("risks", "风险"), FINDING, RIGHT_AMOUNT, CHECKED_BY, CHECKED_ON, METHOD, EVIDENCE,
    )  # fmt: skip

    def __init__(self, desk: VerificationDesk) -> None:
        self._desk = desk

    async def rows(self, request: table_pb2.ExportRowsRequest, actor: Actor) -> AsyncIterator[Sequence[Values]]:
        """Page by page, within the caller's regions. Raises auth.no_right, payments.verification_sample_unknown."""
        actor.require("verification.read")
        after = 0
        async with self._desk.tools.database.begin() as tx:
            sample = await known_sample(tx, request.subject or request.cycle_id)
        while True:
            async with self._desk.tools.database.begin() as tx:
                page = await page_of_items(
                    tx, sample.sample_id, after=after, size=PAGE, unchecked_only=False, regions=actor.regions
                )
            if not page:
                return
            names = await self._desk.tools.registry.describe(
                sorted({row.person_id for row in page}), reveal=request.reveal
            )
            yield [_sheet_row(sample, row, names[row.person_id]) for row in page]
            after = page[-1].position


class VerificationReport:
    """`verification_report` of a sample: the total first, then its strata; shares in percent with two decimals."""

    kind = "verification_report"
    columns: Sequence[Column] = (
        SAMPLE, PROGRAMME, Column("township", "乡镇"), Column("population", "发放笔数"),
        Column("population_amount", "发放金额", "money"), Column("drawn", "随机抽取"), Column("checked", "已核查"),
        *(Column(code.lower(), word) for code, word in FINDINGS_ZH.items()),
        Column("wrong_amount", "查出差错金额", "money"), Column("rate", "差错率%"), Column("rate_low", "下限%"),
        Column("rate_high", "上限%"), Column("projected", "推算差错金额", "money"),
        Column("projected_low", "推算下限", "money"), Column("projected_high", "推算上限", "money"),
        Column("confidence", "置信度%"),
    )  # fmt: skip

    def __init__(self, desk: VerificationDesk) -> None:
        self._desk = desk

    async def rows(self, request: table_pb2.ExportRowsRequest, actor: Actor) -> AsyncIterator[Sequence[Values]]:
        """All at once: as many rows as programmes and townships. Raises auth.no_right."""
        actor.require("verification.read")
        sample, found, _ = await self._desk.report(request.subject or request.cycle_id)
        yield [_report_row(sample, one) for one in (found.total, *found.strata)]


def _finding(values: Mapping[str, Value]) -> NewFinding:
    checked_on = values["checked_on"]
    if not isinstance(checked_on, date):
        raise TypeError("a required date was let through empty")
    right = values["right_amount"]
    return NewFinding(
        position=_whole(values["position"]),
        finding=str(values["finding"]),
        right_fen=right if isinstance(right, int) else 0,
        checked_by=text_of(values["checked_by"]),
        checked_on=checked_on,
        method=str(values["method"]),
        evidence=text_of(values["evidence"]),
    )


def _stands(item: Any, one: NewFinding) -> bool:
    """Whether a line's latest finding says the same."""
    kept = (item.finding, item.right_fen, item.checked_by, item.checked_on, item.method, item.evidence)
    return kept == (one.finding, one.right_fen, one.checked_by, one.checked_on, one.method, one.evidence)


def text_of(value: Value) -> str:
    """A cell's text; empty where it is empty or to be emptied."""
    return value.strip() if isinstance(value, str) else ""


def _whole(value: Value) -> int:
    if not isinstance(value, int):
        raise TypeError("a required number was let through empty")
    return value


def person_cells(person: registry.PersonDescription) -> dict[str, object]:
    """How a row names a person."""
    return {
        "person_id": person.person_id,
        "name": person.name,
        "id_number": person.id_number,
        "temp_id": person.temp_id,
    }


def _sheet_row(sample: Sample, row: Any, person: registry.PersonDescription) -> Values:
    return {
        **person_cells(person),
        "sample": sample.sample_id,
        "position": row.position,
        "cycle": row.cycle,
        "programme": row.programme,
        "region": row.region,
        "benefit_month": row.benefit_month,
        "line_type": row.line_type,
        "amount": row.amount_fen,
        "part": row.part,
        "risks": "；".join(RISKS_ZH[risk] for risk in row.risks.split(";") if risk),
        "finding": row.finding,
        "right_amount": row.right_fen if row.finding == "AMOUNT_WRONG" else None,
        "checked_by": row.checked_by,
        "checked_on": row.checked_on,
        "method": row.method,
        "evidence": row.evidence,
    }


def _report_row(sample: Sample, one: Estimate) -> Values:
    return {
        "sample": sample.sample_id,
        "programme": one.stratum.programme or "合计",
        "township": one.stratum.township,
        "population": one.stratum.population_lines,
        "population_amount": one.stratum.population_fen,
        "drawn": one.stratum.drawn,
        "checked": one.checked,
        **{code.lower(): one.findings.get(code, 0) for code in FINDINGS_ZH},
        "wrong_amount": one.wrong_fen,
        "rate": _percent(one.rate_ppm),
        "rate_low": _percent(one.low_ppm),
        "rate_high": _percent(one.high_ppm),
        "projected": one.projected_fen,
        "projected_low": one.low_fen,
        "projected_high": one.high_fen,
        "confidence": sample.wishes.confidence_percent,
    }


def _percent(ppm: int) -> str:
    return f"{ppm // 10_000}.{ppm % 10_000 // 100:02d}"
