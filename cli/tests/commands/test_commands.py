"""Parsing and showing of commands; what they ask of services is tested beside it."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tuoqi.cli.commands.letters import letter_of
from tuoqi.cli.commands.local import behind, plan_for
from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home, write_json
from tuoqi.cli.local.leftovers import identity
from tuoqi.cli.options import cycle_from, moment_from
from tuoqi.cli.output import plain, yuan
from tuoqi.cli.paging import pages
from tuoqi.cli.tailing import Wanted, chosen_topics
from tuoqi.contracts.alerts.v1 import alert_pb2, alerts_service_pb2
from tuoqi.contracts.common.v1 import platform_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.wire import Incoming

COMMANDS = """
up|down|status|doctor|import|export|play|compare|lag|county generate|cycle open|cycle compute|cycle review|cycle post
cycle approve|cycle instruct|cycle settle|cycle close|cycle cancel|cycle list|cycle show|cycle lines|clock show|clock set
visits overdue|visits tasks|alerts list|alerts acknowledge|events tail|events replay|dlq list|dlq show|dlq redrive
dlq dismiss|consumer resume|topics plan|topics apply
"""


@pytest.mark.parametrize("command", [c.strip() for line in COMMANDS.split("\n") for c in line.split("|") if c.strip()])
def test_every_command_has_help_with_an_example_and_machine_output(fakes: Any, command: str) -> None:
    result = fakes.run(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"Example: tuoqi {command}" in result.stdout
    assert "--json" in result.stdout


def test_money_is_shown_without_any_float() -> None:
    assert [yuan(fen) for fen in (0, 5, -5, 12345678901234567, -78000)] == [
        "0.00", "0.05", "-0.05", "123456789012345.67", "-780.00",
    ]  # fmt: skip


def test_a_message_becomes_json_with_the_countys_time_and_whole_numbers() -> None:
    alert = alerts_service_pb2.Alert(alert_id="a", joined=2)
    alert.raised_at.FromSeconds(1_700_000_000)
    shape = plain(alert)
    assert shape["raised_at"] == "2023-11-15T06:13:20+08:00"
    assert shape["joined"] == 2
    assert shape["closed_at"] is None
    assert shape["escalations"] == []


@pytest.mark.parametrize("text", ["2026-11-20 18:00", "2026-11-20T10:00:00+00:00"])
def test_a_moment_is_the_countys_unless_it_says_otherwise(text: str) -> None:
    assert moment_from(text).isoformat(sep=" ").startswith(text[:10])
    assert moment_from(text).timestamp() == 1_795_168_800


def test_a_moment_that_is_none_is_refused() -> None:
    with pytest.raises(TuoqiError) as refusal:
        moment_from("20. November")
    assert refusal.value.slug == "cli.not_a_moment"


@pytest.mark.parametrize(("cycle", "month"), [("", ""), ("2026-11-2", "2026-11")])
def test_a_cycle_is_named_in_one_way_and_only_one(cycle: str, month: str) -> None:
    with pytest.raises(TuoqiError) as refusal:
        cycle_from(cycle, month)
    assert refusal.value.slug == "cli.needs_cycle"


def test_a_dead_letter_is_named_with_its_service() -> None:
    assert letter_of("payments:12", "") == ("payments", 12)
    assert letter_of("12", "visits") == ("visits", 12)
    for text in ("12", "payments:x", "payments:"):
        with pytest.raises(TuoqiError):
            letter_of(text, "")


def test_dead_letters_of_all_services_are_listed_with_ids_that_other_commands_take(fakes: Any) -> None:
    result = fakes.run("dlq", "list", "--by", "ops.zheng", "--json")
    ids = [json.loads(line)["id"] for line in result.stdout.splitlines()]
    assert ids == ["registry:12", "visits:12", "payments:12", "alerts:12"]
    assert fakes.run("dlq", "redrive", ids[2], "--by", "ops.zheng").exit_code == 0
    assert fakes.platform.redriven == [12]


def test_status_of_a_platform_that_does_not_run_exits_1_and_says_so(fakes: Any) -> None:
    result = fakes.run("status", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["state"] == "stopped"


def test_a_running_platform_is_fine_only_when_it_has_caught_up(fakes: Any) -> None:
    me = identity(os.getpid())
    write_json(fakes.home / "run" / "status.json", {"state": "up", "message": "", "supervisor": me, "parts": []})
    assert fakes.run("status").exit_code == 0
    fakes.platform.outbox = 4
    result = fakes.run("status")
    assert result.exit_code == 1
    assert "payments: 4 events unsent, the oldest for 3 s" in result.stderr


def test_lag_and_stops_keep_a_service_from_having_caught_up() -> None:
    consumers = [
        pb.ConsumerStatus(consumer="c1", lag=3),
        pb.ConsumerStatus(consumer="c2", lag=-1),
        pb.ConsumerStatus(consumer="c3", stopped_reason="too many"),
        pb.ConsumerStatus(consumer="c4"),
    ]
    assert behind(pb.GetStatusResponse(consumers=consumers)) == [
        "c1 has 3 events to apply", "c2 has no partitions yet", "c3 stopped: too many",
    ]  # fmt: skip


def test_a_reset_removes_everything_but_the_home_itself(fakes: Any) -> None:
    (fakes.home / "demo").mkdir()
    assert fakes.run("down", "--reset").exit_code == 0
    assert not (fakes.home / "demo").exists()
    assert not (fakes.home / "secrets").exists()
    assert fakes.run("clock", "show").exit_code == 1


def test_the_kind_of_clock_is_fixed_at_the_first_start(fakes: Any) -> None:
    home = Home.from_environment()
    assert plan_for(home, None, "").clock == "settable"
    assert plan_for(home, "settable", "2026-11-01 09:00").clock_start == "2026-11-01T09:00:00+08:00"
    with pytest.raises(LocalError, match="keeps it"):
        plan_for(home, "system", "")
    assert fakes.home == home.root


async def test_pages_are_fetched_until_the_limit_or_the_end() -> None:
    asked: list[tuple[int, str]] = []

    async def page(size: int, token: str) -> tuple[list[int], str]:
        asked.append((size, token))
        first = int(token or 0)
        return list(range(first, first + size)), str(first + size) if first + size < 2500 else ""

    assert len(await pages(page, 1500)) == 1500
    assert asked == [(1000, ""), (500, "1000")]


def test_topics_are_chosen_by_full_or_short_name() -> None:
    assert [t.name for t in chosen_topics(["payments.cycle"])] == ["tuoqi.payments.cycle.v1"]
    assert len(chosen_topics([])) > 5
    with pytest.raises(TuoqiError) as refusal:
        chosen_topics(["nothing"])
    assert refusal.value.slug == "tail.no_topic"


def test_a_tail_narrows_by_person_at_any_depth_by_trace_and_by_act() -> None:
    alert = alert_pb2.AlertRef(alert_id="a", kind="k", person_id="p1")
    event = Incoming(
        record=None, key="x", traceparent="00-abc-1-01", correlation_id="c1",
        message=alert_pb2.AlertRaised(alert=alert),
    )  # fmt: skip
    assert Wanted().takes(event)
    assert Wanted(person="p1", trace="abc", correlation="c1").takes(event)
    for other in (Wanted(person="p2"), Wanted(trace="abd"), Wanted(correlation="c")):
        assert not other.takes(event)
