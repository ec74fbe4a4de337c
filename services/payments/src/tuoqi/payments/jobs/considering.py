"""Explaining a person's month: facts and books are read, the domain considers, and sentences are made to be shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.payments.domain.considering import Considered, consider
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.explain import yuan
from tuoqi.payments.domain.facts import Interval, PersonFacts
from tuoqi.payments.domain.months import Month, age_on, day_of
from tuoqi.payments.domain.payees import ADULT_AGE
from tuoqi.payments.domain.price import in_force
from tuoqi.payments.jobs.tools import Tools, known_cycle
from tuoqi.payments.store import considering
from tuoqi.payments.store.certification import read_certified
from tuoqi.payments.store.cycles import all_cycles
from tuoqi.payments.store.facts import decode, read_merged
from tuoqi.payments.store.people import People, read_grants
from tuoqi.payments.store.posting import region_of
from tuoqi.payments.store.prices import read_known_index

LATEST = 2**31 - 1
"""Beyond the place of any cycle."""


@dataclass(frozen=True, slots=True)
class Money:
    """A part of a line's money: where it is, and the same as a sentence."""

    place: str
    amount_fen: int
    sentence: str
    reason: str = ""
    instruction_id: str = ""
    instruction_state: str = ""
    settled_on: str = ""


@dataclass(frozen=True, slots=True)
class ExplainedMonth:
    """All that is to be said of a person's month."""

    person_id: str
    at: datetime
    cycle_month: Month
    considered: Sequence[Considered]
    lines: Mapping[str, Sequence[Any]]
    """Programme → rows of lines, oldest first."""
    money: Mapping[tuple[str, str, str], Sequence[Money]]
    """(cycle id, person id, programme) → where the money of the line is."""
    owed: Mapping[str, int]


async def explain_month(tools: Tools, actor: Actor, person_id: str, month: Month, named: str) -> ExplainedMonth:
    """Every programme for one person and month, as a cycle saw it or as one of today would.

    Raises payments.person_unknown, auth.no_region, auth.no_purpose, payments.cycle_unknown.
    """
    async with tools.database.begin() as tx:
        cycle = await known_cycle(tx, named) if named else None
        at = cycle.cut_off if cycle else tools.clock.now()
        merged = await read_merged(tx, at)
        person_id = merged.root(person_id)
        files = merged.whole([person_id])
        row = await considering.read_person(tx, person_id, at)
        if row is None:
            raise TuoqiError("payments.person_unknown")
        actor.require_region(await region_of(tx, person_id) or "")
        facts, intervals = await _facts(tools, tx, row, People(files, merged.root_of), at)
        if age_on(facts.birth_date, day_of(tools.clock.now())) < ADULT_AGE:
            actor.require_purpose()
        cycle_month = cycle.month if cycle else await _month_of_today(tools, tx, month)
        index = in_force(await read_known_index(tx, at), day_of(at))
        lines = await considering.lines_of_month(tx, files, str(month), cycle.seq if cycle else LATEST)
        money = await _money(tools, tx, files, str(month))
        owed = await considering.owed_of_month(tx, files, str(month))
    paid: defaultdict[str, int] = defaultdict(int)
    by_programme: defaultdict[str, list[Any]] = defaultdict(list)
    for line in lines:
        paid[line.programme] += line.amount_fen
        by_programme[line.programme].append(line)
    considered = consider(facts, intervals, tools.policy, cycle_month=cycle_month, month=month, paid=paid, index=index)
    return ExplainedMonth(person_id, at, cycle_month, considered, by_programme, money, owed)


async def _facts(tools: Tools, tx: Tx, row: Any, people: People, at: datetime) -> tuple[PersonFacts, list[Interval]]:
    facts, intervals = decode(row, tools.policy.categories)
    grants = await read_grants(tx, people, at)
    certified = await read_certified(tx, people, at) if tools.policy.certified else {}
    person = facts.person_id
    return replace(facts, grants=tuple(grants.get(person, ())), certified_on=certified.get(person, ())), intervals


async def _month_of_today(tools: Tools, tx: Tx, month: Month) -> Month:
    """The month of a cycle that would be opened now, or that of the question where it is later."""
    live: list[Cycle] = [cycle for cycle in await all_cycles(tx) if cycle.is_live]
    return max(month, Month.of(day_of(tools.clock.now())), *(cycle.month for cycle in live))


