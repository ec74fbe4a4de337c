"""The calendar of a play: which act comes when."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuoqi.cli.play.calendar import Act, agenda, read_calendar
from tuoqi.kit.errors import TuoqiError

HEADER = "日期[date],动作[action],类型[kind],文件[file],月份[month]\n"


def _folder(tmp_path: Path, *rows: str, files: tuple[str, ...] = ("a.csv", "b.csv")) -> Path:
    for name in files:
        (tmp_path / name).write_text(f"{name}\n", encoding="utf-8")
    (tmp_path / "calendar.csv").write_text("\ufeff" + HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def _shown(act: Act) -> tuple[str, str, int]:
    what = ("approve!" if act.cut_short else "approve") if act.approval else act.step.action
    return f"{act.at:%m-%d %H:%M}", what, act.step.row


def _played(tmp_path: Path, *rows: str) -> list[tuple[str, str, int]]:
    return [_shown(act) for act in agenda(read_calendar(_folder(tmp_path, *rows)))]


def test_rows_of_one_day_stand_one_minute_apart_from_nine_oclock(tmp_path: Path) -> None:
    rows = ("2024-01-03,import,persons,a.csv,", "2024-01-03,导入,statuses,b.csv,", "2024-01-04,until,,,")
    assert _played(tmp_path, *rows) == [
        ("01-03 09:00", "import", 2),
        ("01-03 09:01", "import", 3),
        ("01-04 09:00", "until", 4),
    ]


def test_a_cycle_is_approved_seven_days_later_before_the_rows_of_that_day(tmp_path: Path) -> None:
    rows = ("2024-01-11,cycle,,,2024-01", "2024-01-18,cycle,,,2024-01", "2024-01-30,until,,,")
    assert _played(tmp_path, *rows) == [
        ("01-11 09:00", "cycle", 2),
        ("01-18 09:00", "approve", 2),
        ("01-18 09:00", "cycle", 3),
        ("01-25 09:00", "approve", 3),
        ("01-30 09:00", "until", 4),
    ]


def test_cycles_that_the_calendar_leaves_in_posting_are_approved_at_its_end_in_their_order(tmp_path: Path) -> None:
    rows = ("2024-01-11,cycle,,,2024-01", "2024-01-13,cycle,,,2024-02", "2024-01-17,import,persons,a.csv,")
    assert _played(tmp_path, *rows)[2:] == [
        ("01-17 09:00", "import", 4),
        ("01-17 09:00", "approve!", 2),
        ("01-17 09:00", "approve!", 3),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2024-01-02,import,persons,b.csv,", "早于前一行"),
        ("2024-01-05,import,persons,none.csv,", "没有文件"),
        ("2024-01-05,import,persons,../calendar.csv,", "不在文件夹中"),
        ("2024-01-05,import,,a.csv,", "须写明类型"),
        ("2024-01-05,cycle,,,", "须写明月份"),
        ("2024-01-05,dance,,,", "import"),
        ("5 January,until,,,", "日期"),
    ],
)
def test_a_row_that_cannot_be_played_ends_the_agenda_with_its_reason(tmp_path: Path, row: str, reason: str) -> None:
    """What stands before it is played; nothing after it is, also no approval."""
    folder = _folder(tmp_path, "2024-01-03,cycle,,,2024-01", row, "2024-02-05,until,,,")
    acts = list(agenda(read_calendar(folder)))
    assert [act.step.row for act in acts] == [2, 3]
    assert reason in acts[1].step.problem


def test_a_folder_without_calendar_and_an_empty_calendar_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TuoqiError) as refusal:
        read_calendar(tmp_path)
    assert refusal.value.slug == "play.no_calendar"
    with pytest.raises(TuoqiError) as refusal:
        read_calendar(_folder(tmp_path))
    assert refusal.value.slug == "play.empty"
