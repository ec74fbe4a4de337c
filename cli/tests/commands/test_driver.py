"""The driver of the clocks, against services that follow the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tuoqi.cli.driver import Driver
from tuoqi.contracts.common.v1 import platform_pb2 as pb
from tuoqi.kit.clock import COUNTY_ZONE
from tuoqi.kit.errors import TuoqiError

START = datetime(2026, 11, 1, 9, 0, tzinfo=COUNTY_ZONE)
HOUR = timedelta(hours=1)


class World:
    """Services with due work, whose every act keeps the others busy for a few looks."""

    def __init__(self, due: dict[str, list[datetime]], busy_looks: int = 2) -> None:
        self.due = due
        self.busy_looks = busy_looks
        self.busy = 0
        self.activity = 0
        self.log: list[tuple[str, datetime, int]] = []
        self.clocks = dict.fromkeys(due, START)
        self.stubborn = False

    def stub(self, name: str) -> Service:
        return Service(name, self)


class Service:
    """The four internal methods of one service."""

    def __init__(self, name: str, world: World) -> None:
        self._name = name
        self._world = world

    async def GetStatus(self, request: Any, timeout: float) -> pb.GetStatusResponse:  # noqa: N802, ASYNC109, ARG002
        answer = pb.GetStatusResponse()
        answer.business_time.FromDatetime(self._world.clocks[self._name].astimezone(UTC))
        return answer

    async def NextDue(self, request: Any, timeout: float) -> pb.NextDueResponse:  # noqa: N802, ASYNC109, ARG002
        answer = pb.NextDueResponse()
        if moments := self._world.due[self._name]:
            answer.due_at.FromDatetime(min(moments).astimezone(UTC))
        return answer

    async def Advance(self, request: pb.AdvanceRequest, timeout: float) -> pb.AdvanceResponse:  # noqa: N802, ASYNC109, ARG002
        world, to = self._world, request.to.ToDatetime(UTC).astimezone(COUNTY_ZONE)
        assert to >= world.clocks[self._name]
        at_once = self._name in ("registry", "payments") and bool(world.log) and world.log[-1][1] == to
        assert at_once or not world.busy, "an act began before the one before it was applied everywhere"
        world.clocks[self._name] = to
        if world.stubborn:
            return pb.AdvanceResponse()
        did = [moment for moment in world.due[self._name] if moment <= to]
        world.due[self._name] = [moment for moment in world.due[self._name] if moment > to]
        if did:
            world.log.append((self._name, to, len(did)))
            world.busy = world.busy_looks * len(world.clocks)
        return pb.AdvanceResponse(done=len(did))

    async def Quiet(self, request: Any, timeout: float) -> pb.QuietResponse:  # noqa: N802, ASYNC109, ARG002
        world = self._world
        if world.busy:
            world.busy -= 1
            world.activity += 1
            return pb.QuietResponse(quiet=False, activity=world.activity, waiting_for="outbox")
        return pb.QuietResponse(quiet=True, activity=world.activity)


def _driver(world: World, settle_s_max: float = 5.0) -> Driver:
    return Driver(tuple(world.due), world.stub, settle_s_max=settle_s_max)


async def test_at_one_moment_alerts_act_before_visits_and_visits_before_the_others() -> None:
    moment = START + HOUR
    world = World({name: [moment] for name in ("registry", "visits", "payments", "alerts")})
    assert await _driver(world).advance(START + 2 * HOUR) == 4
    names = [name for name, _, _ in world.log]
    assert names[:2] == ["alerts", "visits"]
    assert sorted(names[2:]) == ["payments", "registry"]
    assert set(world.clocks.values()) == {START + 2 * HOUR}


async def test_due_work_is_done_in_order_of_time_and_only_up_to_the_target() -> None:
    world = World({"visits": [START + 3 * HOUR, START + HOUR, START + 9 * HOUR], "alerts": [START + 2 * HOUR]})
    seen: list[datetime] = []
    assert await _driver(world).advance(START + 3 * HOUR, seen.append) == 3
    expected = [("visits", START + HOUR, 1), ("alerts", START + 2 * HOUR, 1), ("visits", START + 3 * HOUR, 1)]
    assert world.log == expected
    assert seen == [at for _, at, _ in expected]
    assert world.due["visits"] == [START + 9 * HOUR]


async def test_what_a_killed_service_left_undone_is_done_at_the_present_moment() -> None:
    world = World({"visits": [START - HOUR], "alerts": []})
    assert await _driver(world).advance(START + HOUR) == 1
    assert world.log == [("visits", START, 1)]


async def test_the_clock_never_goes_back() -> None:
    world = World({"visits": [], "alerts": []})
    with pytest.raises(TuoqiError) as refusal:
        await _driver(world).advance(START - HOUR)
    assert refusal.value.slug == "driver.backwards"


async def test_due_work_that_is_never_done_is_named_instead_of_tried_for_ever() -> None:
    world = World({"visits": [START + HOUR], "alerts": []})
    world.stubborn = True
    with pytest.raises(TuoqiError) as refusal:
        await _driver(world).advance(START + 2 * HOUR)
    assert refusal.value.slug == "driver.stuck"
    assert refusal.value.details["services"] == "visits"


async def test_settling_ends_only_after_two_quiet_looks_with_nothing_between() -> None:
    world = World({"visits": [], "alerts": []})
    world.busy = 5
    await _driver(world).settle()
    assert world.busy == 0


async def test_settling_that_takes_too_long_names_what_is_waited_for() -> None:
    world = World({"visits": [], "alerts": []})
    world.busy = 10**9
    with pytest.raises(TuoqiError) as refusal:
        await _driver(world, settle_s_max=0.05).settle()
    assert refusal.value.slug == "driver.restless"
    assert "visits outbox" in str(refusal.value.details["waiting"])
