"""A county of one person, small enough to be read: facts are loaded, cycles run, lines come out as short texts."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from tuoqi.payments.domain.cash import CaseKey, Pending, PendingState, Step, effects
from tuoqi.payments.domain.cycle import open_cycle
from tuoqi.payments.domain.denial import why_not
from tuoqi.payments.domain.entitlement import entitled
from tuoqi.payments.domain.explain import because_of, explain
from tuoqi.payments.domain.facts import Absence, Grant, HukouKnown, Interval, PersonFacts
from tuoqi.payments.domain.months import Month, day_of
from tuoqi.payments.domain.policy import Policy, parse_policy
from tuoqi.payments.domain.price import IndexMonth, in_force
from tuoqi.payments.domain.reckoning import Known, Reckoned, reckon
from tuoqi.payments.domain.settlement import Earlier, Line, Paid, Settlement

COUNTY_FILES = Path(__file__).parents[4] / "deploy" / "counties" / "990101" / "payments"


def day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def yuan(fen: int) -> str:
    """An amount as the cases write it: `400`, `412.50`."""
    sign, whole, rest = "-" if fen < 0 else "", abs(fen) // 100, abs(fen) % 100
    return f"{sign}{whole}.{rest:02d}" if rest else f"{sign}{whole}"


@dataclass
class OnePerson:
    """One person's facts as they are known now, and what the cycles so far have written."""

    policy: Policy
    born: date
    known: date = date(2023, 12, 1)
    died_on: date | None = None
    absences: tuple[Absence, ...] = ()
    hukou: tuple[HukouKnown, ...] = (HukouKnown(date(2023, 12, 1), "990101101001"),)
    rows: dict[tuple[str | None, ...], Interval] = field(default_factory=dict)
    paid: dict[str, dict[Month, Paid]] = field(default_factory=lambda: defaultdict(dict))
    listed: dict[str, dict[Month, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    index: list[IndexMonth] = field(default_factory=list)
    grants: tuple[Grant, ...] = ()
    certified: tuple[date, ...] = ()
    loaded: int = 0
    pending: list[Pending] = field(default_factory=list)
    cases: dict[CaseKey, int] = field(default_factory=dict)
    last: Settlement = field(default_factory=lambda: Settlement((), ()))
    cycles_run: int = 0
    other: "OnePerson | None" = None
    is_merged: bool = False

    def row(self, category: str, decided: str | None, **columns: str | int | None) -> None:
        """Loads one row of a status file; equal keys replace the row whole."""
        self.loaded += 1
        applied, ended, until = (day(columns.get(name)) for name in ("applied", "ended", "until"))  # type: ignore[arg-type]
        amount_fen = int(Decimal(columns["amount"] or 0) * 100) if "amount" in columns else None
        subtype, level = str(columns.get("subtype", "")), str(columns.get("level", ""))
        key = (category, subtype, level, decided, str(applied))
        self.rows[key] = Interval(
            category, subtype, level, applied, day(decided), ended, until, amount_fen, self.loaded
        )

    def dibao(self, amount: int, decided: str, **columns: str | int | None) -> None:
        """Loads a dibao row."""
        self.row("dibao", decided, amount=amount, **columns)

    def accepted(self, on: str, **columns: str | int | None) -> None:
        """Loads an acceptance for the old-age allowance."""
        self.row("old_age_accepted", on, **columns)

    def published(self, month: str, on: str, cpi: str, food: str, scpi: str) -> None:
        """A row of the price index; changes in percent with one decimal."""
        cpi_tenths, food_tenths, scpi_tenths = (int(Decimal(text) * 10) for text in (cpi, food, scpi))
        self.index.append(IndexMonth(Month.parse(month), date.fromisoformat(on), cpi_tenths, food_tenths, scpi_tenths))

    def granted(self, programme: str, month: str, amount: int) -> None:
        """A grant of so many yuan was approved."""
        self.grants = (*self.grants, Grant(f"g{len(self.grants)}", programme, Month.parse(month), amount * 100))

    def died(self, on: str | None) -> None:
        """A death becomes known, or is withdrawn with None."""
        self.died_on = day(on)

    def away(self, *days: tuple[str, str | None]) -> None:
        """All absences as they are known now."""
        self.absences = tuple(Absence(date.fromisoformat(out), day(back)) for out, back in days)

    def first_registered_in(self, region: str) -> None:
        """The person was first loaded with this register."""
        self.hukou = (HukouKnown(self.known, region),)

    def registered_in(self, region: str, on: str) -> None:
        """The register moves on a day."""
        self.hukou = (*self.hukou, HukouKnown(date.fromisoformat(on), region))

    def seen(self, on: str) -> None:
        """The person was seen alive on a day 生存认证."""
        self.certified = tuple(sorted((*self.certified, date.fromisoformat(on))))

    def other_file(self) -> "OnePerson":
        """A second file of the same person, which has cycles of its own until it is merged."""
        if self.other is None:
            self.other = OnePerson(self.policy, self.born)
        return self.other

    @property
    def _files(self) -> list["OnePerson"]:
        return [self, self.other] if self.other and self.is_merged else [self]

    def _earlier(self) -> Earlier:
        """What the cycles so far have left, of all files that count."""
        paid: defaultdict[str, dict[Month, Paid]] = defaultdict(dict)
        for file in self._files:
            for programme, months in file.paid.items():
                for month, one in months.items():
                    before = paid[programme].get(month, Paid(0, 0))
                    paid[programme][month] = Paid(before.sum_fen + one.sum_fen, before.count + one.count)
        return Earlier(paid, self.listed)

    @property
    def facts(self) -> PersonFacts:
        """The person as the engine is given it."""
        return PersonFacts("p", self.born, self.died_on, self.absences, self.hukou, self.grants, self.certified)

    def settlement(self, month: str) -> Settlement:
        """The lines that a cycle of the month would write now, with its cut-off on the 20th."""
        return self.reckoned(month).settlement

    def reckoned(self, month: str) -> Reckoned:
        """Lines and cash of such a cycle."""
        cycle_month, intervals = Month.parse(month), [row for file in self._files for row in file.rows.values()]
        known = Known(self.facts, intervals, self._earlier(), self.pending, self.cases)
        cycle = open_cycle(cycle_month, (), self.policy)
        return reckon(known, cycle, self.policy, in_force(self.index, day_of(cycle.cut_off)))

    def run(self, month: str) -> tuple[Line, ...]:
        """Runs a cycle: its lines count as paid from now on."""
        if self.other and not self.is_merged:
            self.other.run(month)
        reckoned = self.reckoned(month)
        result = self.last = reckoned.settlement
        self._move_cash(reckoned.steps)
        for line in result.lines:
            assert explain(line, self.policy.words).endswith("。")
            before = self.paid[line.programme].get(line.benefit_month, Paid(0, 0))
            self.paid[line.programme][line.benefit_month] = Paid(before.sum_fen + line.amount_fen, before.count + 1)
        for cut in result.beyond_limit:
            self.listed[cut.programme][cut.benefit_month] += cut.amount_fen
        return result.lines

    def denials(self, month: str) -> dict[str, str]:
        """Why each programme that is not due for the month is not, in a cycle of the month."""
        cycle_month, intervals = Month.parse(month), list(self.rows.values())
        due = entitled(self.facts, intervals, self.policy, cycle_month=cycle_month, first=cycle_month, last=cycle_month)
        found = {}
        for key in self.policy.order:
            if cycle_month not in due.get(key, {}):
                denial = why_not(
                    self.facts, intervals, self.policy, cycle_month=cycle_month, programme=key, month=cycle_month
                )
                assert because_of(denial.reason, denial.facts, self.policy.words)
                found[key] = denial.reason
        return found

    def _move_cash(self, steps: tuple[Step, ...]) -> None:
        """Where the money of a cycle's lines goes."""
        self.cycles_run += 1
        moved = effects(steps)
        left = [
            replace(one, amount_fen=fen)
            for one in self.pending
            if (fen := one.amount_fen + moved.pending.get((one.cycle, one.programme, one.benefit_month), 0))
        ]
        cycle = f"c{self.cycles_run}"
        left += [
            Pending(cycle, self.cycles_run, programme, month, fen, PendingState.TO_INSTRUCT)
            for (programme, month), fen in moved.to_instruct.items()
        ]
        self.pending = left
        for key, fen in moved.cases.items():
            self.cases[key] = self.cases.get(key, 0) + fen

    def instructed(self) -> None:
        """All money that is to go out has gone out."""
        self.pending = [one for one in self.pending if one.state is not PendingState.TO_INSTRUCT]

    def waits(self) -> None:
        """All money that is to go out waits, for an account or an heir."""
        self.pending = [replace(one, state=PendingState.WAITING) for one in self.pending]

    def cycle(self, month: str) -> set[str]:
        """The lines of a cycle as `dibao REGULAR 2024-05 400`."""
        return {
            f"{line.programme} {line.type} {line.benefit_month} {yuan(line.amount_fen)}" for line in self.run(month)
        }

    def cycles(self, first: str, last: str) -> set[str]:
        """The lines of monthly cycles from first to last, together."""
        start, end = Month.parse(first), Month.parse(last)
        return {line for ahead in range(end - start + 1) for line in self.cycle(str(start.plus(ahead)))}


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The county's policy as shipped."""
    return parse_policy({path.name: yaml.safe_load(path.read_text("utf-8")) for path in COUNTY_FILES.glob("*.yaml")})


@pytest.fixture(scope="session")
def county_files() -> Path:
    """Where the county's policy lies."""
    return COUNTY_FILES


@pytest.fixture
def someone(policy: Policy) -> Callable[[str], OnePerson]:
    """Someone born on a day, with the register in the county and nothing else known."""
    return lambda born: OnePerson(policy, date.fromisoformat(born))


@pytest.fixture
def lines_of() -> Callable[..., set[str]]:
    """Opens `dibao BACKPAY 2024-03..2024-05 400` into one text a month."""

    def opened(*texts: str) -> set[str]:
        lines = set()
        for text in texts:
            programme, kind, months, amount = text.split()
            first, _, last = months.partition("..")
            ahead = Month.parse(last or first) - Month.parse(first)
            lines |= {f"{programme} {kind} {Month.parse(first).plus(n)} {amount}" for n in range(ahead + 1)}
        return lines

    return opened


@pytest.fixture(scope="session")
def text_of() -> Callable[[int], str]:
    """Fen as the cases write an amount."""
    return yuan
