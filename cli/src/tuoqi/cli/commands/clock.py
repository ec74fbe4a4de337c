"""`tuoqi clock`: the business clocks of all services at once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from tuoqi.cli.driver import Driver
from tuoqi.cli.options import AsJson, moment_from
from tuoqi.cli.output import Progress, emit, say, show_rows
from tuoqi.cli.platform import Platform, call

app = typer.Typer(help="The business clocks of all services.")


@app.callback()
def clock() -> None:
    """The business clocks of all services."""


@app.command(epilog="Example: tuoqi clock show")
def show(as_json: AsJson = False) -> None:
    """Show where each service's business clock stands."""

    async def ask(platform: Platform) -> dict[str, datetime]:
        return await Driver(platform.services, platform.common).times()

    times = call(ask)
    if as_json:
        emit({name: moment.isoformat() for name, moment in times.items()})
    else:
        show_rows(("service", "business time"), [(name, f"{at:%Y-%m-%d %H:%M:%S}") for name, at in times.items()])


@app.command("set", epilog="Example: tuoqi clock set '2026-11-21 09:00'")
def set_clock(
    to: Annotated[str, typer.Argument(metavar="MOMENT", help="YYYY-MM-DD HH:MM in the county's time.")],
    as_json: AsJson = False,
) -> None:
    """Let the clocks of all services run to a moment, everything due on the way included; never backwards."""
    moment = moment_from(to)

    async def advance(platform: Platform) -> int:
        driver = Driver(platform.services, platform.common)
        await driver.settle()
        with Progress("", quiet=as_json) as progress:
            done = await driver.advance(moment, lambda at: progress.tell(0, 0, f"{at:%Y-%m-%d %H:%M}"))
        await driver.settle()
        return done

    done = call(advance)
    if as_json:
        emit({"now": moment.isoformat(), "done": done})
    else:
        say(f"{moment:%Y-%m-%d %H:%M}: {done} pieces of due work were done")


@app.command(epilog="Example: tuoqi import deaths deaths.csv --by clerk.li && tuoqi clock settle")
def settle(as_json: AsJson = False) -> None:
    """Wait until every event has been applied everywhere; the clocks stand still meanwhile."""

    async def wait(platform: Platform) -> None:
        await Driver(platform.services, platform.common).settle()

    call(wait)
    if as_json:
        emit({"settled": True})
    else:
        say("everything that happened has been applied everywhere")
