"""TaskService: day lists, who looks after whom, extra tasks. Everything ends at the regions of whoever asks."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

import grpc

from tuoqi.contracts.visits.v1 import task_service_pb2 as pb
from tuoqi.contracts.visits.v1 import task_service_pb2_grpc
from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import current_actor
from tuoqi.kit.stamps import moment_of, stamp_of
from tuoqi.visits.domain.batches import Scope
from tuoqi.visits.domain.daylist import DEADLINE, OVERDUE, Reason
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.sharing import evenness
from tuoqi.visits.jobs.day import DayDesk, Stop
from tuoqi.visits.jobs.desk import Standing, TaskDesk
from tuoqi.visits.jobs.sharing import Sharing
from tuoqi.visits.rpc.visits import prefix_of
from tuoqi.visits.store import daylist
from tuoqi.visits.store import tasks as task_store

PAGE: Final = 100
WHY: Final = {OVERDUE: ("overdue", "逾期"), DEADLINE: ("deadline", "到期")}
_TOKEN: Final = re.compile(r"([0-9T:.+-]{10,40})~([0-9a-f-]{36})")


class TaskServicer(task_service_pb2_grpc.TaskServiceServicer):
    """Takes decisions to the desk, lists from the store, names from the registry."""

    def __init__(
        self, database: Database, clock: BusinessClock, desk: TaskDesk, days: DayDesk, sharing: Sharing
    ) -> None:
        self._database = database
        self._clock = clock
        self._desk = desk
        self._days = days
        self._sharing = sharing
        self._rules = desk.rules

    async def ListDay(self, request: pb.ListDayRequest, context: Any) -> pb.ListDayResponse:
        """Whom to visit on a day, in walking order."""
        day = _date(request.day) if request.day else day_of(self._clock.now())
        walk = await self._days.walk(
            regions=current_actor().regions, below=prefix_of(request.region), worker=request.worker_id, day=day
        )
        return pb.ListDayResponse(
            visits=[self._visit(stop) for stop in walk.stops],
            urgent=walk.waiting,
            capacity=self._rules.per_day,
            more=walk.more,
            day=day.isoformat(),
        )

    def _visit(self, stop: Stop) -> pb.DayVisit:
        visit = stop.visit
        return pb.DayVisit(
            person_id=visit.person_id,
            name=stop.name,
            address=stop.address,
            region=visit.region,
            grade=visit.grade,
            grade_zh=self._rules.grade_name(visit.grade),
            reasons=[self._reason(one) for one in visit.reasons],
            last_seen=stop.last_seen.isoformat() if stop.last_seen else "",
        )

    def _reason(self, one: Reason) -> pb.DayReason:
        why, why_zh = WHY.get(one.rank, ("task", self._rules.kind_name(one.kind)))
        return pb.DayReason(why=why, why_zh=why_zh, due_on=one.due_on.isoformat(), due_at=stamp_of(one.due_at))

    async def ListAssignments(self, request: pb.ListAssignmentsRequest, context: Any) -> pb.ListAssignmentsResponse:
        """People with a plan and who looks after them."""
        page = request.page_size or PAGE
        async with self._database.begin() as tx:
            rows = await daylist.list_assigned(
                tx,
                regions=current_actor().regions,
                below=prefix_of(request.region),
                worker=request.worker_id,
                unassigned=request.unassigned,
                after=request.page_token,
                page=page + 1,
            )
        return pb.ListAssignmentsResponse(
            assignments=[pb.Assignment(**row._asdict()) for row in rows[:page]],
            next_page_token=rows[page - 1].person_id if len(rows) > page else "",
        )

    async def GetLoad(self, request: pb.GetLoadRequest, context: Any) -> pb.GetLoadResponse:
        """What each worker has to do in a month."""
        async with self._database.begin() as tx:
            rows = await daylist.people_by_worker(tx, regions=current_actor().regions, below=prefix_of(request.region))
        loads: dict[str, pb.WorkerLoad] = {}
        unassigned = 0
        for worker, grade, people in rows:
            if not worker:
                unassigned += people
                continue
            load = loads.setdefault(worker, pb.WorkerLoad(worker_id=worker))
            load.people += people
            load.visits_hundredths += people * self._rules.weight(grade)
            load.by_grade[grade] += people
        found = sorted(loads.values(), key=lambda one: (-one.visits_hundredths, one.worker_id))
        sizes = [one.visits_hundredths for one in found]
        return pb.GetLoadResponse(
            workers=found,
            unassigned=unassigned,
            evenness=evenness(sizes),
            most_hundredths=max(sizes, default=0),
            least_hundredths=min(sizes, default=0),
        )

    async def Assign(self, request: pb.AssignRequest, context: Any) -> pb.AssignResponse:
        """Give people to a worker by hand, or take that back; the purpose is the reason."""
        actor = current_actor()
        actor.require_purpose()
        people = sorted(set(request.person_ids))
        return pb.AssignResponse(changed=await self._desk.assign(people, request.worker_id, actor, self._clock.now()))

    async def ShareOut(self, request: pb.ShareOutRequest, context: Any) -> pb.ShareOutResponse:
        """Share out what changed now; the whole county's, so for those alone who act everywhere."""
        current_actor().require_region("")
        return pb.ShareOutResponse(decided=await self._sharing.share_out(self._clock.now()))

    async def OrderTasks(self, request: pb.OrderTasksRequest, context: Any) -> pb.OrderTasksResponse:
        """Order an extra task for one person or a set."""
        actor, at = current_actor(), self._clock.now()
        if bool(request.person_ids) == bool(request.region):
            raise TuoqiError("visits.order_whom")
        if request.region:
            actor.require_region(prefix_of(request.region))
        order = self._desk.new_order(
            request.cause_id,
            request.kind,
            Scope(
                regions=(prefix_of(request.region),) if request.region else (),
                grades=tuple(sorted(set(request.grades))),
                categories=tuple(sorted(set(request.categories))),
                persons=tuple(sorted(set(request.person_ids))),
            ),
            by=actor.user,
            at=at,
            due_at=moment_of(request.due_at) if request.HasField("due_at") else None,
            hours=request.within_hours,
        )
        standing = await self._desk.order(order, actor, at)
        return pb.OrderTasksResponse(batch=_batch(standing), ordered_before=standing.known_before)

    async def CancelTasks(self, request: pb.CancelTasksRequest, context: Any) -> pb.CancelTasksResponse:
        """Take an order back; the purpose is the reason."""
        actor = current_actor()
        actor.require_purpose()
        return pb.CancelTasksResponse(batch=_batch(await self._desk.cancel(request.cause_id, actor, self._clock.now())))

    async def ListExtraTasks(self, request: pb.ListExtraTasksRequest, context: Any) -> pb.ListExtraTasksResponse:
        """Extra tasks by due moment."""
        page = request.page_size or PAGE
        async with self._database.begin() as tx:
            rows = await task_store.list_extra_tasks(
                tx,
                regions=current_actor().regions,
                below=prefix_of(request.region),
                state=request.state,
                cause=request.cause_id,
                person=request.person_id,
                after=_place(request.page_token),
                page=page + 1,
            )
        last = rows[page - 1] if len(rows) > page else None
        return pb.ListExtraTasksResponse(
            tasks=[self._task(row) for row in rows[:page]],
            next_page_token=f"{last.due_at.isoformat()}~{last.task_id}" if last else "",
        )

    def _task(self, row: task_store.TaskRow) -> pb.ExtraTask:
        return pb.ExtraTask(
            task_id=row.task_id,
            person_id=row.person_id,
            cause_id=row.cause_id,
            kind=row.kind,
            kind_zh=self._rules.kind_name(row.kind),
            opened_at=stamp_of(row.opened_at),
            due_at=stamp_of(row.due_at),
            state=row.state,
            overdue=row.overdue,
            settled_at=stamp_of(row.settled_at),
            region=row.region,
            worker_id=row.worker_id,
        )


def _batch(standing: Standing) -> pb.TaskBatch:
    batch, sums = standing.batch, standing.sums
    return pb.TaskBatch(
        cause_id=batch.cause_id,
        kind=batch.kind,
        due_at=stamp_of(batch.due_at),
        tasks=sums.tasks,
        open=sums.open,
        done=sums.done,
        ended=sums.ended,
    )


def _date(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise TuoqiError("visits.bad_date", value=value[:20]) from error


def _place(token: str) -> tuple[datetime, str] | None:
    if not token:
        return None
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise TuoqiError("visits.bad_page")
    try:
        return datetime.fromisoformat(found[1]), found[2]
    except ValueError as error:
        raise TuoqiError("visits.bad_page") from error


def add_tasks(servicer: TaskServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: task_service_pb2_grpc.add_TaskServiceServicer_to_server(servicer, server)
