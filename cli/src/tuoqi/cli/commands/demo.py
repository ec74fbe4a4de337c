"""`tuoqi demo`: an invented county and a month of its work, on the platform that runs here."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from tuoqi.cli.demo.day import ClerksDay
from tuoqi.cli.demo.month import MONTH, PERSONS, DemoMonth
from tuoqi.cli.demo.year import MONTHS, PaymentsYear
from tuoqi.cli.options import AsJson
from tuoqi.cli.output import emit, say, show_rows, yuan
from tuoqi.cli.platform import here

app = typer.Typer()


@app.command(epilog="Example: tuoqi up --demo --detach && tuoqi demo")
def demo(
    persons: Annotated[int, typer.Option("--persons", min=100, max=1_000_000, help="How many people.")] = PERSONS,
    as_json: AsJson = False,
) -> None:
    """Load an invented county and play a month of it; needs a platform started with --demo. Goes on where it stood."""
    home = here()
    seconds = asyncio.run(DemoMonth(home, (lambda _: None) if as_json else say, persons=persons).play())
    if as_json:
        emit({"home": str(home.root), "seconds": seconds})
        return
    say(f"{'the month is played' if seconds else 'the month was played before'}; its files lie in {home.root / 'demo'}")
    for what, command in (
        ("how each part stands", "tuoqi status"),
        ("what was paid, and why", f"tuoqi export payment_lines --cycle {MONTH} --out lines.xlsx --by finance.qian"),
        ("who was missed", "tuoqi visits overdue --by clerk.li"),
        ("what is wrong now", "tuoqi alerts list --by clerk.li"),
        ("every event of one person", "tuoqi events tail --from start --until-idle 2 --person ID"),
    ):
        say(f"  {what:28} .venv/bin/{command}")


@app.command(epilog="Example: tuoqi demo && tuoqi day")
def day(as_json: AsJson = False) -> None:
    """Play a clerk's day on the demonstration county: real commands, their answers, and what every service then did."""
    parts = ClerksDay(here(), (lambda _: None) if as_json else say).play()
    if as_json:
        for part in parts:
            emit(asdict(part))


@app.command(epilog="Example: tuoqi demo && tuoqi year")
def year(
    months: Annotated[int, typer.Option("--months", min=1, max=24, help="How many months.")] = MONTHS,
    as_json: AsJson = False,
) -> None:
    """Play a year of payments after the demonstration's month: late deaths, moves, wrong rates, returned money."""
    done = PaymentsYear(here(), (lambda _: None) if as_json else say, months=months).play()
    if as_json:
        for month in done:
            emit(asdict(month))
        return
    show_rows(
        ("周期", "明细", "补发与差额", "收回", "收回（元）", "代发指令", "退票", "不平"),
        [
            (
                month.cycle,
                sum(month.lines.values()),
                month.lines.get("BACKPAY", 0) + month.lines.get("DIFFERENCE", 0),
                month.lines.get("RECOVERY", 0),
                yuan(month.fen.get("RECOVERY", 0)),
                month.instructions,
                month.returned,
                month.differences,
            )
            for month in done
        ],
    )
