"""The files of the demonstration: the county's own, its visits week by week, and what the bank would answer."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tuoqi.cli.county.generate import generate_county

RETURNED_EVERY = 100
"""One instruction in a hundred comes back: the account was closed."""


def county_files(folder: Path, *, persons: int, seed: int, told: Callable[[str, int, int], None]) -> None:
    """Generate the county once; a folder that was written whole is kept as it is."""
    done = folder / "summary.json"
    if done.is_file():
        return
    summary = generate_county(folder, persons=persons, seed=seed, progress=told)
    done.write_text(json.dumps(asdict(summary), ensure_ascii=False, indent=2), encoding="utf-8")


def visits_up_to(folder: Path, days: Sequence[str]) -> list[Path]:
    """The month's visits cut at these ISO days: a file for each, with the visits after the day before it."""
    source = folder / "visits.csv"
    paths = [folder / f"visits-to-{day}.csv" for day in days]
    with source.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = list(csv.reader(file))
    started = next(index for index, cell in enumerate(header) if "started_at" in cell)
    earlier = ""
    for day, path in zip(days, paths, strict=True):
        _write(path, header, (row for row in rows if earlier < row[started][:10] <= day))
        earlier = day
    return paths


def bank_results(instructions: Path, out: Path, *, settled_on: str) -> tuple[int, str]:
    """What a bank answers to an instruction file: almost all credited. The number returned, and the first one's id."""
    with instructions.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = list(csv.reader(file))
    column = next(index for index, cell in enumerate(header) if "instruction_id" in cell)
    ids = [row[column] for row in rows]
    returned = {ids[number] for number in range(0, len(ids), RETURNED_EVERY)}
    answers = (
        [name, "RETURNED", "账户已销户", ""] if name in returned else [name, "SUCCESS", "", settled_on] for name in ids
    )
    _write(out, ["指令号[instruction_id]", "结果[result]", "退票原因[return_reason]", "入账日期[settled_on]"], answers)
    return len(returned), ids[0] if ids else ""


def _write(path: Path, header: list[str], rows: Iterator[list[str]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
