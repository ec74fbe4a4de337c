"""How programmes stand beside each other 叠加规则, as a county writes it: steps in their order.

Each step looks at what is still entitled after the steps before it. What a step does is in `stacking`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy_fields import Node
from tuoqi.payments.domain.policy_standards import HUNDREDTHS, SHARE_FIELDS, Standard, Standards, read_share, rounded
from tuoqi.payments.domain.spans import BEGINNING, FOREVER


@dataclass(frozen=True, slots=True)
class Exclude:
    """Whoever is entitled to one of `holding` gets none of `stops` 互斥."""

    holding: tuple[str, ...]
    stops: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TakeHigher:
    """Of these programmes only the highest 就高; at equal amounts the one listed first."""

    of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TopUp:
    """The programme is paid less what `minus` still pay, never below 0 补差; those stay paid.

    `base_fen` takes the place of the programme's own amount; `share` is the part of the difference that is paid, in
    hundredths of a percent.
    """

    programme: str
    minus: tuple[str, ...]
    base_fen: int | None = None
    share: int = HUNDREDTHS


@dataclass(frozen=True, slots=True)
class Cap:
    """Together these programmes pay a person no more than this a month 封顶; what is over is cut in the order `cut`."""

    of: tuple[str, ...]
    fen: int
    cut: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dated:
    """A step that holds for some benefit months only, first and last included."""

    step: Exclude | TakeHigher | TopUp | Cap
    first: int
    last: int


StackingStep = Exclude | TakeHigher | TopUp | Cap | Dated
_DATES = ("effective_from", "until")


def acts_alone(step: StackingStep) -> bool:
    """Whether a step may change a programme that stands alone: a cap, or a top-up with a base or a share of its own."""
    if isinstance(step, Dated):
        step = step.step
    return isinstance(step, Cap) or (
        isinstance(step, TopUp) and (step.base_fen is not None or step.share != HUNDREDTHS)
    )


def read_stacking(node: Node, programmes: Sequence[str], standards: Mapping[str, Standard]) -> tuple[StackingStep, ...]:
    """The steps of a file. Refuses one that names a programme that the county has not."""
    keys = tuple(programmes)
    steps: list[StackingStep] = []
    for row in node.rows("stacking", empty=True):
        named = row.choice("step", tuple(STEPS))
        if named:
            steps.extend(_dated(row, STEPS[named], keys, standards))
    return tuple(steps)


_Reader = Callable[[Node, tuple[str, ...], Standards], Exclude | TakeHigher | TopUp | Cap]


def _dated(
    node: Node, read: _Reader, keys: tuple[str, ...], standards: Mapping[str, Standard]
) -> Iterator[StackingStep]:
    """A step for all time, or for its months; once more from each month in which a standard that it uses changes."""
    first = node.month("effective_from") if node.has("effective_from") else None
    last = node.month("until") if node.has("until") else None
    if first is not None and last is not None and last < first and node.clean("until"):
        node.fault("until", f"{last} 早于 effective_from {first}")
    named = str(node.content.get("of")) if "of" in node.content else ""
    known = standards.get(named)
    asked = Standards(standards, first or (known.from_months[0] if known and known.from_months else Month(1)))
    step = read(node, keys, asked)
    if first is None and last is None and not asked.used:
        yield step
        return
    begin, end = int(asked.month if asked.used else first or BEGINNING), FOREVER if last is None else int(last)
    edges = [begin, *asked.changes(Month(begin), None if last is None else last.plus(1)), end + 1]
    for month, following in pairwise(edges):
        changed = step if month == begin else read(node, keys, Standards(standards, Month(month)))
        yield Dated(changed, month, following - 1)


def _exclude(node: Node, keys: tuple[str, ...], _standards: Standards) -> Exclude:
    node.only("step", "holding", "stops", *_DATES)
    holding, stops = _programmes(node, "holding", keys), _programmes(node, "stops", keys)
    if both := [key for key in holding if key in stops]:
        node.fault("stops", f"{both[0]} 不能停发自己")
    return Exclude(holding, stops)


def _take_higher(node: Node, keys: tuple[str, ...], _standards: Standards) -> TakeHigher:
    node.only("step", "of", *_DATES)
    return TakeHigher(_programmes(node, "of", keys, least=2))


def _top_up(node: Node, keys: tuple[str, ...], standards: Standards) -> TopUp:
    node.only("step", "programme", "minus", "base_yuan", *SHARE_FIELDS, "share_of_difference", *_DATES)
    programme, minus = node.choice("programme", keys), _programmes(node, "minus", keys)
    if programme in minus:
        node.fault("minus", f"{programme} 不能从自己扣减")
    base: int | None = node.fen("base_yuan") if node.has("base_yuan") else None
    if any(node.has(name) for name in SHARE_FIELDS):
        if base is not None:
            node.fault("base_yuan", "与 percent、share、of 只写其一")
        exact = read_share(node, standards)
        base = rounded(exact.numerator, exact.denominator)
    share = node.percent("share_of_difference") if node.has("share_of_difference") else HUNDREDTHS
    if not 0 < share <= HUNDREDTHS and node.clean("share_of_difference"):
        node.fault("share_of_difference", "应大于 0、不大于 100")
    return TopUp(programme, minus, base, share)


def _cap(node: Node, keys: tuple[str, ...], standards: Standards) -> Cap:
    node.only("step", "programmes", "yuan", *SHARE_FIELDS, "cut", *_DATES)
    named = _programmes(node, "programmes", keys)
    by_share = any(node.has(name) for name in SHARE_FIELDS)
    if node.has("yuan") == by_share:
        node.fault("yuan", "应写 yuan，或 percent（或 share）与 of，且只写其一")
    fen = 0
    if by_share:
        exact = read_share(node, standards)
        fen = rounded(exact.numerator, exact.denominator)
    elif node.has("yuan"):
        fen = node.fen("yuan")
    cut = _programmes(node, "cut", named) if node.has("cut") else tuple(reversed(named))
    return Cap(named, fen, cut)


def _programmes(node: Node, field: str, keys: tuple[str, ...], *, least: int = 1) -> tuple[str, ...]:
    """Programmes that the county has, at least so many."""
    named = node.words(field)
    if len(named) < least and node.clean(field):
        node.fault(field, f"至少写 {least} 个项目")
    for key in named:
        if key not in keys:
            node.fault(field, f"没有项目 {key}，可用：{'、'.join(keys)}")
    return named


STEPS: dict[str, _Reader] = {
    "exclude": _exclude,
    "take_higher": _take_higher,
    "top_up": _top_up,
    "cap": _cap,
}
"""Name of a step → its reader."""
