"""What a played calendar leaves behind: one file for each table, sorted, and a summary."""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tuoqi.cli.files.writing import PRIVATE, PUBLIC, writing
from tuoqi.cli.platform import Platform
from tuoqi.cli.play.player import Played
from tuoqi.cli.transfers import export_rows
from tuoqi.contracts.payments.v1 import payments_service_pb2 as pb

OF_CYCLES: Final = ("payment_lines", "bank_instructions")
OF_COUNTY: Final = ("recoveries", "waiting", "visits_overdue", "alerts")
REJECTS: Final = "import_rejects.csv"
SUMMARY: Final = "summary.json"
ORDER: Final = {
    "payment_lines": ("programme", "person_id", "benefit_month", "line_type"),
    "bank_instructions": ("batch", "instruction_id"),
    "recoveries": ("programme", "person_id", "benefit_month"),
    "waiting": ("programme", "person_id", "benefit_month", "reason"),
    "visits_overdue": ("person_id", "deadline"),
    "alerts": ("raised_at", "kind", "person_id"),
}
"""The columns by which each table is sorted; the rest of the row decides among equals."""
REJECT_COLUMNS: Final = ("文件[file]", "行[row]", "列[column]", "值[value]", "原因[reason]")
_KEY: Final = re.compile(r"\[(\w+)\]")
_OURS: Final = re.compile(
    r"(payment_lines|bank_instructions)-\d{4}-\d\d(-\d+)?\.csv|(recoveries|waiting|visits_overdue|alerts|import_rejects)"
    r"\.csv|summary\.json"
)


def clear(out: Path) -> None:
    """Make the folder; take away what an earlier run left in it, and nothing else."""
    out.mkdir(parents=True, exist_ok=True)
    for path in out.iterdir():
        if _OURS.fullmatch(path.name):
            path.unlink()


async def write_tables(platform: Platform, played: Played, out: Path, *, reveal: bool) -> None:
    """Every table of the run. Raises grpc.RpcError where a service refuses one."""
    for cycle in played.cycles.values():
        for kind in OF_CYCLES:
            path = out / f"{kind}-{cycle.ref.name}.csv"
            await _write_table(platform, kind, path, cycle_id=cycle.ref.cycle_id, reveal=reveal)
    for kind in OF_COUNTY:
        await _write_table(platform, kind, out / f"{kind}.csv", cycle_id="", reveal=reveal)
    with writing(out / REJECTS) as write:
        write(REJECT_COLUMNS)
        for file, row, column, value, reason in played.rejects:
            write((file, str(row), column, value, reason))


async def _write_table(platform: Platform, kind: str, path: Path, *, cycle_id: str, reveal: bool) -> None:
    # Accounts are in full in a bank's file whoever asks.
    of_bank = kind == "bank_instructions"
    rows = [cells async for cells in export_rows(platform, kind, cycle_id=cycle_id, reveal=reveal)]
    with writing(path, mode=PRIVATE if reveal or of_bank else PUBLIC) as write:
        write(rows[0])
        for cells in sorted(rows[1:], key=sort_key(kind, rows[0])):
            write(cells)


def sort_key(kind: str, columns: Sequence[str]) -> Callable[[Sequence[str]], tuple[Any, ...]]:
    """How rows of a kind are sorted, by its header."""
    keys = [match[1] if (match := _KEY.search(column)) else column for column in columns]
    places = [keys.index(name) for name in ORDER[kind]]
    return lambda cells: (*(cells[place] for place in places), *cells)


def write_summary(played: Played, events: dict[str, int], out: Path) -> dict[str, Any]:
    """What was played, in figures; only the seconds differ between two runs of the same folder."""
    summary = {
        "rows": dict(sorted(played.acts.items())),
        "imports": {kind: dict(counts) for kind, counts in sorted(played.imports.items())},
        "events": events,
        "cycles": [{"cycle": cycle.ref.name, "state": cycle.state} for cycle in played.cycles.values()],
        "lines": lines_by_programme(list(played.cycles.values())),
        "failed_row": played.failed_row,
        "failure": played.failure,
        "seconds": {step: millis / 1000 for step, millis in sorted(played.seconds.items())},
    }
    draft = out / f".{SUMMARY}.{os.getpid()}.draft"
    draft.write_text(json.dumps(summary, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    draft.replace(out / SUMMARY)
    return summary


def lines_by_programme(cycles: Sequence[pb.Cycle]) -> dict[str, dict[str, dict[str, int]]]:
    """Lines and fen by programme and type over all cycles that count."""
    sums: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for cycle in cycles:
        for total in cycle.totals if cycle.state != "CANCELLED" else ():
            sums[total.programme][total.line_type].update(lines=total.lines, fen=total.amount_fen)
    return {
        programme: {kind: {"lines": c["lines"], "fen": c["fen"]} for kind, c in sorted(by_type.items())}
        for programme, by_type in sorted(sums.items())
    }