async def _money(tools: Tools, tx: Tx, files: Sequence[str], month: str) -> dict[tuple[str, str, str], list[Money]]:
    """Where the money of the month's lines is, by line."""
    found: defaultdict[tuple[str, str, str], list[Money]] = defaultdict(list)
    words = tools.policy.words
    for step in await considering.steps_of_month(tx, files, month):
        for programme, sentence in _step_sentences(step, words):
            found[step.cycle_id, step.person_id, programme].append(Money(step.kind, step.amount_fen, sentence))
    for piece in await considering.money_of_month(tx, files, month):
        found[piece.cycle_id, piece.person_id, piece.programme].append(_piece(piece))
    return found


WAITS = {
    "HEIR": "本人已去世，等待登记继承人账户",
    "FACILITY": "应付给供养机构，等待入住登记或机构账户",
    "GUARDIAN": "应付给监护人，等待登记监护人账户",
    "ACCOUNT": "没有收款账户，等待登记账户",
}
"""Why money waits, in words."""


def _piece(piece: Any) -> Money:
    """One piece of money that is to go out, waits, went out or came back."""
    settled_on = piece.settled_on.isoformat() if piece.settled_on else ""
    amount = yuan(piece.amount_fen)
    if piece.state == "SENT":
        results = {"SUCCESS": f"银行已于{settled_on}入账", "OPEN": "银行尚无结果"}
        result = results.get(piece.instruction_state or "", "结果见指令")
        sentence = f"{amount}已随代发指令{piece.instruction_id}发出，{result}。"
    elif piece.state == "RETURNED":
        sentence = f"{amount}随代发指令{piece.instruction_id}发出后被退回，账户更正后随下一周期重发。"
    elif piece.state == "WAITING":
        why = WAITS.get(piece.reason, "等待下一周期")
        sentence = f"{amount}暂未发出：{why}，随下一周期再次核对。"
    else:
        sentence = f"{amount}待发出，周期审批后随代发指令发出。"
    return Money(
        piece.state,
        piece.amount_fen,
        sentence,
        reason=piece.reason,
        instruction_id=piece.instruction_id,
        instruction_state=piece.instruction_state or "",
        settled_on=settled_on,
    )


def _step_sentences(step: Any, words: Mapping[str, str]) -> list[tuple[str, str]]:
    """The programmes whose line a step is about, with what it did."""
    amount, name, other = yuan(step.amount_fen), words.get(step.programme, ""), words.get(step.other, "")
    told = STEPS.get(step.kind)
    return told(step, amount, name, other) if told else [(step.programme, f"{amount}另有去处（{step.kind}）。")]


def _withdrawn(step: Any, amount: str, name: str, _other: str) -> list[tuple[str, str]]:
    return [(step.programme, f"{amount}从周期{step.from_cycle}尚未付出的{name}中扣回。")]


def _netted(step: Any, amount: str, name: str, other: str) -> list[tuple[str, str]]:
    return [
        (step.programme, f"{amount}与同月补发的{other}相抵，无须退款。"),
        (step.other, f"{amount}与同月收回的{name}相抵，不另发出。"),
    ]


def _raised(step: Any, amount: str, _name: str, _other: str) -> list[tuple[str, str]]:
    return [(step.programme, f"{amount}列入待追回。")]


def _reduced(step: Any, amount: str, name: str, _other: str) -> list[tuple[str, str]]:
    return [(step.other, f"{amount}抵减同月{name}的待追回款，不另发出。")]


def _offset(step: Any, amount: str, name: str, _other: str) -> list[tuple[str, str]]:
    return [(step.other, f"{amount}按抵扣协议抵减{step.benefit_month}{name}的待追回款，不另发出。")]


STEPS: Mapping[str, Callable[[Any, str, str, str], list[tuple[str, str]]]] = {
    "WITHDRAW": _withdrawn,
    "NET": _netted,
    "RAISE_CASE": _raised,
    "REDUCE_CASE": _reduced,
    "OFFSET_CASE": _offset,
}
"""Kind of a step → the lines that it is about, in words; `domain.cash.StepKind` has the kinds."""
