"""What a command shows: tables and sentences for people, JSON for programs, progress on stderr only."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from tuoqi.kit.clock import COUNTY_ZONE

LINE_EVERY_S = 5.0
"""How often progress is told where there is no terminal."""


def emit(value: Any) -> None:
    """One JSON value on one line of stdout."""
    print(json.dumps(value, ensure_ascii=False))


def plain(message: Message) -> dict[str, Any]:
    """A protobuf message for JSON: every field under its contract name, moments in the county's time, bytes as hex."""
    result: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            result[field.name] = {key: _plain_value(entry) for key, entry in sorted(value.items())}
        elif field.is_repeated:
            result[field.name] = [_plain_value(entry) for entry in value]
        elif field.has_presence and not message.HasField(field.name):
            result[field.name] = None
        else:
            result[field.name] = _plain_value(value)
    return result


def _plain_value(value: Any) -> Any:
    if isinstance(value, Timestamp):
        return moment_of(value).isoformat()
    if isinstance(value, Message):
        return plain(value)
    return value.hex() if isinstance(value, bytes) else value


def moment_of(stamp: Timestamp) -> datetime:
    """A moment of the wire in the county's time."""
    return stamp.ToDatetime(UTC).astimezone(COUNTY_ZONE)


def shown(stamp: Timestamp) -> str:
    """A moment for people: `YYYY-MM-DD HH:MM:SS`, the seconds left out where they are nought; empty where unset."""
    if not stamp.seconds and not stamp.nanos:
        return ""
    moment = moment_of(stamp)
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment.second else f"{moment:%Y-%m-%d %H:%M}"


def yuan(fen: int) -> str:
    """Fen as yuan with two decimals, without any float."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def show_rows(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """A table on a terminal, lines with tabs elsewhere; the columns named in `right` hold numbers."""
    if not sys.stdout.isatty():
        print("\t".join(columns))
        for row in rows:
            print("\t".join(map(str, row)))
        return
    table = Table(*(), show_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    Console().print(table)


def show_pairs(pairs: Mapping[str, object]) -> None:
    """Names and values, one a line."""
    for name, value in pairs.items():
        print(f"{name}\t{value}")


class Progress:
    """How far something has come: a bar on a terminal, a line every few seconds elsewhere, nothing where quiet.

    With `rated` it also tells how many rows a second there are and how much time is left, counted from the first word.
    """

    def __init__(self, label: str, *, quiet: bool = False, rated: bool = False) -> None:
        self._label = label
        self._quiet = quiet
        self._rated = rated
        self._told_at = time.monotonic()
        self._first: tuple[int, float] | None = None
        self._bar: Bar | None = None
        self.done = 0
        """The last that was told."""
        if not quiet and sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            rate = (TextColumn("{task.fields[rate]}"),) if rated else ()
            self._bar = Bar(*columns, *rate, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(label, total=None, rate="")

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar:
            self._bar.stop()

    def tell(self, done: int, total: int, label: str = "") -> None:
        """So many of so many; 0 in all means not known yet."""
        self.done = done
        rate = self._rate(done, total) if self._rated else ""
        if self._bar:
            text = Text(label or self._label).markup
            self._bar.update(self._task, completed=done, total=total or None, description=text, rate=rate)
        elif not self._quiet and time.monotonic() - self._told_at >= LINE_EVERY_S:
            self._told_at = time.monotonic()
            figures = f" {done}/{total or '?'}" if done or total else ""
            print(f"{label or self._label}{figures}{' ' if rate else ''}{rate}", file=sys.stderr, flush=True)

    def _rate(self, done: int, total: int) -> str:
        now = time.monotonic()
        if self._first is None:
            self._first = (done, now)
        first, begun = self._first
        if done <= first or now <= begun:
            return ""
        per_s = (done - first) / (now - begun)
        left = f"，约剩 {_duration((total - done) / per_s)}" if total else ""
        return f"{per_s:,.0f} 行/秒{left}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} 分 {rest:02d} 秒" if minutes else f"{rest} 秒"


def say(text: str) -> None:
    """A sentence about what is being done, on stderr."""
    print(text, file=sys.stderr, flush=True)
