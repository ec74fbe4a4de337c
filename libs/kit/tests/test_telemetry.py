"""Logs hide private numbers, metrics are served, traces keep their ids and never block."""

from __future__ import annotations

import json
import logging
import time
import urllib.request
from collections.abc import Iterator

import pytest

from tuoqi.kit import logs, metrics, tracing
from tuoqi.kit.masking import hide_private

IDENTITY = "629999194001010018"


@pytest.fixture(autouse=True)
def _root_logger_put_back() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], root.level = before[0], before[1]


@pytest.mark.parametrize(
    "private",
    [IDENTITY, "62999919400101001X", "62999919400101001x", "629999400101001", "6222021234567890", "13912345678"],
)
def test_a_private_number_is_hidden_wherever_it_stands(private: str) -> None:
    assert private not in hide_private(f"姓名{private}，再次({private})")
    assert hide_private(f"a{private}b").startswith("a***")


@pytest.mark.parametrize(
    "harmless",
    [
        "990101101201",
        "2026-07-10T09:00:00Z",
        "1784278800000",
        "12345678901",
        "7",
        "019f2b1c-8a00-7abc-9def-a13912345678",
        f"{'0123456789' * 6}abcd",
        f"0af7651916cd43d{'1' * 15}ab",
    ],
)
def test_codes_dates_and_counts_stay_readable(harmless: str) -> None:
    assert hide_private(harmless) == harmless


def test_numbers_one_after_the_other_are_no_hash() -> None:
    assert IDENTITY not in hide_private(f"{IDENTITY},{IDENTITY} a{IDENTITY}-b{IDENTITY}")


def test_no_log_line_names_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    """In values of any depth, in numbers, in the traceback and in what a library logs."""
    logs.configure_logs("registry", json_lines=True)
    logs.log.info("row", cell=IDENTITY, number=13912345678, deep={"rows": [(IDENTITY,)]}, raw=IDENTITY.encode())
    try:
        int(IDENTITY + "?")
    except ValueError:
        logs.log.exception("failed")
    logging.getLogger("aiokafka").warning("message %s", IDENTITY)
    written = capsys.readouterr().err
    assert IDENTITY not in written
    assert "13912345678" not in written
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["event"] for line in lines] == ["row", "failed", "message ***18"]
    assert {line["service"] for line in lines} == {"registry"}
    assert "ValueError" in lines[1]["exception"]


def test_a_terminal_gets_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_logs("visits", json_lines=False)
    logs.log.info("relay.sent", rows=3)
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert "relay.sent" in written
    assert "rows=3" in written


def test_metrics_are_served_on_the_port_that_was_free() -> None:
    metrics.CONSUMER_APPLIED.labels("tuoqi.test.one").inc(3)
    port = metrics.serve_metrics("127.0.0.1", 0)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        body = answer.read().decode()
    assert 'tuoqi_consumer_applied_total{consumer="tuoqi.test.one"} 3.0' in body
    assert "tuoqi_outbox_pending 0.0" in body


def test_a_call_continues_its_callers_trace() -> None:
    parent = tracing.new_traceparent(sampled=True)
    with tracing.call_span("Load", parent, "c-1", sampled=False):
        inside = tracing.current_traceparent()
        assert inside[3:35] == parent[3:35]
        assert inside[36:52] != parent[36:52]
        assert tracing.is_sampled(inside)
        assert tracing.current_correlation_id() == "c-1"
    assert tracing.current_traceparent() == tracing.current_correlation_id() == ""


@pytest.mark.parametrize("parent", [None, "", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_a_call_without_a_usable_parent_begins_a_trace(parent: str | None) -> None:
    with tracing.call_span("Load", parent, None, sampled=True):
        assert tracing.is_sampled(tracing.current_traceparent())
        assert tracing.current_correlation_id() == tracing.current_traceparent()[3:35]


def test_a_person_at_the_keyboard_is_recorded_though_the_parent_is_not() -> None:
    parent = tracing.new_traceparent(sampled=False)
    assert not tracing.is_sampled(parent)
    with tracing.call_span("Load", parent, None, sampled=False):
        assert not tracing.is_sampled(tracing.current_traceparent())
    with tracing.call_span("Load", parent, None, sampled=True):
        assert tracing.is_sampled(tracing.current_traceparent())


def test_a_batch_is_recorded_if_one_of_its_messages_is() -> None:
    tracing.configure_tracing("test", 0.0, "")
    dull = [tracing.new_traceparent(sampled=False)] * 50
    with tracing.batch_span("batch", [*dull, "", "broken"], {"records": 52}):
        assert not tracing.is_sampled(tracing.current_traceparent())
    with tracing.batch_span("batch", [*dull, tracing.new_traceparent(sampled=True)]):
        assert tracing.is_sampled(tracing.current_traceparent())


def test_a_collector_that_is_away_costs_nothing() -> None:
    """Nobody listens on port 1: thousands of recorded spans still end at once and nothing raises."""
    tracing.configure_tracing("test", 1.0, "127.0.0.1:1")
    try:
        begin = time.monotonic()
        for _ in range(3_000):
            with tracing.call_span("Load", None, None, sampled=True):
                pass
        assert time.monotonic() - begin < 3
    finally:
        begin = time.monotonic()
        tracing.shutdown_tracing()
        assert time.monotonic() - begin < 8
        tracing.configure_tracing("test", 0.0, "")
