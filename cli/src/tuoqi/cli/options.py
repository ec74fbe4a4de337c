"""Options that many commands share, so that they are named and explained alike everywhere."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from tuoqi.kit.clock import COUNTY_ZONE
from tuoqi.kit.errors import TuoqiError

By = Annotated[
    str, typer.Option("--by", envvar="TUOQI_USER", metavar="USER", help="Who acts 经办人, as users.yaml names him.")
]
Purpose = Annotated[str, typer.Option("--purpose", metavar="TEXT", help="Why 用途; kept with the act in the audit.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine output: JSON, one object a line, nothing else.")]
CycleName = Annotated[str, typer.Option("--cycle", metavar="C", help="A cycle's id or name, like 2026-11-2.")]
Month = Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="A month; it means its latest cycle.")]
PersonId = Annotated[str, typer.Option("--person", metavar="ID", help="Only this person.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="At most this many.")]


def moment_from(text: str) -> datetime:
    """A moment as people write it, `YYYY-MM-DD HH:MM[:SS]` in the county's time or ISO with a zone.

    Raises cli.not_a_moment.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise TuoqiError("cli.not_a_moment", text=text) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=COUNTY_ZONE)


def cycle_from(cycle: str, month: str) -> str:
    """What names the cycle: its id or name, else a month. Raises cli.needs_cycle where neither is given, or both."""
    if bool(cycle) == bool(month):
        raise TuoqiError("cli.needs_cycle")
    return cycle or month
