"""Guardianship and entrusted care 监护与委托照护: who answers for a child, from when to when, and what is doubtful in it.

Minors' protection law 未成年人保护法: whoever is away must entrust an able adult (articles 21 and 22), by a signed
confirmation. What no row can show (a child of seven left alone) is not guessed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final

from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.identity import birth_in, normalise_number, number_flaw
from tuoqi.registry.domain.life import completed_years
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.status import Interval

FULL_AGE: Final = 18
ENTRUSTED: Final = "entrusted"
INSTITUTION: Final = "institution"
KINDS: Final = {
    "natural": "父母监护",
    ENTRUSTED: "委托监护",
    "appointed": "指定监护",
    INSTITUTION: "机构监护",
}
_PRIVATE: Final = ("guardian_id_number", "guardian_name", "relation")
_SEVERE: Final = frozenset({"1", "2"})
_MIND: Final = frozenset({"5", "6"})
"""Kinds of disability of which level 3 counts as severe too: intellectual and mental."""


@dataclass(frozen=True, slots=True)
class Guardianship:
    """One guardian of one child. Kind, guardian and first day make it; a row with the same three replaces it."""

    guardianship_id: str
    kind: str
    began_on: date
    ended_on: date | None = None
    """The last day; None while it goes on."""
    signed_on: date | None = None
    """When the confirmation 委托监护责任确认书 was signed."""
    guardian_person_id: str = ""
    """The guardian, where the register knows him."""
    private: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sealed under the child's key: the guardian's number and name, the relation."""
    known_at: datetime | None = field(default=None, compare=False)
    """When this version became known; None until it is stored."""

    def covers(self, day: date) -> bool:
        """Whether it holds on that day, first and last day included."""
        return self.began_on <= day and (self.ended_on is None or day <= self.ended_on)

    def is_about(self, other: Guardianship) -> bool:
        """Whether both speak of the same guardian of the same kind from the same day on; a number may be missing."""
        if (self.kind, self.began_on) != (other.kind, other.began_on):
            return False
        mine, his = self.private.get("guardian_id_number"), other.private.get("guardian_id_number")
        if mine and his:
            return mine == his
        return self.private.get("guardian_name") == other.private.get("guardian_name")


def guardian_number(cells: Cells) -> str:
    """The guardian's number in its present form; empty where the row gives none."""
    return normalise_number(cells.text("guardian_id_number"))


def read_guardianship(cells: Cells, child: Person, flaws: Flaws, *, today: date) -> Guardianship | None:
    """The guardianship that a row speaks of, without id and guardian's file; None where the row is rejected."""
    number, name = guardian_number(cells), cells.text("guardian_name")
    flaws.check_days(cells, ("from", "to", "signed_on"), today=today, born=child.birth_date)
    if number and (wrong := number_flaw(number)):
        flaws.reject("guardian_id_number", number, wrong)
    elif number and number == child.number:
        flaws.reject("guardian_id_number", number, "监护人不能是儿童本人。")
    if not number and not name:
        flaws.reject("guardian_name", "", "监护人证件和姓名至少填写一项。")
    kind = cells.text("kind")
    began_on = cells.day("from") or (child.birth_date if kind == "natural" else None)
    if began_on is None and "from" not in cells.given:
        flaws.reject("from", "", f"{KINDS[kind]}必须填写起始日期。")
    ended_on = cells.day("to")
    if began_on is not None and ended_on is not None and ended_on < began_on:
        flaws.reject("to", ended_on, "终止日期不能早于起始日期。")
    if flaws.is_rejected() or began_on is None:
        return None
    given = {**cells.given, "guardian_id_number": number}
    private = {key: str(given[key]) for key in _PRIVATE if given.get(key)}
    return Guardianship("", kind, began_on, ended_on, cells.day("signed_on"), "", private)


def place_guardianship(
    all_of: Sequence[Guardianship], row: Guardianship, *, new_id: str
) -> tuple[Guardianship, Guardianship | None]:
    """The guardianship as it is after a row, and the one whose place it takes."""
    same = next((one for one in all_of if one.is_about(row)), None)
    if same is None:
        return replace(row, guardianship_id=new_id), None
    # A row without the number does not take away what an earlier one said.
    private = {**row.private}
    if number := same.private.get("guardian_id_number"):
        private.setdefault("guardian_id_number", number)
    return replace(row, guardianship_id=same.guardianship_id, private=private), same


def warn_of_child(
    row: Guardianship, all_of: Sequence[Guardianship], child: Person, flaws: Flaws, *, today: date
) -> None:
    """What is doubtful in the row beside the child's other guardianships (`all_of` holds the row itself)."""
    if completed_years(child.birth_date, today) >= FULL_AGE:
        flaws.warn("id_number", "", "此人已满 18 周岁，不再需要监护登记，请核对。")
        return
    if row.kind == ENTRUSTED and row.signed_on is None:
        flaws.warn("signed_on", "", "委托监护没有签订确认书的日期，请补签委托监护责任确认书。")
    if row.kind == ENTRUSTED and any(
        one.kind == ENTRUSTED and one.guardianship_id != row.guardianship_id and _overlap(one, row) for one in all_of
    ):
        flaws.warn("from", row.began_on, "同一时间已登记另一名委托监护人，请核对。")
    if row.ended_on is not None and row.ended_on < today and not any(one.covers(today) for one in all_of):
        flaws.warn("to", row.ended_on, "监护已到期，没有新的监护人，请尽快落实。")


def warn_of_guardian(
    row: Guardianship, guardian: Person | None, intervals: Sequence[Interval], flaws: Flaws, *, today: date
) -> None:
    """What is doubtful in the guardian himself, by his number and by the register."""
    if row.kind == INSTITUTION:
        return
    number = row.private.get("guardian_id_number", "")
    born = guardian.birth_date if guardian else birth_in(number) if number else None
    if born is not None and completed_years(born, row.began_on) < FULL_AGE:
        flaws.warn("guardian_id_number", number, "监护人在起始日未满 18 周岁，不能承担监护。")
    if guardian is None or not row.covers(today):
        return
    if guardian.died_on is not None:
        flaws.warn("guardian_id_number", number, "登记显示监护人已死亡，请落实新的监护人。")
    elif any(_is_severe(one, today) for one in intervals):
        flaws.warn("guardian_id_number", number, "登记显示监护人重度残疾或失能，请评估其监护能力。")


def _is_severe(one: Interval, today: date) -> bool:
    in_force = (
        one.decided_on is not None
        and one.decided_on <= today
        and all(day is None or today <= day for day in (one.ended_on, one.valid_until))
    )
    if not in_force:
        return False
    if one.category == "disabled_elder":
        return one.level in ("3", "4")
    return one.category == "disability" and (one.level in _SEVERE or (one.level == "3" and one.subtype in _MIND))


def _overlap(one: Guardianship, other: Guardianship) -> bool:
    return one.began_on <= (other.ended_on or date.max) and other.began_on <= (one.ended_on or date.max)
