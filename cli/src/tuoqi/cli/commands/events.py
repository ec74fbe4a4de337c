"""`tuoqi events`: watch them go by, or send them again from the log of record."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from tuoqi.cli.options import AsJson, By
from tuoqi.cli.output import emit, plain, say, show_rows
from tuoqi.cli.platform import Platform, call, here, kafka_address
from tuoqi.cli.tailing import Wanted, chosen_topics, follow
from tuoqi.contracts.common.v1 import platform_pb2 as pb
from tuoqi.kit.clock import COUNTY_ZONE
from tuoqi.kit.wire import Incoming

app = typer.Typer(help="Events on Kafka.")
REPLAY_S_MAX = 600.0
UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


@app.callback()
def events() -> None:
    """Events on Kafka."""


@app.command(epilog="Example: tuoqi events tail --person 019… --from start --until-idle 2")
def tail(
    topic: Annotated[list[str] | None, typer.Option("--topic", help="Like payments.cycle; may be repeated.")] = None,
    person: Annotated[str, typer.Option("--person", metavar="ID", help="Only events that name this person.")] = "",
    trace: Annotated[str, typer.Option("--trace", metavar="ID", help="Only events of this trace.")] = "",
    correlation: Annotated[str, typer.Option("--correlation", metavar="ID", help="Only events of this act.")] = "",
    begin: Annotated[
        str,
        typer.Option("--from", metavar="WHEN", help="`start`, `now`, a moment, or how long ago, like 90s, 10m or 2h."),
    ] = "now",
    until_idle: Annotated[
        float | None, typer.Option("--until-idle", metavar="SECONDS", min=0.1, help="End when none came for so long.")
    ] = None,
    count: Annotated[
        bool, typer.Option("--count", help="At the end say only how many of each kind there were.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Follow events as they come; Ctrl-C ends."""
    wanted = Wanted(person, trace, correlation)
    since = _since(begin)
    address = kafka_address(here())
    kinds: Counter[str] = Counter()
    try:
        for event in follow(address, chosen_topics(topic or ()), since=since, until_idle_s=until_idle):
            if not wanted.takes(event):
                continue
            kinds[_kind(event)] += 1
            if not count:
                show(event, as_json=as_json)
    except KeyboardInterrupt:
        pass
    if count and as_json:
        emit(dict(sorted(kinds.items())))
    elif count:
        show_rows(("event", "count"), sorted(kinds.items()))


def _kind(event: Incoming) -> str:
    """Service and event as people say it: `registry.PersonMerged`."""
    _, service, *_, name = event.ce_type.split(".") if event.ce_type.count(".") > 1 else ("", "?", event.ce_type)
    return f"{service}.{name}"


def _since(begin: str) -> datetime | None:
    """The moment from which events are wanted, None for now. Raises typer.BadParameter."""
    if begin == "now":
        return None
    if begin == "start":
        return datetime.fromtimestamp(0, UTC)
    number, unit = begin[:-1], begin[-1:]
    if "T" in begin:
        return _moment(begin)
    if not (number.isascii() and number.isdigit() and unit in UNITS):
        raise typer.BadParameter(f"{begin!r} is neither `start` nor `now` nor a time like 90s, 10m or 2h")
    return datetime.now(UTC) - timedelta(**{UNITS[unit]: int(number)})


def _moment(text: str) -> datetime:
    """An exact moment; without a zone it is the county's. Raises typer.BadParameter."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a moment like 2026-03-01T09:00:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=COUNTY_ZONE)


def show(event: Incoming, *, as_json: bool) -> None:
    """One event on one line."""
    shape = shape_of(event)
    if as_json:
        emit(shape)
        return
    content = shape["event"] if event.message is not None else f"! {event.problem} {event.detail}"
    name = event.ce_type.removeprefix("tuoqi.")
    # What could not be decoded has no time of its own.
    at = datetime.fromtimestamp(event.record.timestamp / 1000, UTC) if event.problem else event.at
    print(f"{at.astimezone(COUNTY_ZONE):%Y-%m-%d %H:%M:%S} {name} {event.key} {content}", flush=True)
    print(f"    trace {event.traceparent[3:35]} correlation {event.correlation_id} at {event.position}", flush=True)


def shape_of(event: Incoming) -> dict[str, Any]:
    """An event for JSON; what could not be decoded says why."""
    return {
        "topic": event.record.topic,
        "position": event.position,
        "key": event.key,
        "id": event.ce_id,
        "type": event.ce_type,
        "time": event.at.isoformat(),
        "version": event.version,
        "traceparent": event.traceparent,
        "correlation_id": event.correlation_id,
        "problem": event.problem,
        "event": plain(event.message) if event.message is not None else None,
    }


@app.command(epilog="Example: tuoqi events replay --service registry --by ops.zheng")
def replay(
    service: Annotated[str, typer.Option("--service", metavar="S", help="Whose outbox.")],
    topic: Annotated[str, typer.Option("--topic", help="Only this topic; default: all of the service.")] = "",
    from_seq: Annotated[int, typer.Option("--from-seq", min=0, help="0: from the first event.")] = 0,
    to_seq: Annotated[int, typer.Option("--to-seq", min=0, help="0: to the last event.")] = 0,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Send events of the outbox again, in order; who applied them before takes no notice."""
    name = chosen_topics([topic])[0].name if topic else ""

    async def act(platform: Platform) -> pb.ReplayEventsResponse:
        request = pb.ReplayEventsRequest(topic=name, from_seq=from_seq, to_seq=to_seq)
        answer: pb.ReplayEventsResponse = await platform.common(service).ReplayEvents(request, timeout=REPLAY_S_MAX)
        return answer

    answer = call(act, by)
    if as_json:
        emit({"service": service, **plain(answer)})
    else:
        say(f"{service}: {answer.sent} events were sent again")
