"""A county of one person, small enough to be read: facts are loaded, cycles run, lines come out as short texts."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest
import yaml

from tuoqi.payments.domain.denial import why_not
from tuoqi.payments.domain.entitlement import entitled
from tuoqi.payments.domain.facts import Absence, HukouKnown, Interval, PersonFacts
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy, parse_policy
from tuoqi.payments.domain.settlement import Earlier, Line, Paid, Settlement, settle

COUNTY_FILES = Path(__file__).parents[4] / "deploy" / "counties" / "990101" / "payments"


def day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


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
    loaded: int = 0

    def row(self, category: str, decided: str | None, **columns: str | int | None) -> None:
        """Loads one row of a status file; equal keys replace the row whole."""
        self.loaded += 1
        yuan = columns.get("amount")
        applied, ended, until = (day(columns.get(name)) for name in ("applied", "ended", "until"))  # type: ignore[arg-type]
        amount_fen = None if yuan is None else int(yuan) * 100
        key = (category, decided, str(applied))
        self.rows[key] = Interval(category, "", "", applied, day(decided), ended, until, amount_fen, self.loaded)

    def dibao(self, amount: int, decided: str, **columns: str | int | None) -> None:
        """Loads a dibao row."""
        self.row("dibao", decided, amount=amount, **columns)

    def accepted(self, on: str, **columns: str | int | None) -> None:
        """Loads an acceptance for the old-age allowance."""
        self.row("old_age_accepted", on, **columns)

    def died(self, on: str | None) -> None:
        """A death becomes known, or is withdrawn with None."""
        self.died_on = day(on)

    def away(self, *days: tuple[str, str | None]) -> None:
        """All absences as they are known now."""
        self.absences = tuple(Absence(date.fromisoformat(out), day(back)) for out, back in days)

    def registered_in(self, region: str, on: str) -> None:
        """The register moves on a day."""
        self.hukou = (*self.hukou, HukouKnown(date.fromisoformat(on), region))

    @property
    def facts(self) -> PersonFacts:
        """The person as the engine is given it."""
        return PersonFacts("p", self.born, self.died_on, self.absences, self.hukou)

    def settlement(self, month: str) -> Settlement:
        """What a cycle of the month would write now."""
        cycle_month, intervals = Month.parse(month), list(self.rows.values())
        due = entitled(
            self.facts,
            intervals,
            self.policy,
            cycle_month=cycle_month,
            first=self.policy.policy_start,
            last=cycle_month,
        )
        return settle(
            "p",
            cycle_month=cycle_month,
            due=due,
            earlier=Earlier(self.paid, self.listed),
            order=self.policy.order,
            reach_back_months=self.policy.cycle_rules(cycle_month).reach_back_months,
            why_not=lambda programme, benefit: why_not(
                self.facts, intervals, self.policy, cycle_month=cycle_month, programme=programme, month=benefit
            ),
        )

    def run(self, month: str) -> tuple[Line, ...]:
        """Runs a cycle: its lines count as paid from now on."""
        result = self.settlement(month)
        for line in result.lines:
            before = self.paid[line.programme].get(line.benefit_month, Paid(0, 0))
            self.paid[line.programme][line.benefit_month] = Paid(before.sum_fen + line.amount_fen, before.count + 1)
        for cut in result.beyond_limit:
            self.listed[cut.programme][cut.benefit_month] += cut.amount_fen
        return result.lines

    def cycle(self, month: str) -> set[str]:
        """The lines of a cycle as `dibao REGULAR 2024-05 400`."""
        return {
            f"{line.programme} {line.type} {line.benefit_month} {line.amount_fen // 100}" for line in self.run(month)
        }

    def cycles(self, first: str, last: str) -> set[str]:
        """The lines of monthly cycles from first to last, together."""
        start, end = Month.parse(first), Month.parse(last)
        return {line for ahead in range(end - start + 1) for line in self.cycle(str(start.plus(ahead)))}


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The county's policy as shipped."""
    return parse_policy({path.name: yaml.safe_load(path.read_text("utf-8")) for path in COUNTY_FILES.glob("*.yaml")})


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
