"""What the registry answers about comparison lists: the report of what each row changes or suggests, and decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import grpc

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.registry.v1 import comparison_service_pb2 as pb
from tuoqi.contracts.registry.v1 import comparison_service_pb2_grpc
from tuoqi.kit.clock import county_day
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.masking import mask_number
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.server import current_actor
from tuoqi.kit.rpc.tables import Importer, LoadContext
from tuoqi.kit.stamps import stamp_of
from tuoqi.kit.tables import Header, parse_rows
from tuoqi.registry.domain.comparison import Effect, Finding
from tuoqi.registry.domain.person import Person
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.comparison import ComparisonDesk, Surveyor
from tuoqi.registry.rpc.changes import read_token, write_token
from tuoqi.registry.store.changes import looking
from tuoqi.registry.store.comparison import Load, count_by_town, finding_from, findings_of, list_loads
from tuoqi.registry.store.persons import PersonStore

PAGE: Final = 100
ROWS_MAX: Final = 5_000
_TRIAL: Final = "0" * 64
"""The content hash of a preview; it never outlives its transaction."""


class ComparisonServicer(comparison_service_pb2_grpc.ComparisonServiceServicer):
    """Answers for comparison lists. Token, right and audit are checked before a method runs."""

    def __init__(
        self, database: Database, desk: Desk, comparison: ComparisonDesk, importers: Sequence[Importer]
    ) -> None:
        self._database = database
        self._desk = desk
        self._comparison = comparison
        self._importers = {one.kind: one for one in importers}
        self._persons = PersonStore(desk.vault)
        self._surveyor = Surveyor(desk.policy, desk.vault)

    async def PreviewComparison(
        self, request: pb.PreviewComparisonRequest, context: Any
    ) -> pb.PreviewComparisonResponse:
        """The report of rows that are not loaded: they are loaded, reported and taken back."""
        actor, now = current_actor(), self._desk.clock.now()
        actor.require_purpose()
        importer = self._importers[request.list]
        header = Header.match(request.columns, importer.columns)
        good, problems = parse_rows(header, [(row.number, row.cells) for row in request.rows])
        ctx = LoadContext(now, county_day(now), actor, _TRIAL, 1, dry_run=True, traceparent="", correlation_id="")
        async with self._database.begin() as tx, looking(tx):
            outcome = await importer.load(tx, good, ctx)
            rows = await findings_of(
                tx, Load(request.list, _TRIAL, 1, now), actor.regions, state="", after=0, size=ROWS_MAX
            )
            findings = await self._report(tx, rows)
        return pb.PreviewComparisonResponse(
            # What was noted for the trial has no id that lasts.
            findings=[_without_id(one) for one in findings],
            problems=[
                table_pb2.RowProblem(
                    row_number=one.row_number,
                    column=one.column,
                    value=one.value,
                    reason=one.reason,
                    only_warning=one.only_warning,
                )
                for one in sorted([*problems, *outcome.problems], key=lambda one: one.row_number)
            ],
        )

    async def ReportComparison(self, request: pb.ReportComparisonRequest, context: Any) -> pb.ReportComparisonResponse:
        """The report of a list that was loaded, as things stand now."""
        actor, size = current_actor(), request.page_size or PAGE
        actor.require_purpose()
        if request.page_token and not request.page_token.isdecimal():
            raise TuoqiError("change.page_unknown")
        async with self._database.begin() as tx:
            loads = await list_loads(tx, list_=request.list, content_hash=request.content_hash, size=1)
            if not loads:
                raise TuoqiError("comparison.list_unknown")
            rows = await findings_of(
                tx, loads[0], actor.regions, state=request.state, after=int(request.page_token or 0), size=size
            )
            return pb.ReportComparisonResponse(
                list=await self._list(tx, actor, loads[0]),
                findings=await self._report(tx, rows),
                next_page_token=str(rows[-1].row_number) if len(rows) == size else "",
            )

    async def ListComparisons(self, request: pb.ListComparisonsRequest, context: Any) -> pb.ListComparisonsResponse:
        """The lists that were loaded, with counts of the caller's regions."""
        actor, size = current_actor(), request.page_size or PAGE
        async with self._database.begin() as tx:
            loads = await list_loads(tx, list_=request.list, before=read_token(request.page_token), size=size)
            lists = [await self._list(tx, actor, one) for one in loads]
        token = write_token(loads[-1].loaded_at, loads[-1].content_hash) if len(loads) == size else ""
        return pb.ListComparisonsResponse(lists=lists, next_page_token=token)

    async def DecideFinding(self, request: pb.DecideFindingRequest, context: Any) -> pb.DecideFindingResponse:
        """Accept a finding or refute it."""
        finding, person = await self._comparison.decide(
            current_actor(), request.finding_id, accept=request.accept, reason=request.reason
        )
        return pb.DecideFindingResponse(finding=self._finding(finding, person, []))

    async def _report(self, tx: Tx, rows: Sequence[Any]) -> list[pb.Finding]:
        ring, today = self._desk.vault.ring(), county_day(self._desk.clock.now())
        people: Mapping[str, Person] = await self._persons.load(tx, {row.person_id for row in rows}, ring, lock=False)
        findings = [finding_from(row, ring) for row in rows]
        effects = await self._surveyor.effects(tx, findings, people, ring, today)
        return [self._finding(one, people[one.person_id], some) for one, some in zip(findings, effects, strict=True)]

    async def _list(self, tx: Tx, actor: Actor, load: Load) -> pb.ComparisonList:
        towns = await count_by_town(tx, load, actor.regions)
        return pb.ComparisonList(
            list=load.list,
            content_hash=load.content_hash,
            attempt=load.attempt,
            loaded_at=stamp_of(load.loaded_at),
            rows=sum(one.rows for one in towns),
            rows_new=sum(one.rows_new for one in towns),
            rows_open=sum(one.rows_open for one in towns),
            towns=[
                pb.TownCount(town=one.town, rows=one.rows, rows_new=one.rows_new, rows_open=one.rows_open)
                for one in towns
            ],
        )

    def _finding(self, one: Finding, person: Person, effects: Sequence[Effect]) -> pb.Finding:
        return pb.Finding(
            finding_id=one.finding_id,
            row_number=one.row_number,
            person_id=one.person_id,
            name=person.private.get("name", ""),
            number=mask_number(person.number) if person.number else person.temp_id,
            region=person.region,
            kind=one.kind,
            kind_name=self._desk.policy.comparison.name(one.kind),
            happened_on=_day(one.happened_on),
            outcome=one.outcome,
            state=one.state,
            decided_by=one.decided_by,
            change_ids=one.change_ids,
            effects=[
                pb.Effect(
                    rule=effect.rule.key,
                    automatic=effect.rule.automatic,
                    text=effect.text,
                    category=effect.category,
                    related_person_id=effect.related_person_id,
                    drafts_change=effect.rule.ends,
                )
                for effect in effects
            ],
        )


def _without_id(one: pb.Finding) -> pb.Finding:
    one.finding_id = ""
    return one


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def add_comparison(servicer: ComparisonServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: comparison_service_pb2_grpc.add_ComparisonServiceServicer_to_server(servicer, server)
