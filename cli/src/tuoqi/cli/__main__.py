"""The `tuoqi` command: every subject's commands under one root."""

from __future__ import annotations

import typer

from tuoqi.cli.commands import (
    alerts,
    bench,
    clock,
    compare,
    county,
    cycle,
    demo,
    events,
    exchange,
    letters,
    local,
    visits,
)
from tuoqi.cli.commands import play as playing
from tuoqi.cli.commands import topics as topic_commands
from tuoqi.cli.failures import Commands

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Tuoqi 托起: a county's old people and children, from the register to the bank file.",
    epilog="Begin with `tuoqi up --demo`; every command explains itself with --help.",
)
for subject in (local, demo, exchange, playing, compare, topic_commands):
    app.add_typer(subject.app)
for name, group in (
    ("county", county.app),
    ("cycle", cycle.app),
    ("clock", clock.app),
    ("visits", visits.app),
    ("alerts", alerts.app),
    ("events", events.app),
    ("dlq", letters.dlq),
    ("consumer", letters.consumer),
    ("topics", topic_commands.group),
    ("bench", bench.app),
):
    app.add_typer(group, name=name, no_args_is_help=True)


def main() -> None:
    """The program's entry."""
    app()


if __name__ == "__main__":
    main()
