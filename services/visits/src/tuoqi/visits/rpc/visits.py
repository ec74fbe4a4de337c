"""What visits answers: whom to visit by when, and who was missed. Lists end at the regions of whoever asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

import grpc

from tuoqi.contracts.visits.v1 import visits_service_pb2 as pb
from tuoqi.contracts.visits.v1 import visits_service_pb2_grpc
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.visits import store
from tuoqi.visits.domain.happenings import OverdueState

PAGE: Final = 100
_CODE: Final = re.compile(r"[0-9]{12}")
_LEVELS: Final = ((9, "000"), (6, "000"), (4, "00"))
"""Where village, township and county begin in a region code, and what stands there above their level."""
_TOKEN: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})~([0-9a-f-]{36})")


class VisitsServicer(visits_service_pb2_grpc.VisitsServiceServicer):
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ListTasks(self, request: pb.ListTasksRequest, context: Any) -> pb.ListTasksResponse:
        """Running windows, the most urgent first."""
        page = request.page_size or PAGE
        due_by = _date(request.due_by) if request.due_by else None
        async with self._database.begin() as tx:
            rows = await store.list_tasks(
                tx,
                regions=current_actor().regions,
                below=prefix_of(request.region),
                due_by=due_by,
                after=_place(request.page_token),
                page=page + 1,
            )
        tasks = [
            pb.VisitTask(
                person_id=row.person_id,
                grade=row.grade,
                window_first=row.window_first.isoformat(),
                deadline=row.deadline.isoformat(),
                region=row.region,
            )
            for row in rows[:page]
        ]
        return pb.ListTasksResponse(
            tasks=tasks, next_page_token=_token([(row.deadline, row.person_id) for row in rows], page)
        )

    async def ListOverdue(self, request: pb.ListOverdueRequest, context: Any) -> pb.ListOverdueResponse:
        """Missed visits, the newest deadline first, and how many there are by state."""
        page = request.page_size or PAGE
        if request.state and request.state not in OverdueState.__members__:
            raise TuoqiError("visits.bad_state", state=request.state, allowed="、".join(OverdueState))
        regions = current_actor().regions
        async with self._database.begin() as tx:
            rows = await store.list_overdues(
                tx,
                regions=regions,
                state=request.state,
                person=request.person_id,
                before=_place(request.page_token),
                page=page + 1,
            )
            counts = await store.overdue_counts(tx, regions=regions, person=request.person_id)
        overdues = [
            pb.Overdue(
                overdue_id=row.overdue_id,
                person_id=row.person_id,
                grade=row.grade,
                deadline=row.deadline.isoformat(),
                state=row.state,
            )
            for row in rows[:page]
        ]
        token = _token([(row.deadline, row.overdue_id) for row in rows], page)
        return pb.ListOverdueResponse(overdues=overdues, next_page_token=token, count_by_state=counts)


def prefix_of(region: str) -> str:
    """The digits that all regions below share with it: `990101001000` → `990101001`. Raises visits.bad_region."""
    if region and not _CODE.fullmatch(region):
        raise TuoqiError("visits.bad_region")
    for begin, nothing in _LEVELS:
        if region[begin:] != nothing:
            break
        region = region[:begin]
    return region


def _date(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise TuoqiError("visits.bad_date", value=value[:20]) from error


def _token(places: Sequence[tuple[date, str]], page: int) -> str:
    """Where the page ended, empty where it was the last one."""
    if len(places) <= page:
        return ""
    day, name = places[page - 1]
    return f"{day}~{name}"


def _place(token: str) -> tuple[date, str] | None:
    if not token:
        return None
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise TuoqiError("visits.bad_page")
    return _date(found[1]), found[2]


def add_visits(database: Database) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    servicer = VisitsServicer(database)
    return lambda server: visits_service_pb2_grpc.add_VisitsServiceServicer_to_server(servicer, server)
