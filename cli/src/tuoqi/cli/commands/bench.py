"""`tuoqi bench`: how fast the platform is on this machine."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer

from tuoqi.cli.options import AsJson
from tuoqi.cli.output import emit, say, show_pairs
from tuoqi.kit.errors import TuoqiError, register_errors

app = typer.Typer(help="Measure the platform on this machine.")
register_errors(
    {"bench.not_installed": ("FAILED_PRECONDITION", "没有安装 tuoqi-benchmarks；在源码目录里用 make install 安装。")}
)


@app.callback()
def bench() -> None:
    """Measure the platform on this machine."""


@app.command(epilog="Example: tuoqi bench pipeline --events 200000 --json")
def pipeline(
    events: Annotated[int, typer.Option("--events", min=1_000, max=10_000_000, help="How many events.")] = 200_000,
    runs: Annotated[int, typer.Option("--runs", min=1, max=20, help="How often; medians are reported.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Kafka → state + inbox + outbox in PostgreSQL → relay → Kafka, beside its limit and the naive way."""
    try:
        # A county's installation carries no benchmarks; a checkout does.
        module = importlib.import_module("tuoqi.benchmarks.pipeline")
    except ModuleNotFoundError as error:
        raise TuoqiError("bench.not_installed") from error
    report = module.bench_pipeline(events, runs, say)
    emit(report) if as_json else show_pairs(report)


@app.command("import", epilog="Example: tuoqi bench import --rows 100000 --json")
def import_command(
    rows: Annotated[int, typer.Option("--rows", min=1_000, max=5_000_000, help="How many persons.")] = 100_000,
    runs: Annotated[int, typer.Option("--runs", min=1, max=20, help="How often; medians are reported.")] = 3,
    platform: Annotated[bool, typer.Option("--platform", help="With all services running, not the registry alone.")] = (
        False
    ),
    as_json: AsJson = False,
) -> None:
    """A file of persons by `tuoqi import` until the last event is in Kafka, beside its limit and the naive way."""
    try:
        module = importlib.import_module("tuoqi.benchmarks.imports")
    except ModuleNotFoundError as error:
        raise TuoqiError("bench.not_installed") from error
    report = module.bench_import(rows, runs, whole=platform, say=say)
    emit(report) if as_json else show_pairs(report)


@app.command(epilog="Example: tuoqi bench search --persons 1000000 --json")
def search(
    persons: Annotated[int, typer.Option("--persons", min=10_000, max=10_000_000, help="How many people.")] = 1_000_000,
    searches: Annotated[int, typer.Option("--searches", min=10, max=100_000, help="Of each kind.")] = 200,
    seed: Annotated[int, typer.Option("--seed", help="Draws what is searched for.")] = 1,
    as_json: AsJson = False,
) -> None:
    """A clerk's searches among so many people, by the real method; pages stay under 50 ms in 95 of 100."""
    try:
        module = importlib.import_module("tuoqi.benchmarks.search")
    except ModuleNotFoundError as error:
        raise TuoqiError("bench.not_installed") from error
    report = module.bench_search(persons, searches, seed, say)
    emit(report) if as_json else show_pairs(report)


@app.command(epilog="Example: tuoqi bench rpc --json")
def rpc(
    persons: Annotated[int, typer.Option("--persons", min=30_000, max=10_000_000, help="How many people.")] = 100_000,
    calls: Annotated[int, typer.Option("--calls", min=50, max=1_000_000, help="In each run, 1,000 people each.")] = 500,
    runs: Annotated[int, typer.Option("--runs", min=1, max=20, help="How often; medians are reported.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Draws whom is asked for.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Batch get of people's files, beside a bare echo of the same bytes."""
    try:
        module = importlib.import_module("tuoqi.benchmarks.rpc")
    except ModuleNotFoundError as error:
        raise TuoqiError("bench.not_installed") from error
    report = module.bench_rpc(persons, calls, runs, seed, say)
    emit(report) if as_json else show_pairs(report)


@app.command(epilog="Example: tuoqi bench disbursements --clients 8 --batch 500 --json")
def disbursements(
    clients: Annotated[int, typer.Option("--clients", min=1, max=64, help="Each with a connection of its own.")] = 8,
    batch: Annotated[int, typer.Option("--batch", min=1, max=1_000, help="Lines in a batch.")] = 500,
    batches: Annotated[
        int, typer.Option("--batches", min=1, max=100_000, help="In each run, all clients together.")
    ] = (400),
    runs: Annotated[int, typer.Option("--runs", min=1, max=20, help="How often; medians are reported.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Batches of another system by gRPC, beside a COPY of the same rows and the naive way; counted and sent again."""
    try:
        module = importlib.import_module("tuoqi.benchmarks.disbursements")
    except ModuleNotFoundError as error:
        raise TuoqiError("bench.not_installed") from error
    report = module.bench_disbursements(clients, batch, batches, runs, say)
    emit(report) if as_json else show_pairs(report)


@app.command(epilog="Example: tuoqi bench cycle --persons 1000000 --json")
def cycle(
    persons: Annotated[int, typer.Option("--persons", min=1_000, max=5_000_000, help="How many people.")] = 1_000_000,
    runs: Annotated[int, typer.Option("--runs", min=1, max=20, help="How often; medians are reported.")] = 3,
    as_json: AsJson = False,
) -> None:
    """A month's payments computed, with ledger and events, beside COPY of the same rows and the naive way."""
    try:
        module = importlib.import_module("tuoqi.benchmarks.cycle")
    except ModuleNotFoundError as error:
        raise TuoqiError("bench.not_installed") from error
    report = module.bench_cycle(persons, runs, say)
    emit(report) if as_json else show_pairs(report)


@app.command(epilog="Example: tuoqi bench sweep --persons 1000000 --json")
def sweep(
    persons: Annotated[int, typer.Option("--persons", min=1_000, max=5_000_000, help="How many plans.")] = 1_000_000,
    runs: Annotated[int, typer.Option("--runs", min=1, max=20, help="How often; medians are reported.")] = 3,
    as_json: AsJson = False,
) -> None:
    """A night's missed visits and the re-grading of a whole county, beside the bare scan and the naive way."""
    try:
        module = importlib.import_module("tuoqi.benchmarks.sweep")
    except ModuleNotFoundError as error:
        raise TuoqiError("bench.not_installed") from error
    report = module.bench_sweep(persons, runs, say)
    emit(report) if as_json else show_pairs(report)


@app.command(epilog="Example: tuoqi bench alerts --uploads 300 --timers 5000 --flood 50000 --json")
def alerts(
    uploads: Annotated[int, typer.Option("--uploads", min=10, max=100_000, help="Missed visits made up.")] = 300,
    timers: Annotated[int, typer.Option("--timers", min=300, max=1_000_000, help="Steps due at one moment.")] = 5_000,
    flood: Annotated[int, typer.Option("--flood", min=1_000, max=5_000_000, help="Visits in each flood.")] = 50_000,
    runs: Annotated[int, typer.Option("--runs", min=1, max=20, help="How often; uploads are made once.")] = 3,
    as_json: AsJson = False,
) -> None:
    """From an upload to the alert's end, thousands of steps in one second, and alarms beside a flood of visits."""
    try:
        module = importlib.import_module("tuoqi.benchmarks.alerts")
    except ModuleNotFoundError as error:
        raise TuoqiError("bench.not_installed") from error
    report = module.bench_alerts(uploads, timers, flood, runs, say)
    emit(report) if as_json else show_pairs(report)
