"""The payment rules of the county month by month, day by day: slow, plain, and apart from the engine.

Only data types are shared with the service. A test lets it and the engine reckon the same lives.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tuoqi.payments.domain.facts import Absence, Grant, HukouKnown, Interval, PersonFacts
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.price import IndexMonth

START = 2024 * 12
A, ES, EN, TK = "old_age_allowance", "elder_service_subsidy", "elder_nursing_subsidy", "tekun_support"
OR, DF, DB = "orphan_living", "de_facto_unattended_living", "dibao"
DL, DN, PR, GR = "disability_living", "disability_nursing", "price_subsidy", "temporary_assistance"
ORDER = (A, ES, EN, TK, OR, DF, DB, DL, DN, PR, GR)
TEKUN = {
    ("centralised", "none"): 1947_00,
    ("centralised", "half"): 1535_00,
    ("centralised", "full"): 999_00,
    ("scattered", "none"): 1638_00,
    ("scattered", "half"): 1329_00,
    ("scattered", "full"): 979_00,
}


@dataclass
class World:
    """All that is known now, and all lines so far."""

    born: date
    died_on: date | None = None
    absences: tuple[Absence, ...] = ()
    hukou: list[tuple[date, str]] = field(default_factory=list)
    rows: dict[tuple[Any, ...], Interval] = field(default_factory=dict)
    index: list[IndexMonth] = field(default_factory=list)
    grants: list[tuple[int, int]] = field(default_factory=list)
    lines: defaultdict[tuple[str, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    listed: dict[str, dict[Month, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))

    def facts(self) -> PersonFacts:
        hukou = tuple(HukouKnown(on, region) for on, region in self.hukou)
        grants = tuple(Grant(str(n), GR, Month(month), fen) for n, (month, fen) in enumerate(self.grants))
        return PersonFacts("p", self.born, self.died_on, self.absences, hukou, grants)


def nr(day: date) -> int:
    return day.year * 12 + day.month - 1


def age_before(world: World, month: int) -> int:
    """Completed years on the last day of the month before."""
    on = date(month // 12, month % 12 + 1, 1) - timedelta(days=1)
    mark = (world.born.month, world.born.day)
    if mark == (2, 29) and monthrange(on.year, 2)[1] == 28:
        mark = (2, 28)
    return on.year - world.born.year - ((on.month, on.day) < mark)


def usable(world: World, category: str) -> list[Interval]:
    found = []
    for row in world.rows.values():
        begun = [day for day in (row.applied_on, row.decided_on) if day]
        void = row.ended_on and begun and all(row.ended_on < day for day in begun)
        if row.category == category and row.decided_on and not void:
            found.append(row)
    return found


def counts(world: World, category: str, month: int, first: Callable[[Interval], int] | None = None) -> Interval | None:
    """The interval of a category that counts in a month and runs in it."""
    first = first or (lambda row: nr(row.decided_on) + 1)  # type: ignore[arg-type]
    begun = [row for row in usable(world, category) if first(row) <= month]
    last = max(begun, key=lambda row: (row.decided_on, row.loaded_seq), default=None)
    if last and any(day and nr(day) < month for day in (last.ended_on, last.valid_until)):
        return None
    return last


def applied(row: Interval) -> int:
    return nr(row.applied_on) if row.applied_on else nr(row.decided_on) + 1  # type: ignore[arg-type]


def is_here(world: World, month: int) -> bool:
    if world.died_on and month > nr(world.died_on):
        return False
    return not any(
        nr(one.moved_out_on) < month and (one.returned_on is None or month < nr(one.returned_on))
        for one in world.absences
    )


def registered_here(world: World, month: int) -> bool:
    year, zero_based = divmod(month, 12)
    for day in range(1, monthrange(year, zero_based + 1)[1] + 1):
        on = date(year, zero_based + 1, day)
        known = [region for known_on, region in world.hukou[1:] if known_on <= on]
        if (known or [world.hukou[0][1]])[-1].startswith("990101"):
            return True
    return False


def accepted(world: World, month: int, cycle: int) -> bool:
    rows = [row for row in usable(world, "old_age_accepted") if nr(row.decided_on) < cycle]  # type: ignore[arg-type]
    for row in rows:
        gap = any(
            one.decided_on < row.decided_on and one.ended_on and nr(one.ended_on) < month < nr(row.decided_on)  # type: ignore[operator, arg-type]
            for one in rows
        )
        if not gap and (row.ended_on is None or month <= nr(row.ended_on)):
            return True
    return False


def by_themselves(world: World, month: int, cycle: int) -> dict[str, int]:
    """Each programme before stacking, in fen; only what is entitled to."""
    dibao = counts(world, "dibao", month)
    due = of_age(world, month, cycle, on_dibao=dibao is not None) | of_children(world, month)
    if tekun := counts(world, "tekun", month):
        due[TK] = TEKUN[tekun.subtype, tekun.level]
    if dibao:
        due[DB] = dibao.amount_fen or 0
    if disability := counts(world, "disability", month, applied):
        if disability.level in {"1", "2", "3", "4"} and dibao:
            due[DL] = 100_00
        if disability.level in {"1", "2"} or (disability.level == "3" and disability.subtype in {"5", "6"}):
            due[DN] = 110_00 if disability.level == "1" else 80_00
    return due


def of_age(world: World, month: int, cycle: int, *, on_dibao: bool) -> dict[str, int]:
    due: dict[str, int] = {}
    age = age_before(world, month)
    if age >= 80 and registered_here(world, month) and accepted(world, month, cycle):
        due[A] = 300_00 if age >= 100 else 100_00 if age >= 90 else 50_00
    if age >= 60 and on_dibao and counts(world, "elder_service_accepted", month):
        due[ES] = 50_00
    frail = counts(world, "disabled_elder", month)
    if age >= 60 and on_dibao and frail and frail.level in {"3", "4"}:
        due[EN] = 100_00
    return due


def of_children(world: World, month: int) -> dict[str, int]:
    due: dict[str, int] = {}
    if age_before(world, month) < 18 or counts(world, "in_school", month, lambda row: nr(row.decided_on)):  # type: ignore[arg-type]
        if orphan := counts(world, "orphan", month):
            due[OR] = {"dispersed": 1359_00, "institution": 2017_00}[orphan.subtype]
        if counts(world, "de_facto_unattended_child", month):
            due[DF] = 1359_00
    return due


def stack(due: dict[str, int]) -> None:
    """The seven steps, in their order."""
    if OR in due or DF in due:
        due.pop(TK, None)
    if OR in due:
        for key in (DF, DB, DL):
            due.pop(key, None)
    if TK in due:
        for key in (DB, DL, DN, EN, ES):
            due.pop(key, None)
    if DF in due:
        due[DF] = max(0, 1359_00 - due.get(DB, 0) - due.get(DL, 0))
    if DN in due and EN in due:
        due.pop(EN if due[DN] >= due[EN] else DN)
    if EN in due and ES in due:
        due.pop(ES if due[EN] >= due[ES] else EN)


def price(world: World, month: int, cut_off: date) -> int:
    rows = [row for row in world.index if row.month == month and row.published_on <= cut_off]
    if not rows:
        return 0
    latest = max(row.published_on for row in rows)
    row = [row for row in rows if row.published_on == latest][-1]
    if Decimal(row.cpi_tenths) / 10 < Decimal("3.5") and Decimal(row.food_tenths) / 10 < Decimal("6.0"):
        return 0
    yuan = (Decimal(780) * row.scpi_tenths / 1000).quantize(Decimal(1), ROUND_HALF_UP)
    return max(int(yuan), 10) * 100


def naive_month(world: World, month: int, cycle: int, cut_off: date) -> dict[str, int]:
    due = by_themselves(world, month, cycle) if is_here(world, month) else {}
    stack(due)
    if {DB, TK, OR, DF} & due.keys() and (fen := price(world, month, cut_off)):
        due[PR] = fen
    if fen := sum(fen for granted, fen in world.grants if granted == month):
        due[GR] = fen
    return due


Texts = set[tuple[str, str, str, int]]


def naive_cycle(world: World, cycle: int, cut_off: date) -> tuple[Texts, dict[tuple[str, int], int]]:
    """The lines of a cycle, and what the limit keeps back today."""
    written: Texts = set()
    kept_back: dict[tuple[str, int], int] = {}
    for month in range(START, cycle + 1):
        due = naive_month(world, month, cycle, cut_off)
        change = {key: due.get(key, 0) - sum(world.lines.get((key, month), ())) for key in ORDER}
        room = -sum(fen for fen in change.values() if fen < 0)
        for key in ORDER:
            fen, before = change[key], world.lines.get((key, month), ())
            if fen > 0 and month < cycle - 24:
                given_out = min(fen, room)
                room -= given_out
                if fen > given_out:
                    kept_back[key, month] = fen - given_out
                fen = given_out
            if fen < 0:
                kind = "RECOVERY"
            elif key == PR:
                kind = "PRICE"
            elif not before:
                kind = "REGULAR" if month == cycle else "BACKPAY"
            else:
                kind = "DIFFERENCE" if sum(before) > 0 else "BACKPAY"
            if fen:
                written.add((key, str(Month(month)), kind, fen))
    return written, kept_back
