"""Waiting until everything that the registry had committed by a moment is applied here, without gap."""

from __future__ import annotations

import asyncio
from datetime import datetime

from tuoqi.kit.clock import system_seconds
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.errors import CycleError
from tuoqi.payments.domain.months import SHANGHAI
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store.facts import CONSUMER, Missing, fenced_places, read_missing

_LOOK_S = 0.02
_LOOK_S_MAX = 0.5


async def wait_for_facts(tools: Tools, cycle: Cycle, cut_off: datetime) -> None:
    """Returns when the database holds all facts up to the cut-off.

    Raises payments.cycle_cut_off_ahead, and payments.cycle_facts_missing which names what is missing.
    """
    if cut_off > tools.clock.now():
        raise CycleError("payments.cycle_cut_off_ahead", cycle=cycle.name, cut_off=_moment(cut_off))
    await wait_for_registry(tools, cut_off)


async def wait_for_registry(tools: Tools, cut_off: datetime) -> None:
    """The same for whatever is no cycle; a moment ahead is the caller's fault."""
    fence = await tools.registry.fence(cut_off)
    deadline = system_seconds() + tools.facts_wait_s
    pause_s = _LOOK_S
    while True:
        async with tools.database.begin() as tx:
            places = fence.places - await fenced_places(tx, fence.fence_id)
            missing = await read_missing(tx, CONSUMER)
        if not places and not missing.dead_letters and not missing.parked:
            return
        if not places or missing.stopped or system_seconds() > deadline:
            raise CycleError(
                "payments.cycle_facts_missing", cut_off=_moment(cut_off), missing=_named(sorted(places), missing)
            )
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LOOK_S_MAX)


def _named(places: list[tuple[str, int]], missing: Missing) -> str:
    parts = [f"{topic} 分区 {partition}" for topic, partition in places]
    if missing.stopped:
        parts.append(f"订阅 {CONSUMER} 已停止")
    if missing.dead_letters:
        parts.append(f"{missing.dead_letters} 条死信未处理")
    if missing.parked:
        parts.append(f"{missing.parked} 条消息排在死信之后")
    return "、".join(parts)


def _moment(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
