"""`tuoqi play`: a county's months from a folder, on a platform of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tuoqi.cli.options import AsJson
from tuoqi.cli.output import Progress, emit, say, show_rows, yuan
from tuoqi.cli.play.run import Run, play

app = typer.Typer()


@app.command("play", epilog="Example: tuoqi play county-months/ --out result/")
def play_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Holds calendar.csv and the files it names.")],
    out: Annotated[Path, typer.Option("--out", metavar="OUT", help="Where the tables go; made if missing.")],
    reveal: Annotated[bool, typer.Option("--reveal", help="Identity numbers in full.")] = False,
    home: Annotated[
        Path | None, typer.Option("--home", help="An empty folder for the platform; kept afterwards.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play a calendar of files and cycles on an empty platform, which is started and stopped."""
    with Progress("play", quiet=as_json) as progress:
        summary = play(Run(folder, out, reveal, home), lambda text: None if as_json else say(text), progress.tell)
    if as_json:
        emit(summary)
    else:
        rows = [
            (programme, kind, sums["lines"], yuan(sums["fen"]))
            for programme, by_type in summary["lines"].items()
            for kind, sums in by_type.items()
        ]
        show_rows(("项目", "类型", "行数", "金额"), rows, right=("行数", "金额"))
        say(f"{sum(summary['rows'].values())} 行，用时 {sum(summary['seconds'].values()):.0f} 秒，结果在 {out}")
    if summary["failed_row"]:
        say(f"calendar.csv 第 {summary['failed_row']} 行失败，到此为止：{summary['failure']}")
        raise typer.Exit(1)
