"""Two payment_lines files side by side: what is equal, different, or in one of them only."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuoqi.cli.files.reading import open_table
from tuoqi.cli.files.writing import PRIVATE, writing
from tuoqi.cli.output import yuan
from tuoqi.kit.errors import TuoqiError, register_errors

EQUAL, OLD_ONLY, NEW_ONLY, DIFFERENT = "EQUAL", "OLD_ONLY", "NEW_ONLY", "DIFFERENT"
PERSON_KEYS: Final = ("person_id", "id_number", "temp_id", "name")
"""What may tell people apart, the surest first; the first that both files can use is used."""
TITLES: Final = {
    "programme": "项目",
    "person_id": "人员编号",
    "name": "姓名",
    "id_number": "证件号码",
    "temp_id": "临时编号",
    "benefit_month": "享受月份",
    "line_type": "类型",
    "amount": "金额",
    "reason": "原因",
    "explanation": "说明",
}
_BOTH: Final = re.compile(r"[\[［]\s*(\w+)\s*[\]］]")
_MONEY: Final = re.compile(r"([+-]?)(\d+)(?:\.(\d{1,2}))?")

register_errors(
    {
        "compare.columns": ("INVALID_ARGUMENT", "文件 {name} 缺少列：{columns}。"),
        "compare.person": ("INVALID_ARGUMENT", "两份文件没有可以共同辨认人员的列（{columns}），或号码已被遮盖。"),
        "compare.amount": ("INVALID_ARGUMENT", "文件 {name} 第 {row} 行的金额“{text}”不是至多两位小数的数。"),
    }
)

Line = dict[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One person, programme, month and type, in both files together."""

    outcome: str
    line: Line
    """Ours where there is one, else the old one."""
    old_fen: int
    new_fen: int


def compare(old_path: Path, new_path: Path) -> list[Difference]:
    """Every key of the two files with its outcome, sorted. Raises compare.* and what reading a file raises."""
    old, new = _read(old_path), _read(new_path)
    key_columns = ("programme", "benefit_month", "line_type", _person_key(old, new))
    old_sums, new_sums = _summed(old, old_path, key_columns), _summed(new, new_path, key_columns)
    return [_judge(old_sums.get(key), new_sums.get(key)) for key in sorted({*old_sums, *new_sums})]


def _judge(old: tuple[Line, int] | None, new: tuple[Line, int] | None) -> Difference:
    if old is None and new is not None:
        return Difference(NEW_ONLY, new[0], 0, new[1])
    if new is None and old is not None:
        return Difference(OLD_ONLY, old[0], old[1], 0)
    assert old is not None and new is not None  # noqa: S101, PT018 -- a key comes from one file at least
    return Difference(EQUAL if old[1] == new[1] else DIFFERENT, new[0], old[1], new[1])


def _read(path: Path) -> list[tuple[int, Line]]:
    """Row number and cells by column key, from headers like `金额[amount]`, `金额` or `amount`."""
    table = open_table(path)
    names = {title: key for key, title in TITLES.items()}
    keys = [match[1] if (match := _BOTH.search(c)) else names.get(c.strip(), c.strip()) for c in table.columns]
    missing = [f"{TITLES[key]}[{key}]" for key in ("programme", "benefit_month", "amount") if key not in keys]
    if missing:
        raise TuoqiError("compare.columns", name=path.name, columns="、".join(missing))
    return [
        (number, dict(zip(keys, (cell.strip() for cell in cells), strict=False)))
        for number, cells in table.rows()
        if any(cell.strip() for cell in cells)
    ]


def _person_key(old: Sequence[tuple[int, Line]], new: Sequence[tuple[int, Line]]) -> str:
    """The column by which people are found in both files; a masked number tells nobody apart."""
    for key in PERSON_KEYS:
        if all((text := line.get(key, "")) and "*" not in text for _, line in (*old, *new)):
            return key
    raise TuoqiError("compare.person", columns="、".join(PERSON_KEYS))


def _summed(
    lines: Sequence[tuple[int, Line]], path: Path, key_columns: Sequence[str]
) -> dict[tuple[str, ...], tuple[Line, int]]:
    """One line for each key; a file over several cycles may hold a key more than once."""
    sums: dict[tuple[str, ...], tuple[Line, int]] = {}
    for number, line in lines:
        key = tuple(line.get(column, "") for column in key_columns)
        first, fen = sums.get(key, (line, 0))
        sums[key] = (first, fen + _fen(line["amount"], path, number))
    return sums


def _fen(text: str, path: Path, row: int) -> int:
    found = _MONEY.fullmatch(text.replace(",", ""))
    if not found:
        raise TuoqiError("compare.amount", name=path.name, row=row, text=text[:20])
    sign, whole, cents = found.groups()
    fen = int(whole) * 100 + int((cents or "").ljust(2, "0") or "0")
    return -fen if sign == "-" else fen


def summarised(differences: Sequence[Difference]) -> list[tuple[str, str, str, int, int, int]]:
    """programme, reason, outcome → how many, and the old and new fen."""
    counts: Counter[tuple[str, str, str]] = Counter()
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for one in differences:
        key = (one.line.get("programme", ""), one.line.get("reason", ""), one.outcome)
        counts[key] += 1
        sums[key][0] += one.old_fen
        sums[key][1] += one.new_fen
    return [(*key, counts[key], *sums[key]) for key in sorted(counts)]  # type: ignore[misc]  # a key has three parts


def table_of(differences: Sequence[Difference]) -> Iterator[tuple[str, ...]]:
    """Header and rows of the comparison as a file."""
    kept = ("programme", "person_id", "name", "id_number", "temp_id", "benefit_month", "line_type")
    ours = ("reason", "explanation")
    amounts = ("旧金额[old_amount]", "新金额[new_amount]", "差额[difference]")
    yield ("结果[outcome]", *(f"{TITLES[k]}[{k}]" for k in kept), *amounts, *(f"{TITLES[k]}[{k}]" for k in ours))
    for one in differences:
        sums = (yuan(one.old_fen), yuan(one.new_fen), yuan(one.new_fen - one.old_fen))
        yield (one.outcome, *(one.line.get(k, "") for k in kept), *sums, *(one.line.get(k, "") for k in ours))


def write_comparison(differences: Sequence[Difference], out: Path) -> None:
    """The comparison as CSV or XLSX; it may hold numbers in full, so only its owner may read it."""
    with writing(out, mode=PRIVATE) as write:
        for row in table_of(differences):
            write(row)
