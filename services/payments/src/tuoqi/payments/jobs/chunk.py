"""A run of people reckoned: from rows as the database gives them to rows as it takes them. Pure work for a thread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tuoqi.contracts.payments.v1 import cycle_pb2 as pb
from tuoqi.kit.ids import IdMaker
from tuoqi.payments.domain.cash import Step, StepKind, effects
from tuoqi.payments.domain.cycle import Cycle, may_be_posted
from tuoqi.payments.domain.facts import PersonFacts
from tuoqi.payments.domain.ledger import post_lines, post_steps
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.reckoning import Known, reckon
from tuoqi.payments.domain.settlement import NOTHING_EARLIER, BeyondLimit, Earlier, Line
from tuoqi.payments.store.cash import CashOf, place_of
from tuoqi.payments.store.facts import decode
from tuoqi.payments.store.ledger import entry_rows
from tuoqi.payments.store.lines import line_row, month_text

Row = tuple[Any, ...]


@dataclass(slots=True)
class Chunk:
    """All that a run of people adds to the database, and what it comes to."""

    lines: list[Row] = field(default_factory=list)
    messages: list[pb.PaymentLine] = field(default_factory=list)
    beyond: list[BeyondLimit] = field(default_factory=list)
    outgoing: list[Row] = field(default_factory=list)
    steps: list[Row] = field(default_factory=list)
    withdrawals: list[tuple[str, str, str, str, int]] = field(default_factory=list)
    cases: list[tuple[str, str, str, int]] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)
    lines_by_type: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    fen_by_type: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True, slots=True)
class Reckoner:
    """One cycle's work on people, chunk by chunk; knows no database and no clock."""

    cycle: Cycle
    policy: Policy
    ids: IdMaker
    at: datetime
    """The business time at which it is booked."""

    def chunk(self, rows: Sequence[Any], earlier: Mapping[str, Earlier], cash: Mapping[str, CashOf]) -> Chunk:
        """Reckon people; `rows` as `store.facts` reads them, the rest by person id for those who have any."""
        done = Chunk()
        categories = {programme.category for programme in self.policy.programmes}
        for row in rows:
            before, held = earlier.get(row.person_id, NOTHING_EARLIER), cash.get(row.person_id)
            facts, intervals = decode(row, categories)
            if not intervals and before is NOTHING_EARLIER:
                continue
            known = Known(facts, intervals, before)
            if held:
                known = replace(known, pending=held.pending, cases=held.cases, shares=held.shares)
            settlement, steps = reckon(known, self.cycle, self.policy)
            done.beyond.extend(settlement.beyond_limit)
            if settlement.lines:
                self._add_lines(done, facts, settlement.lines)
                self._add_steps(done, facts.person_id, settlement.lines, steps)
        return done

    def _add_lines(self, done: Chunk, facts: PersonFacts, lines: Sequence[Line]) -> None:
        cycle = self.cycle
        postable = {
            key: may_be_posted(self.policy.programme(key), facts.birth_date, cycle)
            for key in {line.programme for line in lines}
        }
        for line in lines:
            month = month_text(line.benefit_month)
            cause = f"line|{cycle.cycle_id}|{line.person_id}|{line.programme}|{month}"
            line_id = self.ids(cycle.cut_off, cause, 0)
            done.lines.append(line_row(cycle.cycle_id, line, line_id, may_be_posted=postable[line.programme]))
            done.messages.append(
                pb.PaymentLine(
                    line_id=line_id,
                    person_id=line.person_id,
                    programme=line.programme,
                    benefit_month=month,
                    line_type=line.type.value,
                    amount_fen=line.amount_fen,
                )
            )
            done.lines_by_type[line.programme, line.type.value] += 1
            done.fen_by_type[line.programme, line.type.value] += line.amount_fen
        done.entries.extend(entry_rows(post_lines(cycle.cycle_id, lines), self.at))

    def _add_steps(self, done: Chunk, person_id: str, lines: Sequence[Line], steps: Sequence[Step]) -> None:
        cycle_id = self.cycle.cycle_id
        changed = effects(steps)
        facility = {(line.programme, line.benefit_month): line.facility for line in lines}
        for (programme, month), fen in changed.to_instruct.items():
            told = (cycle_id, person_id, programme, month_text(month), fen, "TO_INSTRUCT", facility[programme, month])
            done.outgoing.append(told)
        for (place, programme, month), fen in changed.pending.items():
            done.withdrawals.append((person_id, place, programme, month_text(month), fen))
        for (programme, month), fen in changed.cases.items():
            done.cases.append((person_id, programme, month_text(month), fen))
        for (file, programme, month), fen in changed.file_cases.items():
            done.cases.append((file, programme, month_text(month), fen))
        for ordinal, step in enumerate(step for step in steps if step.kind is not StepKind.INSTRUCT):
            done.steps.append((cycle_id, person_id, ordinal, *_step_fields(step)))
        done.entries.extend(entry_rows(post_steps(cycle_id, person_id, steps), self.at))


def _step_fields(step: Step) -> Row:
    from_cycle_id, from_part, _ = place_of(step.cycle)
    month = month_text(step.benefit_month)
    return (step.kind.value, step.programme, month, step.amount_fen, step.other, from_cycle_id, from_part, step.file)
