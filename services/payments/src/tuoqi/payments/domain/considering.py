"""One person's month, programme by programme: what is due or why not, and what would change it 逐项说明.

Everything follows from the rules' own data: what comes by itself is read off the engine's answer for the months ahead,
what somebody would have to do off the conditions that the month does not meet. Sentences name no one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tuoqi.payments.domain import denial, stacking
from tuoqi.payments.domain.denial import Denial, why_not
from tuoqi.payments.domain.due import Entitlement, Facts, Span
from tuoqi.payments.domain.entitlement import NO_INDEX, entitled, entitled_spans
from tuoqi.payments.domain.explain import because_of, yuan
from tuoqi.payments.domain.facts import Interval, PersonFacts
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy, Programme
from tuoqi.payments.domain.price import Index
from tuoqi.payments.domain.rules import Claim, in_categories
from tuoqi.payments.domain.unmet import unmet

AHEAD = 12 * 60
"""How many months ahead is looked for what comes by itself."""


class Standing(StrEnum):
    """How what was paid stands to what is due."""

    PAID = "PAID"
    UNPAID = "UNPAID"
    OVERPAID = "OVERPAID"
    NOT_DUE = "NOT_DUE"


@dataclass(frozen=True, slots=True)
class Considered:
    """What is to be said of one programme for one month."""

    programme: Programme
    month: Month
    entitled_fen: int
    paid_fen: int
    reason: str
    facts: Facts
    rule_version: str
    changes: tuple[str, ...]
    """What would change it, one sentence each."""

    @property
    def standing(self) -> Standing:
        """Paid, owed to the person, owed by the person, or nothing at all."""
        if self.entitled_fen == self.paid_fen:
            return Standing.PAID if self.paid_fen else Standing.NOT_DUE
        return Standing.UNPAID if self.entitled_fen > self.paid_fen else Standing.OVERPAID

    def sentence(self, words: Mapping[str, str]) -> str:
        """Why so much, or why nothing, as one sentence."""
        because = because_of(self.reason, self.facts, words)
        what = f"{spoken(self.month)}{self.programme.name}"
        return f"{what}应发{yuan(self.entitled_fen)}：{because}。" if self.entitled_fen else f"{what}不发：{because}。"


def consider(
    facts: PersonFacts,
    intervals: Sequence[Interval],
    policy: Policy,
    *,
    cycle_month: Month,
    month: Month,
    paid: Mapping[str, int],
    index: Index = NO_INDEX,
) -> list[Considered]:
    """Every programme of the county in its order, as a cycle of `cycle_month` sees the month; `paid` is fen by programme."""
    due = entitled(facts, intervals, policy, cycle_month=cycle_month, first=month, last=month, index=index)
    far = Month(max(month, cycle_month) + AHEAD)
    ahead = entitled_spans(facts, intervals, policy, cycle_month=far, within=(int(month), int(far)))
    by_category = in_categories(intervals)
    found = []
    for programme in policy.programmes:
        claim = Claim(programme, facts, by_category, policy, cycle_month)
        answer: Entitlement | Denial | None = due.get(programme.key, {}).get(month)
        answer = answer or why_not(
            facts, intervals, policy, cycle_month=cycle_month, programme=programme.key, month=month, index=index
        )
        fen = answer.amount_fen if isinstance(answer, Entitlement) else 0
        outlook = _Outlook(claim, intervals, ahead.get(programme.key, ()), far)
        changes = [
            *_next_cycle(claim, month, fen - paid.get(programme.key, 0)),
            *outlook.by_itself(month, fen),
            *_by_somebody(claim, month, answer),
        ]
        found.append(
            Considered(
                programme,
                month,
                fen,
                paid.get(programme.key, 0),
                answer.reason,
                answer.facts,
                answer.rule_version,
                tuple(changes),
            )
        )
    return found


def spoken(month: Month) -> str:
    """A month as it is read aloud."""
    return f"{month.year}年{month.number}月"


def _next_cycle(claim: Claim, month: Month, difference_fen: int) -> Iterator[str]:
    """What the next full cycle does about a difference."""
    if difference_fen < 0:
        yield f"下一周期将收回{yuan(-difference_fen)}。"
    elif difference_fen > 0:
        reach, cycle_month = claim.programme.reach_back, claim.cycle_month
        general = cycle_month.plus(-claim.policy.cycle_rules(cycle_month).reach_back_months)
        limit = general if reach is None else reach.limit(cycle_month)
        if month < limit:
            yield f"已超过补发期限（补到{spoken(limit)}），{yuan(difference_fen)}列入超期名单，不再补发。"
        else:
            yield f"下一周期将补发{yuan(difference_fen)}。"


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What the known facts alone will bring of one programme."""

    claim: Claim
    intervals: Sequence[Interval]
    spans: Sequence[Span]
    far: Month

    def by_itself(self, month: Month, fen_now: int) -> Iterator[str]:
        """The next month in which the amount is another one, if nothing more becomes known."""
        at_month = self._fen(int(month))
        if not fen_now and at_month:
            # An acceptance counts in later cycles only; a period is paid in its own turn, which the denial says.
            days = [one.decided_on for one in self.claim.own if one.is_decided and one.decided_on is not None]
            later = [Month.of(day).plus(1) for day in days if Month.of(day) >= self.claim.cycle_month]
            if later:
                yield f"已受理，从{spoken(min(later))}的周期起计入，届时该月应发{yuan(at_month)}。"
        change = self._next_change(int(month), at_month)
        if change is None:
            return
        fen = self._fen(change)
        if fen:
            yield f"以现有登记信息，从{spoken(Month(change))}起每月{yuan(fen)}。"
        else:
            yield f"以现有登记信息，从{spoken(Month(change))}起停发：{self._why_stopped(Month(change))}。"

    def _why_stopped(self, month: Month) -> str:
        here = next((e for first, last, e in self.spans if first <= month <= last), None)
        claim = self.claim
        answer: Entitlement | Denial = here or why_not(
            claim.facts,
            self.intervals,
            claim.policy,
            cycle_month=self.far,
            programme=claim.programme.key,
            month=month,
        )
        return because_of(answer.reason, answer.facts, claim.policy.words)

    def _fen(self, month: int) -> int:
        return next((e.amount_fen for first, last, e in self.spans if first <= month <= last), 0)

    def _next_change(self, month: int, fen: int) -> int | None:
        edges = sorted({edge for first, last, _ in self.spans for edge in (first, last + 1)})
        return next((edge for edge in edges if month < edge <= self.far and self._fen(edge) != fen), None)


def _by_somebody(claim: Claim, month: Month, answer: Entitlement | Denial) -> Iterator[str]:
    """What would have to be done or become known."""
    known, words = dict(answer.facts), claim.policy.words
    match answer.reason:
        case denial.DIED:
            yield "死亡登记有误并撤销后，按原规定补发。"
        case denial.MOVED_OUT if "returned_on" not in known:
            yield "迁回本县并登记后，从迁回的当月起恢复。"
        case denial.NOT_YET_PAYABLE:
            due_in = Month.parse(known["due_in"])
            yield f"该项目按期发放，{spoken(due_in)}的周期起可以发放。"
        case stacking.STOPPED_BY:
            yield f"该月不再享受{words[known['by_programme']]}时可以享受。"
        case stacking.LOWER_THAN:
            other = words[known["by_programme"]]
            yield f"该月金额高于{other}，或不再享受{other}时可以享受。"
        case stacking.TOPPED_UP:
            yield "该月扣除的其他补助减少时，相应增加。"
        case _ if isinstance(answer, Denial):
            yield from unmet(claim, month, answer.reason)
