"""A month of a small county through the command inside the stack, and what must be true at its end."""

import csv
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from stack import Stack

from tuoqi.cli.demo.files import bank_results, visits_up_to

MONTH = "2026-11"
PERSONS = 500
CLERK, REVIEWER, FINANCE, SECOND = "clerk.li", "reviewer.zhao", "finance.qian", "finance.sun"
KINDS = ("regions", "facilities", "persons", "statuses", "deaths", "moves", "price_index")
EVENINGS = ("2026-11-08", "2026-11-15", "2026-11-22", "2026-11-30")


class Month:
    """The steps in their order; each says what it did."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._county = stack.files / "county"

    def load(self) -> str:
        """The county's files; no row may be refused."""
        self._stack.tuoqi("county", "generate", "--persons", str(PERSONS), "--out", "county")
        visits_up_to(self._county, EVENINGS)
        return "; ".join(f"{kind} {self._import(kind, f'{kind}.csv', CLERK)}" for kind in KINDS)

    def visits(self, evening: str) -> str:
        """What the villages hand in on this evening."""
        self._stack.tuoqi("clock", "set", f"{evening} 21:00")
        return f"{self._import('visits', f'visits-to-{evening}.csv', CLERK)} visits"

    def compute(self) -> str:
        """Open and compute at the cut-off, review, post."""
        self._stack.tuoqi("clock", "set", "2026-11-20 18:01")
        self._cycle("open", CLERK)
        self._cycle("compute", CLERK)
        self._cycle("review", REVIEWER)
        return self._cycle("post", REVIEWER)

    def instruct(self) -> str:
        """As many of finance as the sum asks for approve after the posting's days; the instructions go to the bank."""
        self._stack.tuoqi("clock", "set", "2026-11-27 18:05")
        if self._cycle("approve", FINANCE) == "POSTED":
            self._cycle("approve", SECOND)
        state = self._cycle("instruct", FINANCE)
        self._export("bank_instructions")
        self._export("waiting")
        return f"{state}, {len(self._read('bank_instructions'))} instructions"

    def settle(self) -> str:
        """The bank answers each instruction; the cycle closes."""
        results = self._county / "bank_results.csv"
        returned, _ = bank_results(self._county / "bank_instructions.csv", results, settled_on="2026-11-27")
        self._cycle("settle", FINANCE)
        answered = self._import("bank_results", results.name, FINANCE)
        return f"{self._cycle('close', FINANCE)}, {answered} results, {returned} returned"

    def proofs(self) -> list[tuple[str, bool]]:
        """What a wrong platform would get wrong: paid twice, paid other than decided, or an alert too many or too few."""
        self._export("payment_lines")
        lines, orders, waiting = (self._read(kind) for kind in ("payment_lines", "bank_instructions", "waiting"))
        (shown,) = self._stack.rows("cycle", "show", "--month", MONTH, by=CLERK)
        decided = sum(int(total["amount_fen"]) for total in shown["totals"])
        written, told, kept = _fen(lines), _fen(orders), _fen(waiting)
        once = Counter((r["person_id"], r["programme"], r["benefit_month"], r["line_type"]) for r in lines)
        overdue = self._stack.rows("visits", "overdue", "--limit", "100000", by=CLERK)
        alerts = self._stack.rows("alerts", "list", "--limit", "100000", by=CLERK)
        return [
            (f"{len(lines)} lines, each once", bool(lines) and max(once.values()) == 1),
            (
                f"{len(orders)} instructions, each once",
                len({row["instruction_id"] for row in orders}) == len(orders) > 0,
            ),
            (f"the lines are what was decided: {written} fen", written == decided > 0),
            (f"the bank is told {told} fen, {kept} wait, nothing else", told + kept == written),
            (f"{len(overdue)} missed visits are known to {len(alerts)} alerts", bool(overdue) == bool(alerts)),
        ]

    def _import(self, kind: str, name: str, by: str) -> int:
        (told,) = self._stack.rows("import", kind, f"county/{name}", by=by)
        if int(told.get("rows_rejected", 0)):
            raise SystemExit(f"{name}: rows were refused: {told['problems'][:3]}")
        return int(told["rows_changed"])

    def _cycle(self, step: str, by: str) -> str:
        return str(self._stack.rows("cycle", step, "--month", MONTH, by=by)[-1]["state"])

    def _export(self, kind: str) -> None:
        self._stack.tuoqi(
            "export", kind, "--month", MONTH, "--out", f"county/{kind}.csv", "--purpose", "代发", by=FINANCE
        )

    def _read(self, kind: str) -> list[dict[str, str]]:
        """Rows of an exported file by the names in brackets of its header."""
        with Path(self._county / f"{kind}.csv").open(encoding="utf-8-sig", newline="") as file:
            header, *rows = list(csv.reader(file))
        names = [cell.partition("[")[2].rstrip("]") or cell for cell in header]
        return [dict(zip(names, row, strict=True)) for row in rows]


def _fen(rows: list[dict[str, str]]) -> int:
    return sum(int(Decimal(row["amount"]) * 100) for row in rows)


def steps(month: Month, kill: Callable[[str], Callable[[], str]]) -> list[tuple[str, Callable[[], str]]]:
    """The month with its accidents."""
    return [
        (f"a county of {PERSONS} persons is loaded", month.load),
        *((f"visits up to {day}", lambda day=day: month.visits(day)) for day in EVENINGS[:2]),  # type: ignore[misc]
        ("the cycle is computed, reviewed and posted", month.compute),
        ("payments is killed and comes back by itself", kill("payments")),
        ("visits is killed and comes back by itself", kill("visits")),
        (f"visits up to {EVENINGS[2]}", lambda: month.visits(EVENINGS[2])),
        ("approved and instructed", month.instruct),
        ("Kafka is killed and comes back by itself", kill("kafka")),
        ("PostgreSQL is killed and comes back by itself", kill("postgres")),
        ("the bank's results, closed", month.settle),
        (f"visits up to {EVENINGS[3]}", lambda: month.visits(EVENINGS[3])),
    ]
