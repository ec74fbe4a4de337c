"""`tuoqi up`, `down`, `status`, `doctor`: the platform on this machine."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import asdict
from typing import Annotated, Any, Literal

import grpc
import typer

from tuoqi.cli.demo.month import demo_folder
from tuoqi.cli.local import control
from tuoqi.cli.local.doctor import examine
from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home, read_json
from tuoqi.cli.local.plan import Endpoints, Plan
from tuoqi.cli.options import AsJson, moment_from
from tuoqi.cli.output import emit, plain, say, show_rows, shown
from tuoqi.cli.platform import Platform, county_dir, here
from tuoqi.contracts.common.v1 import platform_pb2 as pb

DEMO_START = "2026-11-01 09:00"
"""Where a demonstration's clock begins, in the county's time."""
TOPICS = "tuoqi.cli.topics:apply"
ASK_S_MAX = 5.0

app = typer.Typer()
ClockKind = Literal["system", "settable"]


@app.command(epilog="Example: tuoqi up --detach --demo")
def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is ready; it runs on.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help=f"With a settable clock that begins at {DEMO_START}.")] = False,
    clock: Annotated[ClockKind | None, typer.Option("--clock", help="Fixed when a home is first started.")] = None,
    clock_start: Annotated[str, typer.Option("--clock-start", metavar="MOMENT", help="Of a settable clock.")] = "",
    as_json: AsJson = False,
) -> None:
    """Start Kafka, PostgreSQL and all services; in the foreground until Ctrl-C."""
    home = here()
    plan = plan_for(home, "settable" if demo else clock, clock_start or (DEMO_START if demo else ""))

    def ready(endpoints: Endpoints) -> None:
        if as_json:
            emit({"home": str(home.root), "clock": plan.clock, **endpoints.to_dict()})
            return
        say(f"up in {home.root}, clock: {plan.clock}; logs in {home.logs}")
        show_rows(("part", "address"), [("kafka", endpoints.kafka), ("postgres", endpoints.postgres)])
        show_rows(("service", "grpc"), endpoints.grpc.items())
        say("`tuoqi down` stops it." if detach else "Ctrl-C stops it.")

    control.up(home, plan, detach=detach, say=say, ready=ready)


def plan_for(home: Home, clock: ClockKind | None, clock_start: str) -> Plan:
    """What to start; the kind of clock stays what it was at the home's first start.

    Raises:
        LocalError: where another kind is asked for now: the facts that stand there bear the other clock's time.
    """
    kept = read_json(home.run / "platform.json").get("clock", "")
    wanted = clock or kept or ("settable" if clock_start else "system")
    if kept and kept != wanted:
        raise LocalError(
            f"{home.root} was started with the clock '{kept}' and keeps it; use another TUOQI_HOME, or `tuoqi down --reset`."
        )
    if wanted == "system" and clock_start:
        raise LocalError("A system clock has no start; say --clock settable.")
    start = moment_from(clock_start).isoformat() if clock_start else ""
    return Plan(topics=TOPICS, county=str(county_dir()), clock=wanted, clock_start=start)


@app.command(epilog="Example: tuoqi down")
def down(
    reset: Annotated[bool, typer.Option("--reset", help="Also remove its data, logs, passwords and keys.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop the platform and wait until every process of it is gone."""
    home = here()
    stopped = control.down(home)
    if reset:
        control.reset(home)
        shutil.rmtree(demo_folder(home), ignore_errors=True)
    if as_json:
        emit({"home": str(home.root), "was_running": stopped, "reset": reset})
    else:
        say(f"stopped: {home.root}" if stopped else f"nothing ran in {home.root}")
        if reset:
            say("data, logs, passwords and keys are removed")


@app.command(epilog="Example: tuoqi status")
def status(as_json: AsJson = False) -> None:
    """Tell the truth about each part; exit code 0 only where all are up and caught up."""
    home = here()
    standing = control.status(home)
    services = asyncio.run(ask_services(home)) if standing.state == "up" else {}
    findings = [*part_findings(standing), *(f"{name}: {text}" for name in services for text in behind(services[name]))]
    if as_json:
        shape = {name: plain(one) if not isinstance(one, str) else {"error": one} for name, one in services.items()}
        parts = [asdict(part) for part in standing.parts]
        emit({"state": standing.state, "ok": not findings, "findings": findings, "parts": parts, "services": shape})
    else:
        _show(standing, services, findings)
    if findings:
        raise typer.Exit(1)


def part_findings(standing: control.PlatformStatus) -> list[str]:
    """What keeps the processes from being up."""
    found = [f"{part.name} is {part.state} {part.message}".strip() for part in standing.parts if part.state != "up"]
    if standing.state != "up":
        found.insert(0, f"the platform is {standing.state} {standing.message}".strip())
    return found


def behind(answer: pb.GetStatusResponse | str) -> list[str]:
    """What keeps a service from having caught up."""
    if isinstance(answer, str):
        return [answer]
    found = []
    if answer.outbox_pending:
        found.append(f"{answer.outbox_pending} events unsent, the oldest for {answer.outbox_oldest_age_s:.0f} s")
    for consumer in answer.consumers:
        if consumer.stopped_reason:
            found.append(f"{consumer.consumer} stopped: {consumer.stopped_reason}")
        elif consumer.lag:
            found.append(f"{consumer.consumer} has {consumer.lag} events to apply" if consumer.lag > 0 else
                         f"{consumer.consumer} has no partitions yet")  # fmt: skip
    return found


async def ask_services(home: Home) -> dict[str, pb.GetStatusResponse | str]:
    """Each service's own answer, or why there is none."""

    async def ask(platform: Platform, name: str) -> pb.GetStatusResponse | str:
        try:
            answer: pb.GetStatusResponse = await platform.common(name).GetStatus(
                pb.GetStatusRequest(), timeout=ASK_S_MAX
            )
        except grpc.aio.AioRpcError as error:
            return f"does not answer: {error.details()}"[:200]
        return answer

    async with Platform.of(home) as platform:
        answers = await asyncio.gather(*(ask(platform, name) for name in platform.services))
        return dict(zip(platform.services, answers, strict=True))


def _show(standing: control.PlatformStatus, services: dict[str, Any], findings: list[str]) -> None:
    rows = [(p.name, p.state, p.pid or "", p.restarts, p.since[:19].replace("T", " ")) for p in standing.parts]
    show_rows(("part", "state", "pid", "restarts", "since (UTC)"), rows)
    answers = {name: answer for name, answer in services.items() if not isinstance(answer, str)}
    if answers:
        columns = ("service", "business time", "unsent", "lag", "dead letters", "parked")
        show_rows(columns, [
            (name, shown(a.business_time), a.outbox_pending, sum(c.lag for c in a.consumers), a.dead_letters, a.parked)
            for name, a in answers.items()
        ])  # fmt: skip
    for finding in findings:
        say(f"! {finding}")
    if not findings:
        say("all parts are up and caught up")


@app.command(epilog="Example: tuoqi doctor")
def doctor(as_json: AsJson = False) -> None:
    """Look for what commonly keeps a platform from starting on this machine."""
    checks = examine(here())
    for check in checks:
        if as_json:
            emit(asdict(check))
        else:
            print(f"{'ok' if check.ok else 'NO'}\t{check.name}\t{check.message}")
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
