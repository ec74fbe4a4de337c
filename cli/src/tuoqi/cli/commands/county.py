"""`tuoqi county`: files of invented counties."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tuoqi.cli.county import generate_county
from tuoqi.cli.options import AsJson
from tuoqi.cli.output import Progress, emit, show_rows

app = typer.Typer(help="Files of an invented county.")


@app.callback()
def county() -> None:
    """Files of an invented county."""


@app.command(epilog="Example: tuoqi county generate --persons 25000 --seed 1 --out county/")
def generate(
    out: Annotated[Path, typer.Option("--out", help="The folder; made if missing.")],
    persons: Annotated[int, typer.Option("--persons", min=1, help="How many people.")] = 25_000,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same bytes.")] = 1,
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month it is made for.")] = "2026-11",
    as_json: AsJson = False,
) -> None:
    """Write the files of a synthetic county; all people and places are invented."""
    try:
        with Progress("persons", quiet=as_json) as progress:
            summary = generate_county(
                out,
                persons=persons,
                seed=seed,
                month=month,
                progress=lambda stage, done, total: progress.tell(done, total, stage),
            )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if as_json:
        emit(asdict(summary))
        return
    show_rows(("文件", "行数"), summary.rows.items(), right=("行数",))
    show_rows(("项目", "应发人数"), summary.payees.items(), right=("应发人数",))
