"""A year of payments on the demonstration county, month by month, by the real commands.

Each month facts come late and change, the cycle goes its whole way to the bank and back, one instruction in a hundred is
returned, the accounts are mended a month later, and the books are asked whether they close to zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from tuoqi.cli.county.identity import luhn_digit
from tuoqi.cli.demo.desk import CLERK, PURPOSE, Say, Terminal
from tuoqi.cli.demo.files import bank_results
from tuoqi.cli.files.reading import open_table
from tuoqi.cli.files.writing import writing
from tuoqi.cli.local.home import Home

REVIEWER, FINANCE, SECOND = "reviewer.zhao", "finance.qian", "finance.sun"
MONTHS: Final = 12
DEATHS_A_MONTH: Final = 4
LATE_DAYS: Final = 70
"""How long after a death it is learnt: money of two or three months went out meanwhile."""
WRONG_FROM, RIGHTED_IN, WRONG_YUAN, WRONGED = 3, 6, 30, 20
"""In the third month a rate is loaded wrong for twenty people, in the sixth it is mended backwards."""
AWAY_IN, BACK_IN = 4, 8
"""A household leaves the county, learnt in the fourth month, and comes back in the eighth."""
TRIGGERED: Final = (5, 10)
"""Months in which an index is published that starts the price subsidy."""
_CARD: Final = "629999"

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class MonthDone:
    """What one month came to."""

    cycle: str
    lines: Mapping[str, int]
    """By type."""
    fen: Mapping[str, int]
    instructions: int
    returned: int
    differences: int
    """Checks of the books that do not close to zero."""


class PaymentsYear:
    """The months in their order, on the platform of one home; `play()` goes through those that are left."""

    def __init__(self, home: Home, say: Say, *, months: int = MONTHS) -> None:
        self._at = Terminal(say)
        self._months = months
        self._demo = home.root / "demo"
        self._folder = home.root / "year"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._gone: set[str] = set()
        self._mending: list[Row] = []

    def play(self) -> list[MonthDone]:
        """The whole year. Raises day.step_failed at the first command that is refused."""
        self._people = {row["id_number"]: row for row in _rows(self._demo / "persons.csv") if row["id_number"]}
        self._statuses = list(_rows(self._demo / "statuses.csv"))
        done, first = self._begin()
        for number in range(1, self._months + 1):
            self._at.begin(f"第 {number} 个月：{first}")
            self._learn(number, first)
            self._at.run("clock", "set", f"{first}-20 18:01")
            self._at.run("cycle", "open", "--month", first, "--by", CLERK)
            self._at.run("cycle", "compute", "--month", first, "--by", CLERK)
            done.append(self._take_through(first))
            first = _next(first)
        return done

    def _begin(self) -> tuple[list[MonthDone], str]:
        """The cycle that is under way taken to its end, and the month after it; the clock's month where none was."""
        found = self._at.ask("cycle", "list", "--limit", "1", "--by", CLERK)
        if not found:
            return [], self._at.ask("clock", "show")[0]["payments"][: len("2026-01")]
        done = [] if found[0]["state"] == "CLOSED" else [self._take_through(found[0]["ref"]["name"])]
        return done, _next(found[0]["month"])

    def _take_through(self, cycle: str) -> MonthDone:
        """From COMPUTED to CLOSED, with what the bank answers."""
        at, named = self._at, ("--cycle", cycle)
        month = cycle[:7]
        at.run("cycle", "review", *named, "--by", REVIEWER)
        at.run("cycle", "post", *named, "--by", REVIEWER)
        at.run("clock", "set", f"{month}-28 09:00")
        for finance in (FINANCE, SECOND):
            if at.ask("cycle", "show", *named, "--by", CLERK)[0]["state"] == "POSTED":
                at.run("cycle", "approve", *named, "--by", finance)
        at.run("cycle", "instruct", *named, "--by", FINANCE)
        sent, results = self._folder / f"代发清单-{cycle}.csv", self._folder / f"回盘-{cycle}.csv"
        reading = ("--by", FINANCE, "--purpose", PURPOSE)
        at.run("export", "bank_instructions", *named, "--out", str(sent), *reading)
        returned, _ = bank_results(sent, results, settled_on=f"{month}-28")
        at.run("import", "bank_results", str(results), *reading)
        self._mending = list(_mended(self._people.values(), _rows(sent), _rows(results)))
        at.run("cycle", "close", *named, "--by", FINANCE)
        checks = at.ask("reconcile", "--by", FINANCE)[0]["checks"]
        open_checks = [check for check in checks if check["difference"]]
        at.note(f"核对 {len(checks)} 项，不平 {len(open_checks)} 项")
        shown = at.ask("cycle", "show", *named, "--by", CLERK)[0]
        return _month_done(shown, returned, len(open_checks))

    def _learn(self, number: int, month: str) -> None:
        """What becomes known before the cut-off of a month."""
        self._at.run("clock", "set", f"{month}-15 09:00")
        self._load("persons", f"改账户-{month}", self._mending)
        self._load("deaths", f"死亡-{month}", self._deaths(month))
        if number in (AWAY_IN, BACK_IN):
            self._load("moves", f"迁移-{month}", self._moves(number, month))
        if number in (WRONG_FROM, RIGHTED_IN):
            self._load("statuses", f"低保金额-{month}", self._rates(number))
        high = number in TRIGGERED
        index = {"month": _before(month), "cpi_yoy": "3.6" if high else "2.1", "food_yoy": "4.2", "scpi_yoy": "3.1"}
        self._load("price_index", f"价格指数-{month}", [index | {"published_on": f"{month}-12"}])

    def _load(self, kind: str, name: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        path = self._folder / f"{name}.csv"
        with writing(path) as write:
            write(list(rows[0]))
            for row in rows:
                write(list(row.values()))
        self._at.run("import", kind, str(path), "--by", CLERK)

    def _deaths(self, month: str) -> list[Row]:
        """People on dibao or the old-age allowance who died more than two months ago."""
        paid = [row["id_number"] for row in self._statuses if row["category"] in {"dibao", "old_age_accepted"}]
        chosen = [number for number in dict.fromkeys(paid) if number and number not in self._gone][:DEATHS_A_MONTH]
        self._gone.update(chosen)
        died_on = date.fromisoformat(f"{month}-15") - timedelta(days=LATE_DAYS)
        return [{"id_number": number, "death_date": died_on.isoformat(), "source": "殡葬比对"} for number in chosen]

    def _household(self) -> list[str]:
        """The last household of at least two people of whom one is on dibao, nobody of it gone."""
        on_dibao = {row["id_number"] for row in self._statuses if row["category"] == "dibao"} - self._gone
        homes: defaultdict[str, list[str]] = defaultdict(list)
        for number, person in self._people.items():
            homes[person["household_no"]].append(number)
        several = [home for home in homes.values() if len(home) > 1 and on_dibao.intersection(home)]
        return [number for number in several[-1] if number not in self._gone]

    def _moves(self, number: int, month: str) -> list[Row]:
        if number == AWAY_IN:
            self._moved = (self._household(), f"{_before(month)}-05")
            self._gone.update(self._moved[0])
        who, out = self._moved
        back = "" if number == AWAY_IN else f"{_before(month)}-20"
        return [{"id_number": one, "moved_out_on": out, "returned_on": back, "source": "公安比对"} for one in who]

    def _rates(self, number: int) -> list[Row]:
        """The same intervals with a wrong amount, and later with the right one."""
        if number == WRONG_FROM:
            rows = [row for row in self._statuses if row["category"] == "dibao" and row["id_number"] not in self._gone]
            self._wronged = [row for row in rows if row["id_number"]][-WRONGED:]
        more = WRONG_YUAN if number == WRONG_FROM else 0
        return [row | {"amount": _plus(row["amount"], more)} for row in self._wronged]


def _mended(people: Sequence[Row] | Any, sent: Iterator[Row], results: Iterator[Row]) -> Iterator[Row]:
    """A new account for everybody whose account sent money back."""
    back = {row["instruction_id"] for row in results if row["result"] == "RETURNED"}
    closed = {row["account_no"] for row in sent if row["instruction_id"] in back}
    for person in people:
        if person["account_no"] in closed:
            person["account_no"] = _another(person["account_no"])
            yield {"id_number": person["id_number"], "account_no": person["account_no"]}


def _another(account: str) -> str:
    """Another invented account: the same prefix, the digits between turned round, a right check digit."""
    turned = account[len(_CARD) : -1][::-1]
    body = f"{_CARD}{turned[1:]}{turned[0]}"
    return body + luhn_digit(body)


def _month_done(cycle: Mapping[str, Any], returned: int, differences: int) -> MonthDone:
    lines: defaultdict[str, int] = defaultdict(int)
    fen: defaultdict[str, int] = defaultdict(int)
    for total in cycle["totals"]:
        lines[total["line_type"]] += int(total.get("lines", 0))
        fen[total["line_type"]] += int(total.get("amount_fen", 0))
    instructions = sum(int(count) for count in cycle.get("instructions", {}).values())
    return MonthDone(cycle["ref"]["name"], dict(lines), dict(fen), instructions, returned, differences)


def _rows(path: Path) -> Iterator[Row]:
    """A table's rows by English key."""
    table = open_table(path)
    keys = [column.partition("[")[2].rstrip("]") or column for column in table.columns]
    for _, row in table.rows():
        yield dict(zip(keys, row, strict=True))


def _plus(yuan: str, more: int) -> str:
    whole, _, part = yuan.partition(".")
    return f"{int(whole) + more}.{part or '00'}"


def _next(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year + number // 12}-{number % 12 + 1:02d}"


def _before(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year - (number == 1)}-{(number - 2) % 12 + 1:02d}"
