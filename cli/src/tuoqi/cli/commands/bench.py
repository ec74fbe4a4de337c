"""`tuoqi bench`: how fast the platform is on this machine."""

from __future__ import annotations

import typer

app = typer.Typer(help="Measure the platform on this machine.")


@app.callback()
def bench() -> None:
    """Measure the platform on this machine."""
