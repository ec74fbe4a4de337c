"""Moves the clocks of a whole platform: from one due moment to the next, in the order that a county's rules give.

At one moment alerts act first (the steps of open alerts), then visits (deadlines, then grades), then the others; after
each act everything that follows from it is applied everywhere before the next begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from tuoqi.contracts.common.v1 import platform_pb2 as pb
from tuoqi.kit.clock import COUNTY_ZONE
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.stamps import stamp_of

ORDER: Final = ("alerts", "visits")
"""Who acts before all others at one moment, and in which order."""
PAUSE_S_FIRST: Final = 0.002
PAUSE_S_MAX: Final = 0.05
SETTLE_S_MAX: Final = 120.0
ADVANCE_S_MAX: Final = 300.0

register_errors(
    {
        "driver.restless": ("DEADLINE_EXCEEDED", "等待 {seconds} 秒后仍未处理完：{waiting}。"),
        "driver.stuck": ("FAILED_PRECONDITION", "{services} 在 {at} 有到期事项，却一直没有完成。"),
        "driver.backwards": ("FAILED_PRECONDITION", "时钟只能向前调整，现在是 {now}。"),
    }
)


class Driver:
    """The clocks of one platform, which nobody else moves meanwhile.

    `stub` gives the PlatformService stub of a service, with async calls.
    """

    def __init__(
        self, services: Sequence[str], stub: Callable[[str], Any], *, settle_s_max: float = SETTLE_S_MAX
    ) -> None:
        self._stubs = {name: stub(name) for name in services}
        self._settle_s_max = settle_s_max
        self._now: datetime | None = None
        turns: list[tuple[str, ...]] = [(name,) for name in ORDER if name in self._stubs]
        turns.append(tuple(name for name in services if name not in ORDER))
        self._turns = [turn for turn in turns if turn]

    async def times(self) -> dict[str, datetime]:
        """Each service's business clock, in the county's time."""
        answers = await self._ask("GetStatus", pb.GetStatusRequest())
        return {name: _moment(answer.business_time) for name, answer in answers.items()}

    async def settle(self) -> None:
        """Return when nothing is under way anywhere. Raises driver.restless, naming what is waited for."""
        began, pause, before = monotonic(), PAUSE_S_FIRST, -1
        while True:
            answers = await self._ask("Quiet", pb.QuietRequest())
            waiting = {name: answer.waiting_for for name, answer in answers.items() if not answer.quiet}
            activity = sum(answer.activity for answer in answers.values())
            if not waiting and activity == before:
                return
            # One quiet look is not enough: an event may have been between two services that were asked in turn.
            before = -1 if waiting else activity
            if monotonic() - began > self._settle_s_max:
                text = "；".join(f"{name} {what}" for name, what in waiting.items()) or "事件一直在增加"
                raise TuoqiError("driver.restless", seconds=f"{self._settle_s_max:.0f}", waiting=text)
            await asyncio.sleep(pause)
            pause = min(PAUSE_S_MAX, pause * 1.5)

    async def advance(self, to: datetime, told: Callable[[datetime], None] | None = None) -> int:
        """Let the clocks run to this moment, what is due at it included; the number of pieces of due work done.

        Begin it when all is settled. `told` is called with each moment at which something was due. Raises
        driver.backwards, driver.stuck and driver.restless; where it raises, no service stands after `to`, and calling
        it again goes on.
        """
        now = max((await self.times()).values()) if self._now is None else self._now
        if to < now:
            raise TuoqiError("driver.backwards", now=f"{now:%Y-%m-%d %H:%M}")
        done, idle_at = 0, None
        while (due := await self._next_due()) and (first := min(due.values())) <= to:
            # What a killed service left undone is due before now; it is done now.
            at = max(now, first)
            did = await self._act(at, [name for name, moment in due.items() if moment <= at])
            if not did and idle_at == at:
                late = "、".join(name for name, moment in due.items() if moment <= at)
                raise TuoqiError("driver.stuck", services=late, at=f"{at:%Y-%m-%d %H:%M}")
            now, done, idle_at = at, done + did, None if did else at
            if told:
                told(at)
        await self._ask("Advance", _advance(to), timeout_s=ADVANCE_S_MAX)
        self._now = to
        return done

    async def _act(self, at: datetime, services: Sequence[str]) -> int:
        """The services that have something due at this moment, turn by turn; the pieces of work done.

        Those of one turn do not hear each other before it ends. The others stay behind meanwhile: nothing of theirs is
        due, and what they hear bears the time of its sender.
        """
        total = 0
        for turn in self._turns:
            names = [name for name in turn if name in services]
            if not names:
                continue
            answers = await self._ask("Advance", _advance(at), names, ADVANCE_S_MAX)
            did = sum(answer.done for answer in answers.values())
            if did:
                await self.settle()
            total += did
        return total

    async def _next_due(self) -> dict[str, datetime]:
        answers = await self._ask("NextDue", pb.NextDueRequest())
        return {name: _moment(answer.due_at) for name, answer in answers.items() if answer.HasField("due_at")}

    async def _ask(
        self, method: str, request: Any, services: Sequence[str] = (), timeout_s: float = 30.0
    ) -> dict[str, Any]:
        """The same question to several services at once."""
        names = services or tuple(self._stubs)
        calls = (getattr(self._stubs[name], method)(request, timeout=timeout_s) for name in names)
        return dict(zip(names, await asyncio.gather(*calls), strict=True))


def _advance(to: datetime) -> pb.AdvanceRequest:
    return pb.AdvanceRequest(to=stamp_of(to))


def _moment(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC).astimezone(COUNTY_ZONE)
