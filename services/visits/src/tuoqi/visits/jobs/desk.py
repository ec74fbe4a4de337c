"""What people decide about tasks by hand: who looks after whom, and which extra tasks are ordered or taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.visits.domain.batches import ORDER, Scope, TaskBatch
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.sharing import BY_HAND, Member, Move
from tuoqi.visits.domain.task_rules import TaskRules
from tuoqi.visits.handlers.batches import on_ordered, on_taken_back
from tuoqi.visits.jobs.ordering import TaskOrders
from tuoqi.visits.jobs.sharing import Sharing
from tuoqi.visits.store import assignments, batches


@dataclass(frozen=True, slots=True)
class Standing:
    """A batch and how its tasks stand."""

    batch: TaskBatch
    sums: batches.Sums
    known_before: bool = False


class TaskDesk:
    """Takes decisions. Raises what a decision is refused for, and then nothing is kept."""

    def __init__(
        self, commander: Commander, database: Database, rules: TaskRules, sharing: Sharing, orders: TaskOrders
    ) -> None:
        self._commander = commander
        self._database = database
        self.rules = rules
        self._sharing = sharing
        self._orders = orders

    async def assign(self, people: Sequence[str], worker: str, actor: Actor, at: datetime) -> int:
        """Give people to a worker, or take back what was decided by hand where no worker is named; how many changed."""

        async def act(tx: Tx) -> int:
            places = await assignments.lock_places(tx, people)
            self._check(people, {one: place.region for one, place in places.items()}, actor)
            if not worker:
                released = await assignments.release(tx, people)
                for region in sorted({place.region for place in places.values()}):
                    await assignments.note_region(tx, region)
                return released
            if missing := sum(not place.grade for place in places.values()):
                raise TuoqiError("visits.no_plan", count=missing)
            if not await assignments.holds_post(tx, worker, day_of(at)):
                raise TuoqiError("visits.not_a_worker")
            moves = [
                Move(Member(one, place.region, place.grade, seq=place.seq), worker, BY_HAND, by_hand=True)
                for one, place in sorted(places.items())
                if (place.worker_id, place.by_hand) != (worker, True)
            ]
            return await self._sharing.write(tx, moves, at, actor.user) if moves else 0

        changed: int = await self._commander.transaction(act)
        return changed

    @staticmethod
    def _check(people: Sequence[str], regions: dict[str, str], actor: Actor) -> None:
        """Everybody is known and lives in the actor's regions; who lives elsewhere is answered like somebody unknown."""
        unknown = sum(one not in regions or not actor.may_act_in(regions[one]) for one in people)
        if unknown:
            raise TuoqiError("visits.unknown_person", count=unknown)

    async def order(self, order: TaskBatch, actor: Actor, at: datetime) -> Standing:
        """Order tasks and make them; an order that is broken off is finished by the clock."""
        if order.kind not in self.rules.kinds:
            raise TuoqiError("visits.unknown_kind", kind=order.kind, allowed="、".join(sorted(self.rules.kinds)))
        if order.due_at <= order.opened_at:
            raise TuoqiError("visits.due_passed")
        if order.scope.persons:
            async with self._database.begin() as tx:
                regions = await batches.people_in(tx, order.scope.persons)
            self._check(order.scope.persons, regions, actor)
        call = Call(order.cause_id, on_ordered, order, _cause("order", order.cause_id), at, actor.user)

        async def act(tx: Tx) -> bool:
            before = await batches.TaskBatchStore().load(tx, [order.cause_id])
            await self._commander.within(tx, TaskBatch, [call])
            return bool(before)

        before: bool = await self._commander.transaction(act)
        await self._orders.carry_out(order.cause_id, at)
        return await self.standing(order.cause_id, known_before=before)

    async def cancel(self, cause_id: str, actor: Actor, at: datetime) -> Standing:
        """Take an order back: who may order everywhere that it reached may take it back."""

        async def act(tx: Tx) -> Any:
            known = (await batches.TaskBatchStore().load(tx, [cause_id])).get(cause_id)
            if known is not None and not await batches.all_in(tx, known, actor.regions):
                raise TuoqiError("visits.unknown_batch", cause=cause_id)
            call = Call(cause_id, on_taken_back, at, _cause("cancel", cause_id), at, actor.user)
            return await self._commander.within(tx, TaskBatch, [call])

        await self._commander.transaction(act)
        await self._orders.carry_out(cause_id, at)
        return await self.standing(cause_id)

    async def standing(self, cause_id: str, *, known_before: bool = False) -> Standing:
        """How a batch stands."""
        async with self._database.begin() as tx:
            batch = (await batches.TaskBatchStore().load(tx, [cause_id]))[cause_id]
            return Standing(batch, await batches.batch_sums(tx, cause_id), known_before)

    def new_order(
        self, cause_id: str, kind: str, scope: Scope, *, by: str, at: datetime, due_at: datetime | None, hours: int
    ) -> TaskBatch:
        """An order as it is meant: by when follows from a moment, hours, or the kind's own hours."""
        own = self.rules.kinds[kind][1] if kind in self.rules.kinds else 0
        due = due_at or at + timedelta(hours=hours or own)
        return TaskBatch(cause_id, kind, ORDER, scope, at, due, late_hours=hours or own or 1, ordered_by=by)


def _cause(act: str, cause_id: str) -> str:
    """A short name of an act for ids, however long the caller's own name of it is."""
    return f"{act}:{sha256(cause_id.encode()).hexdigest()[:32]}"
