"""Drawing samples of paid lines, and taking down what checks found.

The seed is a keyed hash of the cycles, of who draws and of his key: nobody can compute it before, an auditor can repeat
the draw from it afterwards, line by line.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from tuoqi.contracts.payments.v1 import verification_pb2
from tuoqi.kit.commands import Call
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.payments.domain.certification import PersonChecks
from tuoqi.payments.domain.cycle import PAYING_OUT
from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.months import day_of
from tuoqi.payments.domain.sampling import Draw, allocate, last_birth_date, lot, sample_size
from tuoqi.payments.domain.verification import (
    URGENT,
    Finding,
    Report,
    Risk,
    Stratum,
    VerificationRules,
    check_finding,
    may_check,
    report,
)
from tuoqi.payments.handlers.certification import Found, on_found
from tuoqi.payments.jobs.tools import Tools, known_cycle
from tuoqi.payments.store import findings as findings_store
from tuoqi.payments.store import verification as store
from tuoqi.payments.store.findings import NewFinding
from tuoqi.payments.store.verification import Population, Sample, Wishes

RANDOM, RISK = "RANDOM", "RISK"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which cycles a sample is drawn from: one, or all of some months."""

    cycle: str
    first_month: str
    last_month: str


@dataclass(frozen=True, slots=True)
class _Drawn:
    strata: list[Stratum]
    items: list[tuple[Any, ...]]
    """In the order of the items' columns: position first."""

    @property
    def content_hash(self) -> str:
        """SHA-256 over places, lines and parts."""
        digest = hashlib.sha256()
        for position, line_id, *_, part, _risks in self.items:
            digest.update(f"{position}|{line_id}|{part}\n".encode())
        return digest.hexdigest()

    def count(self, part: str) -> int:
        """How many items of a part."""
        return sum(item[-2] == part for item in self.items)


