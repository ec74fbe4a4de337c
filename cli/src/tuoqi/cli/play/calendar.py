"""calendar.csv: which file is loaded, which cycle is run, on which day; and when approvals fall due between its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from tuoqi.cli.files.reading import open_table
from tuoqi.kit.clock import COUNTY_ZONE
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.tables import Column, Header, ParsedRow, parse_rows

NAME: Final = "calendar.csv"
OPENING: Final = time(9, 0)
POSTING_DAYS: Final = 7
ACTIONS: Final = {"import": "导入", "cycle": "发放", "until": "推进"}
COLUMNS: Final = (
    Column("date", "日期", "date", required=True),
    Column("action", "动作", "code", required=True, choices=ACTIONS),
    Column("kind", "类型", "code"),
    Column("file", "文件", "text"),
    Column("month", "月份", "month"),
)

register_errors(
    {
        "play.no_calendar": ("INVALID_ARGUMENT", "{folder} 中没有 calendar.csv。"),
        "play.empty": ("INVALID_ARGUMENT", "{folder} 的 calendar.csv 没有任何一行。"),
        "play.bad_row": ("INVALID_ARGUMENT", "第 {row} 行：{reason}"),
    }
)


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the calendar. `problem` is why it cannot be played; a good row has none."""

    row: int
    """Its number in the file."""
    day: date | None
    action: str
    kind: str = ""
    file: str = ""
    month: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """Something to do at a moment: a row, or the approval of a cycle that an earlier row opened."""

    at: datetime
    step: Step
    approval: bool = False
    cut_short: bool = False
    """The calendar ends before the posting does."""


def read_calendar(folder: Path) -> list[Step]:
    """The rows of a folder's calendar, in order; rows that cannot be played carry their problem.

    Raises play.no_calendar, play.empty, and what an unreadable file raises.
    """
    path = folder / NAME
    if not path.is_file():
        raise TuoqiError("play.no_calendar", folder=folder)
    table = open_table(path)
    good, problems = parse_rows(Header.match(table.columns, COLUMNS), table.rows())
    bad = {problem.row_number: Step(problem.row_number, None, "", problem=problem.reason) for problem in problems}
    steps = sorted([*(_step(row, folder) for row in good), *bad.values()], key=lambda step: step.row)
    if not steps:
        raise TuoqiError("play.empty", folder=folder)
    return list(_in_order(steps))


def _step(row: ParsedRow, folder: Path) -> Step:
    values = row.values
    day = values["date"]
    action, kind, file, month = (str(values[key] or "") for key in ("action", "kind", "file", "month"))
    problem = ""
    if action == "import":
        problem = "导入须写明类型和文件。" if not kind or not file else _file_problem(folder, file)
    elif action == "cycle" and not month:
        problem = "发放须写明月份。"
    return Step(row.number, day if isinstance(day, date) else None, action, kind, file, month, problem)


def _file_problem(folder: Path, file: str) -> str:
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        return f"文件 {file} 不在文件夹中。"
    return "" if path.is_file() else f"没有文件 {file}。"


def _in_order(steps: Sequence[Step]) -> Iterator[Step]:
    latest: date | None = None
    for step in steps:
        if step.day and latest and step.day < latest:
            yield Step(step.row, None, "", problem=f"日期 {step.day} 早于前一行的 {latest}。")
            continue
        latest = step.day or latest
        yield step


def agenda(steps: Sequence[Step]) -> Iterator[Act]:
    """Every act in its order: rows at 09:00 of their day and minute by minute after, approvals a week after a cycle.

    An approval comes before the rows of its day; those that the calendar does not reach come at its end, in the order
    of the cycles. Ends with the first row that cannot be played.
    """
    waiting: list[Step] = []
    last, place = datetime.min.replace(tzinfo=COUNTY_ZONE), 0
    for step in steps:
        if step.day is None or step.problem:
            yield Act(last, step)
            return
        opening = datetime.combine(step.day, OPENING, COUNTY_ZONE)
        place = place + 1 if last.date() == step.day else 0
        while waiting and (due := approval_of(waiting[0])) <= opening:
            yield Act(due, waiting.pop(0), approval=True)
        last = opening + timedelta(minutes=place)
        yield Act(last, step)
        if step.action == "cycle":
            waiting.append(step)
    for step in waiting:
        yield Act(last, step, approval=True, cut_short=True)


def approval_of(step: Step) -> datetime:
    """When the cycle of this row is approved and instructed."""
    assert step.day is not None  # noqa: S101 -- only rows that were played are asked about
    return datetime.combine(step.day + timedelta(days=POSTING_DAYS), OPENING, COUNTY_ZONE)
