"""A run of people reckoned: from rows as the database gives them to rows as it takes them. Pure work for a thread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from tuoqi.contracts.payments.v1 import cycle_pb2 as pb
from tuoqi.kit.ids import IdMaker
from tuoqi.payments.domain.cash import Step, StepKind, effects
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.facts import Grant, PersonFacts
from tuoqi.payments.domain.ledger import post_steps
from tuoqi.payments.domain.months import birthday, day_of
from tuoqi.payments.domain.payees import ADULT_AGE
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.price import RULE, Index, price_months
from tuoqi.payments.domain.reckoning import Known, Reckoned, reckon
from tuoqi.payments.domain.settlement import NOTHING_EARLIER, BeyondLimit, Earlier, Line
from tuoqi.payments.domain.steadiness import stable_until
from tuoqi.payments.store.cash import CashOf, place_of
from tuoqi.payments.store.facts import decode
from tuoqi.payments.store.ledger import entry_rows
from tuoqi.payments.store.lines import facts_text, line_row, month_text
from tuoqi.payments.store.packed import Packed

Row = tuple[Any, ...]


@dataclass(slots=True)
class Chunk:
    """All that a run of people adds to the database, and what it comes to."""

    lines: list[Row] = field(default_factory=list)
    packed: Packed | None = None
    """Lines of steady people, with what follows from them."""
    persons: int = 0
    """Who gets a line."""
    messages: list[pb.PaymentLine] = field(default_factory=list)
    beyond: list[BeyondLimit] = field(default_factory=list)
    outgoing: list[Row] = field(default_factory=list)
    """Of those only who have another step of cash; of all others the database takes it from the lines."""
    steps: list[Row] = field(default_factory=list)
    withdrawals: list[tuple[str, str, str, str, int]] = field(default_factory=list)
    cases: list[tuple[str, str, str, int]] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)
    """The postings of steps; those of lines are made by the database."""
    outdated: list[str] = field(default_factory=list)
    """People whose marker and spans are to be replaced."""
    marks: list[Row] = field(default_factory=list)
    spans: list[Row] = field(default_factory=list)
    lines_by_type: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    fen_by_type: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True, slots=True)
class LineMaker:
    """Makes the ids of a cycle's lines and what events say of them: the one way, however a line was found."""

    cycle: Cycle
    ids: IdMaker

    def tell(self, done: Chunk, person_id: str, programme: str, month: str, line_type: str, amount_fen: int) -> str:
        """Count one line and make its message; its id."""
        cycle = self.cycle
        line_id = self.ids(cycle.cut_off, f"line|{cycle.cycle_id}|{person_id}|{programme}|{month}", 0)
        done.messages.append(
            pb.PaymentLine(
                line_id=line_id,
                person_id=person_id,
                programme=programme,
                benefit_month=month,
                line_type=line_type,
                amount_fen=amount_fen,
            )
        )
        key = (programme, line_type)
        done.lines_by_type[key] += 1
        done.fen_by_type[key] += amount_fen
        return line_id


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a cycle reckons by: the price index in force, the mark of its rules, and the moment at which it is booked."""

    policy: Policy
    index: Index
    rules: int
    at: datetime


class Reckoner:
    """One cycle's work on people, chunk by chunk; knows no database and no clock."""

    def __init__(self, maker: LineMaker, given: Circumstances) -> None:
        self._maker = maker
        self._given = given
        self._cycle = maker.cycle
        self._day = day_of(maker.cycle.cut_off)
        policy = given.policy
        self._categories = policy.categories
        self._remembers = not maker.cycle.scope and not policy.depends_on_cycle
        self._for_adults = frozenset(one.key for one in policy.programmes if not one.for_children)
        self._priced = [one for one in policy.programmes if one.rule == RULE]

    def chunk(
        self,
        rows: Sequence[Any],
        earlier: Mapping[str, Earlier],
        cash: Mapping[str, CashOf],
        grants: Mapping[str, Sequence[Grant]],
        certified: Mapping[str, tuple[date, ...]],
    ) -> Chunk:
        """Reckon people; `rows` as `store.people.read_anew` reads them, the rest by person id for those who have any."""
        done = Chunk()
        for row in rows:
            facts, intervals = decode(row, self._categories)
            if granted := grants.get(row.person_id):
                facts = replace(facts, grants=tuple(granted))
            if days := certified.get(row.person_id):
                facts = replace(facts, certified_on=days)
            known = Known(facts, intervals, earlier.get(row.person_id, NOTHING_EARLIER))
            if held := cash.get(row.person_id):
                known = replace(
                    known, pending=held.pending, cases=held.cases, shares=held.shares, agreements=held.agreements
                )
            reckoned = reckon(known, self._cycle, self._given.policy, self._given.index)
            done.beyond.extend(reckoned.settlement.beyond_limit)
            if reckoned.settlement.lines:
                self._add_lines(done, facts, reckoned.settlement.lines)
                self._add_steps(done, facts.person_id, reckoned)
            if self._remembers:
                self._remember(done, row, known, reckoned)
        return done

    def _add_lines(self, done: Chunk, facts: PersonFacts, lines: Sequence[Line]) -> None:
        adult = birthday(facts.birth_date, ADULT_AGE) <= self._day
        done.persons += 1
        for line in lines:
            month, kind = month_text(line.benefit_month), line.type.value
            line_id = self._maker.tell(done, line.person_id, line.programme, month, kind, line.amount_fen)
            posted = adult and line.programme in self._for_adults
            done.lines.append(line_row(self._cycle.cycle_id, line, line_id, may_be_posted=posted))

    def _add_steps(self, done: Chunk, person_id: str, reckoned: Reckoned) -> None:
        kept = [step for step in reckoned.steps if step.kind is not StepKind.INSTRUCT]
        if not kept:
            return
        cycle_id = self._cycle.cycle_id
        changed = effects(reckoned.steps)
        facility = {(line.programme, line.benefit_month): line.facility for line in reckoned.settlement.lines}
        for (programme, month), fen in changed.to_instruct.items():
            told = (cycle_id, person_id, programme, month_text(month), fen, "TO_INSTRUCT", facility[programme, month])
            done.outgoing.append(told)
        for (place, programme, month), fen in changed.pending.items():
            done.withdrawals.append((person_id, place, programme, month_text(month), fen))
        for (programme, month), fen in changed.cases.items():
            done.cases.append((person_id, programme, month_text(month), fen))
        for (file, programme, month), fen in changed.file_cases.items():
            done.cases.append((file, programme, month_text(month), fen))
        for ordinal, step in enumerate(kept):
            done.steps.append((cycle_id, person_id, ordinal, *_step_fields(step)))
        done.entries.extend(entry_rows(post_steps(cycle_id, person_id, kept), self._given.at))

    def _remember(self, done: Chunk, row: Any, known: Known, reckoned: Reckoned) -> None:
        """The marker of what was found, and the spans that later cycles may pay from."""
        person_id, month = row.person_id, int(self._cycle.month)
        if row.marked:
            done.outdated.append(person_id)
        until = stable_until(known.intervals, self._given.policy, self._cycle.month)
        done.marks.append(
            (
                person_id,
                row.person_version,
                row.status_version,
                row.further or 0,
                self._given.rules,
                self._cycle.seq,
                until,
            )
        )
        adult_on = birthday(known.facts.birth_date, ADULT_AGE)
        for programme, spans in reckoned.spans.items():
            for first, last, due in spans:
                if last > month and due.amount_fen:
                    fields = (due.amount_fen, due.reason, facts_text(due.facts), due.rule_version, due.facility)
                    done.spans.append((person_id, programme, first, last, *fields, adult_on))
        for priced in self._priced if reckoned.spans else ():
            for first, last in price_months(reckoned.spans, priced):
                done.spans.append((person_id, priced.key, first, last, 0, "", "[]", "", False, adult_on))


def _step_fields(step: Step) -> Row:
    from_cycle_id, from_part, _ = place_of(step.cycle)
    month = month_text(step.benefit_month)
    other_month = "" if step.other_month is None else month_text(step.other_month)
    place = (from_cycle_id, from_part, step.file, other_month)
    return (step.kind.value, step.programme, month, step.amount_fen, step.other, *place)
