"""`tuoqi compare`: the old system's payment lines beside ours."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from tuoqi.cli.comparing import EQUAL, Difference, compare, summarised, table_of, write_comparison
from tuoqi.cli.options import AsJson
from tuoqi.cli.output import emit, say, show_rows, yuan

app = typer.Typer()
OUTCOMES = {"EQUAL": "一致", "OLD_ONLY": "仅旧有", "NEW_ONLY": "仅新有", "DIFFERENT": "金额不同"}
SHOWN_MAX = 200


@app.command("compare", epilog="Example: tuoqi compare old.csv payment_lines-2026-11.csv --out differences.csv")
def compare_command(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="payment_lines of the old system.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="payment_lines of this platform.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="CSV", help="Also write every row here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Put two payment_lines files side by side, person by person."""
    differences = compare(old, new)
    if out is not None:
        write_comparison(differences, out)
    if as_json:
        _emit(differences)
        return
    rows = [
        (programme, reason, OUTCOMES[outcome], count, yuan(before), yuan(after))
        for programme, reason, outcome, count, before, after in summarised(differences)
    ]
    show_rows(("项目", "原因", "结果", "笔数", "旧金额", "新金额"), rows, right=("笔数", "旧金额", "新金额"))
    unequal = [one for one in differences if one.outcome != EQUAL]
    if unequal:
        header, *table = table_of(unequal[:SHOWN_MAX])
        show_rows([cell.partition("[")[0] for cell in header], table)
    counts = Counter(one.outcome for one in differences)
    say("，".join(f"{text} {counts[outcome]}" for outcome, text in OUTCOMES.items()))
    if len(unequal) > SHOWN_MAX:
        say(f"另有 {len(unequal) - SHOWN_MAX} 笔未列出；--out 可得全部。")


def _emit(differences: list[Difference]) -> None:
    for programme, reason, outcome, count, before, after in summarised(differences):
        emit(
            {
                "programme": programme,
                "reason": reason,
                "outcome": outcome,
                "lines": count,
                "old_fen": before,
                "new_fen": after,
            }
        )
