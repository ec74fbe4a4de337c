"""What programmes do to each other, month by month 叠加规则: the steps that a county lists, run in their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from tuoqi.payments.domain.due import Entitlement, Span
from tuoqi.payments.domain.policy_stacking import Cap, Dated, Exclude, StackingStep, TakeHigher, TopUp
from tuoqi.payments.domain.policy_standards import HUNDREDTHS, percent_text, rounded

STOPPED_BY = "stopped_by"
LOWER_THAN = "lower_than"
TOPPED_UP = "topped_up"
CAPPED = "capped"
_CAP_FACTS = ("capped_reason", "cap_fen", "cut_fen")

Month = dict[str, Entitlement]
"""What is due in one month, by programme; changed in place by each step."""


def stacked(due: Mapping[str, list[Span]], steps: Sequence[StackingStep], *, least: int = 2) -> dict[str, list[Span]]:
    """Runs the steps over each stretch of months in which no programme changes.

    Most steps need two programmes to do anything; `least` is 1 where some do not.
    """
    held = {programme: found for programme, found in due.items() if found}
    if not steps or len(held) < least:
        return held
    edges = sorted({edge for found in held.values() for first, last, _ in found for edge in (first, last + 1)})
    dated = [step for step in steps if type(step) is Dated]
    if dated:
        cuts = {cut for step in dated for cut in (step.first, step.last + 1) if edges[0] < cut < edges[-1]}
        edges = sorted({*edges, *cuts})
    after: defaultdict[str, list[Span]] = defaultdict(list)
    for first, following in pairwise(edges):
        here = {
            programme: entitlement
            for programme, found in held.items()
            for span_first, span_last, entitlement in found
            if span_first <= first <= span_last
        }
        if len(here) >= least:
            for step in steps:
                if type(step) is not Dated:
                    take(here, step)
                elif step.first <= first <= step.last:
                    take(here, step.step)
        for programme, entitlement in here.items():
            after[programme].append((first, following - 1, entitlement))
    return dict(after)


def take(here: Month, step: StackingStep) -> None:
    """One step over one month."""
    match step:
        case Exclude():
            _exclude(here, step)
        case TakeHigher():
            _take_higher(here, step)
        case TopUp():
            _top_up(here, step)
        case Cap():
            _cap(here, step)
        case Dated():
            take(here, step.step)


def _exclude(here: Month, step: Exclude) -> None:
    by = next((key for key in step.holding if _entitled(here, key)), None)
    if by is not None:
        for key in step.stops:
            _stop(here, key, by, STOPPED_BY)


def _take_higher(here: Month, step: TakeHigher) -> None:
    rivals = [key for key in step.of if _entitled(here, key)]
    if rivals:
        best = max(rivals, key=lambda key: here[key].amount_fen)  # of equal ones the first
        for key in rivals:
            if key != best:
                _stop(here, key, best, LOWER_THAN)


def _top_up(here: Month, step: TopUp) -> None:
    if not _entitled(here, step.programme):
        return
    full = here[step.programme]
    counted = [key for key in step.minus if _entitled(here, key)]
    less = sum(here[key].amount_fen for key in counted)
    base = full.amount_fen if step.base_fen is None else step.base_fen
    fen = max(base - less, 0)
    if step.share != HUNDREDTHS:
        fen = rounded(fen * step.share, HUNDREDTHS)
    if less or fen != full.amount_fen:
        known = (*full.facts, ("standard_fen", str(base)), ("less_fen", str(less)))
        if step.share != HUNDREDTHS:
            known = (*known, ("share_percent", percent_text(step.share)))
        known += tuple(("less_programme", key) for key in counted)
        here[step.programme] = replace(full, amount_fen=fen, reason=TOPPED_UP, facts=known)


def _cap(here: Month, step: Cap) -> None:
    """Cuts what is over, programme by programme; what was cut stays paid with the rest, or stands at 0."""
    over = sum(here[key].amount_fen for key in step.of if _entitled(here, key)) - step.fen
    for key in step.cut:
        if over > 0 and _entitled(here, key) and here[key].amount_fen:
            full = here[key]
            cut = min(over, full.amount_fen)
            over -= cut
            before = dict(full.facts) if full.reason == CAPPED else {}
            known = tuple(fact for fact in full.facts if fact[0] not in _CAP_FACTS or not before)
            known += (
                ("capped_reason", before.get("capped_reason", full.reason)),
                ("cap_fen", str(step.fen)),
                ("cut_fen", str(cut + int(before.get("cut_fen", "0")))),
            )
            here[key] = replace(full, amount_fen=full.amount_fen - cut, reason=CAPPED, facts=known)


def _entitled(here: Month, key: str) -> bool:
    return key in here and not here[key].stopped


def _stop(here: Month, key: str, by: str, reason: str) -> None:
    """The programme counts as not entitled; its place keeps the reason, for whoever asks why."""
    if _entitled(here, key):
        full = here[key]
        known = (("by_programme", by), ("instead_of_fen", str(full.amount_fen)))
        here[key] = Entitlement(0, reason, known, full.rule_version, facility=False, stopped=True)
