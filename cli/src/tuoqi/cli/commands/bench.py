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