class VerificationDesk:
    """Draws, repeats draws, keeps findings, reports."""

    def __init__(self, tools: Tools, rules: VerificationRules) -> None:
        self.tools = tools
        self.rules = rules

    async def draw(self, scope: Scope, wishes: Wishes, key: str, *, by: str) -> tuple[Sample, bool]:
        """Draw and freeze a sample; whether it had been drawn under the same key before. Refused where it was another."""

        async def body(tx: Tx) -> tuple[Sample, bool]:
            await store.lock_draws(tx)
            cycle_ids = await _cycles(tx, scope)
            named = f"{'+'.join(cycle_ids)}|{by}|{key or wishes}"
            name = hashlib.sha256(named.encode()).hexdigest() if not key else f"{by}|{key}"
            before = await store.sample_of_key(tx, name)
            if before is not None:
                if (before.cycle_ids, before.wishes) != (cycle_ids, wishes):
                    raise PaymentsError("payments.verification_key_used", key=key)
                return before, True
            at = self.tools.clock.now()
            facts_at = await store.facts_moment(tx, cycle_ids)
            # The id says nothing of the time, so that a draw can be told beforehand by nobody and repeated by everybody.
            cause = f"verification|{named}"
            sample_id = self.tools.ids(facts_at, cause, 0)
            seed = hashlib.sha256("|".join(self.tools.ids(facts_at, cause, n) for n in (1, 2, 3)).encode()).hexdigest()
            population = Population(sample_id, cycle_ids, facts_at, wishes)
            await store.exclude_unpaid(tx, population)
            drawn = await self._draw(tx, population, seed)
            sample = Sample(
                sample_id=sample_id,
                key=name,
                wishes=wishes,
                cycle_ids=cycle_ids,
                cycles=(),
                facts_at=facts_at,
                population_lines=sum(one.population_lines for one in drawn.strata),
                population_fen=sum(one.population_fen for one in drawn.strata),
                random_items=drawn.count(RANDOM),
                risk_items=drawn.count(RISK),
                seed=seed,
                content_hash=drawn.content_hash,
                rule_version=self.tools.policy_version,
                drawn_by=by,
                drawn_at=at,
            )
            await store.write_sample(tx, sample, drawn.strata, drawn.items)
            return await known_sample(tx, sample_id), False

        made: tuple[Sample, bool] = await self.tools.commander.transaction(body)
        return made

    async def redraw(self, named: str) -> tuple[Sample, str]:
        """Draw again from the kept seed; the sample and the hash of what came out."""
        async with self.tools.database.begin() as tx:
            sample = await known_sample(tx, named)
            population = Population(sample.sample_id, sample.cycle_ids, sample.facts_at, sample.wishes)
            return sample, (await self._draw(tx, population, sample.seed)).content_hash

    async def _draw(self, tx: Tx, population: Population, seed: str) -> _Drawn:
        """The same lines from the same population and seed. Raises payments.verification_nothing_paid."""
        wishes, key = population.wishes, bytes.fromhex(seed)
        strata = await store.read_strata(tx, population)
        everything = sum(one.population_lines for one in strata)
        if not everything:
            raise PaymentsError("payments.verification_nothing_paid")
        size = sample_size(everything, wishes.confidence_percent, wishes.margin_permille, wishes.expected_permille)
        sizes = {(one.programme, one.township): one.population_lines for one in strata}
        quotas = allocate(sizes, size)
        draws: dict[tuple[str, str], Draw[Any]] = {place: Draw(quota) for place, quota in quotas.items()}
        async for rows in store.stream_lines(tx, population):
            await asyncio.to_thread(_offer, draws, rows, key)
        chosen = sorted(
            ((row, RANDOM, "") for draw in draws.values() for row in draw.drawn()),
            key=lambda one: (one[0].programme, one[0].region, one[0].person_id, one[0].benefit_month, one[0].line_id),
        )
        if wishes.risk_items:
            chosen += await self._by_risk(tx, population, key, {row.line_id for row, _, _ in chosen})
        items = [
            (
                position, row.line_id, row.cycle_id, row.person_id, row.programme, row.benefit_month, row.line_type,
                row.amount_fen, row.region, part, risks,
            )
            for position, (row, part, risks) in enumerate(chosen, start=1)
        ]  # fmt: skip
        return _Drawn([replace(one, drawn=quotas[one.programme, one.township]) for one in strata], items)

    async def _by_risk(
        self, tx: Tx, population: Population, key: bytes, random: set[str]
    ) -> list[tuple[Any, str, str]]:
        """Further lines: each point of risk is one more lot 风险加抽."""
        wishes = population.wishes
        points = {Risk(risk): lots for risk, lots in wishes.points}
        draw: Draw[tuple[Any, str]] = Draw(wishes.risk_items)
        born_by = last_birth_date(day_of(population.facts_at), wishes.very_old_age)
        async for rows in store.stream_risks(tx, population, born_by=born_by):
            for row in rows:
                risks = _risks_of(row, points)
                if risks and row.line_id not in random:
                    number = lot(key, f"risk|{row.line_id}", sum(points[one] for one in risks))
                    draw.offer(number, row.line_id, (row, ";".join(risks)))
            await asyncio.sleep(0)
        return [(row, RISK, risks) for row, risks in draw.drawn()]

    async def record(self, named: str, findings: Sequence[NewFinding], *, actor: Actor) -> Sample:
        """Keep findings of one sample, all or none."""

        async def body(tx: Tx) -> Sample:
            sample = await known_sample(tx, named)
            await self.keep(tx, sample, findings, actor=actor, cause="")
            return sample

        done: Sample = await self.tools.commander.transaction(body)
        return done

    async def keep(self, tx: Tx, sample: Sample, findings: Sequence[NewFinding], *, actor: Actor, cause: str) -> int:
        """Keep findings within a transaction; how many events follow. Raises what is refused of any of them."""
        items = await findings_store.items_at(tx, sample.sample_id, [one.position for one in findings])
        officers = await findings_store.officers_of(tx, [item.cycle_id for item in items.values()])
        for one in findings:
            self.check(items.get(one.position), one, actor, officers)
        now = self.tools.clock.now()
        await findings_store.write_findings(tx, sample.sample_id, findings, by=actor.user, at=now)
        told = [
            (items[one.position], one)
            for one in findings
            if one.finding in URGENT and items[one.position].finding != one.finding
        ]
        told.sort(key=lambda pair: pair[0].person_id)
        calls = [
            Call(
                key=person_id,
                handler=on_found,
                message=Found([_event(sample, item, one) for item, one in group]),
                cause=f"{cause or 'finding'}|{sample.sample_id}|{person_id}|{now.isoformat()}|{actor.user}",
                at=now,
                actor=actor.user,
            )
            for person_id, group in groupby(told, key=lambda pair: pair[0].person_id)
        ]
        if calls:
            await self.tools.commander.within(tx, PersonChecks, calls)
        return len(told)

    def check(self, item: Any, one: NewFinding, actor: Actor, officers: dict[str, list[str]]) -> None:
        """Raises what is wrong with a finding."""
        if item is None:
            raise PaymentsError("payments.verification_no_such_line", position=one.position)
        actor.require_region(item.region)
        may_check(one.checked_by, actor.user, officers[item.cycle_id])
        check_finding(
            Finding(one.finding),
            amount_fen=item.amount_fen,
            right_fen=one.right_fen,
            checked_on=one.checked_on,
            today=day_of(self.tools.clock.now()),
        )

    async def report(self, named: str) -> tuple[Sample, Report, dict[str, int]]:
        """The sample, what it says, and what was found among the lines drawn by risk."""
        async with self.tools.database.begin() as tx:
            sample = await known_sample(tx, named)
            strata = await store.read_sample_strata(tx, sample.sample_id)
            random = await findings_store.read_checked(tx, sample.sample_id, RANDOM)
            risky = await findings_store.read_checked(tx, sample.sample_id, RISK)
        counts: dict[str, int] = {}
        for line in risky:
            if line.finding:
                counts[line.finding] = counts.get(line.finding, 0) + 1
        return sample, report(strata, random, sample.wishes.confidence_percent), counts


