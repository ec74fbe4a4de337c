"""What the registry answers about change requests: drafts, steps, and what a checker reads before he approves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import grpc

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.registry.v1 import change_service_pb2 as pb
from tuoqi.contracts.registry.v1 import change_service_pb2_grpc
from tuoqi.kit.clock import county_day
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.masking import mask_number
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.server import current_actor
from tuoqi.kit.stamps import stamp_of
from tuoqi.kit.tables import Problem
from tuoqi.registry.domain.change import Change, ChangeRow
from tuoqi.registry.domain.change_views import CLEARED
from tuoqi.registry.domain.life import completed_years
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.bulk import Selection, select_cells
from tuoqi.registry.jobs.changes import ChangeDesk, Wanted
from tuoqi.registry.store.changes import Page, list_changes, load_change, load_rows
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.seals import KeyRing

PAGE: Final = 100
FULL_AGE: Final = 18
_PRIVATE: Final = frozenset(
    {
        "name", "id_number", "temp_id", "address", "phone", "guardian_name", "guardian_id_number", "guardian_phone",
        "account_no", "account_name", "account_holder_id", "note", "assessors", "items", "relation",
    }
)  # fmt: skip
"""Columns that name somebody or say how somebody is; shown masked unless they are revealed."""


class ChangeServicer(change_service_pb2_grpc.ChangeServiceServicer):
    """Answers for change requests. Token, right and audit are checked before a method runs."""

    def __init__(self, database: Database, desk: Desk, changes: ChangeDesk) -> None:
        self._database = database
        self._desk = desk
        self._changes = changes
        self._persons = PersonStore(desk.vault)

    async def DraftChange(self, request: pb.DraftChangeRequest, context: Any) -> pb.DraftChangeResponse:
        """Rows, or people and what to set, as a draft; or only what they would do."""
        actor = current_actor()
        reader = self._changes.reader(request.kind)
        if request.HasField("selection"):
            cells = await self._selected(actor, request)
        else:
            self._changes.check_size(len(request.rows))
            cells = reader.raw(request.columns, ((row.number, row.cells) for row in request.rows))
        drafted = await self._changes.draft(actor, Wanted(request.kind, cells, request.note), dry_run=request.dry_run)
        preview = drafted.preview
        return pb.DraftChangeResponse(
            change=_change(drafted.change) if drafted.change else None,
            problems=[_problem(one) for one in preview.problems],
            rows_changed=preview.changed,
            rows_unchanged=preview.unchanged,
            rows_rejected=len(preview.rejected),
            events=preview.events,
        )

    async def SubmitChange(
        self, request: pb.SubmitChangeRequest, context: Any
    ) -> AsyncIterator[pb.SubmitChangeResponse]:
        """Hand a draft over."""
        async for change in self._changes.submit(current_actor(), request.change_id):
            yield pb.SubmitChangeResponse(change=_change(change))

    async def ApproveChange(
        self, request: pb.ApproveChangeRequest, context: Any
    ) -> AsyncIterator[pb.ApproveChangeResponse]:
        """Apply a submitted request; told after each chunk."""
        async for change in self._changes.approve(current_actor(), request.change_id):
            yield pb.ApproveChangeResponse(change=_change(change))

    async def RefuseChange(self, request: pb.RefuseChangeRequest, context: Any) -> pb.RefuseChangeResponse:
        """End a submitted request."""
        change = await self._changes.refuse(current_actor(), request.change_id, request.reason)
        return pb.RefuseChangeResponse(change=_change(change))

    async def RebaseChange(self, request: pb.RebaseChangeRequest, context: Any) -> pb.RebaseChangeResponse:
        """Make a request in conflict a draft again."""
        change = await self._changes.rebase(current_actor(), request.change_id)
        return pb.RebaseChangeResponse(change=_change(change))

    async def WithdrawChange(self, request: pb.WithdrawChangeRequest, context: Any) -> pb.WithdrawChangeResponse:
        """End a request that is not applied."""
        change = await self._changes.withdraw(current_actor(), request.change_id)
        return pb.WithdrawChangeResponse(change=_change(change))

    async def UndoChange(self, request: pb.UndoChangeRequest, context: Any) -> pb.UndoChangeResponse:
        """Submit what puts an applied request back."""
        change, skipped = await self._changes.undo(current_actor(), request.change_id, request.note)
        return pb.UndoChangeResponse(change=_change(change), skipped=[_problem(one) for one in skipped])

    async def GetChange(self, request: pb.GetChangeRequest, context: Any) -> pb.GetChangeResponse:
        """One request; what people wrote only with a purpose."""
        actor = current_actor()
        if request.with_note:
            actor.require_purpose()
        async with self._database.begin() as tx:
            change = await self._load(tx, actor, request.change_id, self._desk.vault.ring())
        return pb.GetChangeResponse(
            change=_change(change),
            note=change.note if request.with_note else "",
            refused_because=change.refused_because if request.with_note else "",
        )

    async def ListChanges(self, request: pb.ListChangesRequest, context: Any) -> pb.ListChangesResponse:
        """Requests of the caller's regions."""
        size = request.page_size or PAGE
        page = Page(request.state, request.kind, request.made_by, read_token(request.page_token), size)
        async with self._database.begin() as tx:
            found = await list_changes(tx, page, current_actor().regions, self._desk.vault.ring())
        token = write_token(found[-1].made_at, found[-1].change_id) if len(found) == size else ""
        return pb.ListChangesResponse(changes=[_change(one) for one in found], next_page_token=token)

    async def ListChangeRows(self, request: pb.ListChangeRowsRequest, context: Any) -> pb.ListChangeRowsResponse:
        """Rows of a request, masked unless revealed."""
        actor, ring, size = current_actor(), self._desk.vault.ring(), request.page_size or PAGE
        if request.reveal:
            actor.require("reveal")
            actor.require_purpose()
        async with self._database.begin() as tx:
            change = await self._load(tx, actor, request.change_id, ring)
            rows = await load_rows(
                tx, change.change_id, ring, after=_number(request.page_token), size=size, state=request.state
            )
            people = await self._persons.load(tx, {row.person_id for row in rows if row.person_id}, ring, lock=False)
        today = county_day(self._desk.clock.now())
        if any(_is_child(one.birth_date, today) for one in people.values()):
            actor.require_purpose()
        reader = self._changes.reader(change.kind)
        wanted = reader.wanted(rows)
        return pb.ListChangeRowsResponse(
            rows=[_row(row, self._shown(wanted[row.number]), reveal=request.reveal) for row in rows],
            next_page_token=str(rows[-1].number) if len(rows) == size else "",
        )

    async def _selected(self, actor: Actor, request: pb.DraftChangeRequest) -> Mapping[int, Mapping[str, str]]:
        chosen = Selection(request.selection.region, request.selection.category, tuple(request.selection.person_ids))
        async with self._database.begin() as tx:
            return await select_cells(tx, self._desk, actor, request.kind, chosen, dict(request.set))

    async def _load(self, tx: Tx, actor: Actor, change_id: str, ring: KeyRing) -> Change:
        change = await load_change(tx, change_id, ring, lock=False)
        if change is None or not all(actor.may_act_in(region) for region in change.regions):
            raise TuoqiError("change.unknown")
        return change

    def _shown(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """The sealed category is shown as what it is kept as, to everybody."""
        words = {
            word: category.sealed_as[0]
            for category in self._desk.policy.categories.values()
            if category.sealed_as
            for word in (category.key, *category.names)
        }
        return {c: words.get(text, text) if c == "category" else text for c, text in wanted.items()}


def write_token(moment: datetime, identity: str) -> str:
    """Where a page ended, by moment and id."""
    return f"{moment.astimezone(UTC).isoformat()}|{identity}"


def read_token(token: str) -> tuple[datetime, str] | None:
    """What `write_token` wrote; None for the first page. Raises change.page_unknown."""
    if not token:
        return None
    moment, _, identity = token.partition("|")
    try:
        return datetime.fromisoformat(moment), identity
    except ValueError as error:
        raise TuoqiError("change.page_unknown") from error


def _number(token: str) -> int:
    if token and not (token.isascii() and token.isdigit()):
        raise TuoqiError("change.page_unknown")
    return int(token or 0)


def _is_child(born: date, today: date) -> bool:
    return completed_years(born, today) < FULL_AGE


def _change(one: Change) -> pb.Change:
    return pb.Change(
        change_id=one.change_id,
        kind=one.kind,
        state=one.state,
        rows_total=one.rows_total,
        rows_done=one.rows_done,
        rows_changed=one.rows_changed,
        rows_unchanged=one.rows_unchanged,
        rows_skipped=one.rows_skipped,
        made_by=one.made_by,
        made_at=stamp_of(one.made_at),
        checked_by=one.checked_by,
        checked_at=stamp_of(one.checked_at),
        undoes=one.undoes,
        needs_checker=one.needs_checker,
        columns=one.columns,
    )


def _row(row: ChangeRow, wanted: Mapping[str, str], *, reveal: bool) -> pb.ChangeRow:
    def shown(column: str, text: str) -> str:
        return text if reveal or column not in _PRIVATE or text == CLEARED else mask_number(text) if text else ""

    columns: Sequence[str] = list(dict.fromkeys([*wanted, *row.now]))
    return pb.ChangeRow(
        number=row.number,
        person_id=row.person_id,
        state=row.state,
        reason=row.reason,
        cells=[
            pb.ChangeCell(
                column=column,
                seen=shown(column, row.seen.get(column, "")),
                now=shown(column, row.now.get(column, "")),
                wanted=shown(column, wanted.get(column, "")),
                conflict=column in row.now,
            )
            for column in columns
            if column in row.now or row.seen.get(column, "") != wanted.get(column, "")
        ],
    )


def _problem(one: Problem) -> table_pb2.RowProblem:
    return table_pb2.RowProblem(
        row_number=one.row_number, column=one.column, value=one.value, reason=one.reason, only_warning=one.only_warning
    )


def add_changes(servicer: ChangeServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: change_service_pb2_grpc.add_ChangeServiceServicer_to_server(servicer, server)