async def known_sample(tx: Tx, named: str) -> Sample:
    """A sample by id, or the latest of a cycle. Raises payments.verification_sample_unknown."""
    sample = await store.find_sample(tx, named)
    if sample is None:
        raise TuoqiError("payments.verification_sample_unknown", sample=named)
    return sample


async def _cycles(tx: Tx, scope: Scope) -> tuple[str, ...]:
    """The cycles of a scope. Raises where none of them has paid out yet."""
    if scope.cycle:
        cycle = await known_cycle(tx, scope.cycle)
        found = [cycle.cycle_id] if cycle.state in PAYING_OUT else []
    else:
        found = await store.cycles_between(tx, scope.first_month, scope.last_month)
    if not found:
        raise PaymentsError("payments.verification_nothing_paid")
    return tuple(found)


def _offer(draws: dict[tuple[str, str], Draw[Any]], rows: Sequence[Any], key: bytes) -> None:
    for row in rows:
        place = (row.programme, row.region[: store.TOWNSHIP_DIGITS])
        draws[place].offer(lot(key, row.line_id), row.line_id, row)


def _risks_of(row: Any, points: dict[Risk, int]) -> list[Risk]:
    flags = {
        Risk.VERY_OLD: row.very_old,
        Risk.FIRST_PAYMENT: row.first_payment,
        Risk.LARGE_BACKPAY: row.large_backpay,
        Risk.ACCOUNT_CHANGED: row.account_changed,
    }
    return [risk for risk in points if flags[risk]]


def _event(sample: Sample, item: Any, one: NewFinding) -> verification_pb2.VerificationFound:
    return verification_pb2.VerificationFound(
        person_id=item.person_id,
        sample_id=sample.sample_id,
        line_id=item.line_id,
        programme=item.programme,
        benefit_month=item.benefit_month,
        finding=one.finding,
        checked_on=one.checked_on.isoformat(),
    )
