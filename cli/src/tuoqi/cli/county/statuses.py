"""Status intervals (身份认定) of a household: who is what, since when, by which decision.

Every date lies between the person's birth and the day before the county is loaded, save `valid_until`. What the
payments' rules could never see together is not made: 特困 with 低保, an orphan on 低保.
"""

from random import Random
from typing import Final

from tuoqi.cli.county.chance import Quota, between, happens, pick
from tuoqi.cli.county.households import (
    ADULTS,
    DEMO_ROLES,
    ELDER_ALONE,
    ELDER_COUPLE,
    GRANDPARENTS,
    PARENTS,
    RELATIVES,
    Household,
)
from tuoqi.cli.county.month import Month, birthday, born_by, iso
from tuoqi.cli.county.people import CHILD, ELDER, Person
from tuoqi.cli.county.places import COUNTY
from tuoqi.cli.county.size import Size

_DIBAO_SHARE: Final = {ELDER_ALONE: 0.285, ELDER_COUPLE: 0.285, GRANDPARENTS: 0.66, PARENTS: 0.42, RELATIVES: 0.76}
_DIBAO_SHARE_ADULTS: Final = 0.08
# Days before the last month in which a 低保 decision may lie: the yearly check (年度复核) has just renewed most.
_CHECKED_BEFORE: Final = (0,) * 12 + (31,) * 5 + (365,) * 3
# How old people live, drawn once for a household.
_LIVES: Final = {
    ELDER_ALONE: ("living_alone_elder",) * 28 + ("",) * 72,
    ELDER_COUPLE: ("empty_nest_elder",) * 8 + ("left_behind_elder",) * 5 + ("",) * 87,
    GRANDPARENTS: ("left_behind_elder",) * 8 + ("",) * 92,
}
_OLD_AGE: Final = 80
_ELDER: Final = 60
_YEAR: Final = 365
_DISABILITY_SHARE: Final = {ELDER: 0.08, CHILD: 0.04}
_DISABILITY_SHARE_ADULTS: Final = 0.3
_DISABILITY_LEVELS: Final = "1223334444"
_DISABLED_ELDER_LEVELS: Final = "01111112222344"
_SELF_CARE: Final = ("full", "full", "full", "half", "none")
_DIFFICULTIES: Final = ("自身残疾", "重病", "监护缺失或不当", "家庭变故")


class StatusBook:
    """Writes the status rows of one household after the other; keeps numbering decisions of its own."""

    def __init__(self, rng: Random, month: Month, size: Size) -> None:
        self._rng = rng
        self._month = month
        self._year = month.text[:4]
        self._documents = 0
        self._newest = month.before_last
        self._one_child_loss = Quota(size.scaled(120), size.persons)
        self._born_80 = born_by(_OLD_AGE, month.before_last)
        self._born_16 = born_by(16, month.last)

    def assign(self, household: Household, made: int) -> None:
        """Give every member status rows; `made` persons are on the register by now."""
        demo = household.special in DEMO_ROLES
        if household.special and not demo:
            self._special(household.special, household.members[0])
        else:
            self._ordinary(household, made)
        for person in household.members:
            if person.age_class == ELDER and person.hukou.code.startswith(COUNTY):
                self._old_age(person, certain=demo)

    # --- households ----------------------------------------------------------------------------------------------

    def _ordinary(self, household: Household, made: int) -> None:
        """低保 as a right of the whole household, then what each member is."""
        rng = self._rng
        share = _DIBAO_SHARE_ADULTS if household.kind == ADULTS else _DIBAO_SHARE[household.kind]
        demo = household.special in DEMO_ROLES
        if not demo and happens(rng, share):
            self._dibao(household)
        elif not demo and happens(rng, 0.02):
            self._ended_dibao(household)
        elif not demo and happens(rng, 0.03):
            self._dibao_edge(household)
        lives = "living_alone_elder" if demo else pick(rng, _LIVES.get(household.kind, ("",)))
        for person in household.members:
            if person.age_class == CHILD:
                self._child(person)
            elif person.age_class == ELDER:
                self._elder(person, lives, demo=demo)
                if not demo and self._one_child_loss.take(made):
                    self._add(person, "one_child_loss_family", self._since(person, 10, after=_ELDER))
            if not demo:
                self._disability(person)

    def _dibao(self, household: Household) -> None:
        """One decision and one amount per head for all members; a few had another amount before."""
        rng, month = self._rng, self._month
        youngest = max(person.born for person in household.members)
        decided = between(rng, max(month.before_first - pick(rng, _CHECKED_BEFORE), youngest + 20), self._newest)
        applied = max(youngest, decided - between(rng, 8, 30))
        fen = between(rng, 400, 1240) * 50
        document = self._document("低保")
        former = decided - 2 * _YEAR if happens(rng, 0.03) else 0
        for person in household.members:
            if former > youngest + 20:
                self._add(
                    person, "dibao", former, applied=former - 15, document=document, ended=decided,
                    reason="年度复核调整", amount=_yuan(fen - 6000),
                )  # fmt: skip
            self._add(person, "dibao", decided, applied=applied, document=document, amount=_yuan(fen))
            person.paid.add("dibao")

    def _ended_dibao(self, household: Household) -> None:
        """A household that was on 低保 and no longer is."""
        rng = self._rng
        youngest = max(person.born for person in household.members)
        ended = between(rng, self._newest - 300, self._newest)
        decided = ended - between(rng, 200, 900)
        if decided - 15 <= youngest:
            return
        fen, document = between(rng, 480, 1200) * 50, self._document("低保")
        for person in household.members:
            self._add(
                person, "dibao", decided, applied=decided - 15, document=document, ended=ended,
                reason="家庭收入超过标准", amount=_yuan(fen),
            )  # fmt: skip

    def _dibao_edge(self, household: Household) -> None:
        """低保边缘: near the line, no cash."""
        youngest = max(person.born for person in household.members)
        decided = between(self._rng, max(youngest + 15, self._newest - _YEAR), self._newest)
        document = self._document("低边")
        for person in household.members:
            self._add(person, "dibao_edge", decided, applied=max(youngest, decided - 15), document=document)

    # --- old people ----------------------------------------------------------------------------------------------

    def _elder(self, person: Person, lives: str, *, demo: bool) -> None:
        """How an old person lives (a category or nothing), how able he is, what he has applied for."""
        rng = self._rng
        if lives:
            self._lives(person, lives, ends=not demo)
        if not demo and happens(rng, 0.05):
            level = pick(rng, _DISABLED_ELDER_LEVELS)
            self._add(person, "disabled_elder", self._since(person, 3, after=_ELDER), level=level)
        if "dibao" in person.paid and happens(rng, 0.155):
            self._add(person, "elder_service_accepted", self._since(person, 2, after=_ELDER))

    def _lives(self, person: Person, category: str, *, ends: bool = True) -> None:
        """A finding of the yearly survey (摸底); one in twenty-five has ended."""
        decided = self._since(person, 3, after=_ELDER)
        over = ends and happens(self._rng, 0.04)
        ended = between(self._rng, decided, self._newest) if over else 0
        self._add(person, category, decided, ended=ended, reason="子女返乡同住" if over else "")

    def _old_age(self, person: Person, *, certain: bool) -> None:
        """The accepted application (受理) for the old-age allowance; a few have not applied."""
        if person.born > self._born_80 or (not happens(self._rng, 0.95) and not certain):
            return
        turned = birthday(person.born, _OLD_AGE)
        newest = self._newest - (400 if certain else 0)
        decided = between(self._rng, max(turned - 25, self._newest - 6 * _YEAR), newest)
        self._add(person, "old_age_accepted", decided, applied=max(person.born, decided - 3))
        person.paid.add("old_age_allowance")

    # --- children and rare statuses ------------------------------------------------------------------------------

    def _child(self, person: Person) -> None:
        """Every child on the register is left behind or in difficulty; some are both."""
        rng = self._rng
        poor = "dibao" in person.paid
        young = person.born > self._born_16
        left_behind = young and happens(rng, 0.1 if poor else 0.85)
        if left_behind:
            self._add(person, "left_behind_child", self._since(person, 2))
        if not left_behind or happens(rng, 0.05):
            subtype = "家庭经济困难" if poor else pick(rng, _DIFFICULTIES)
            self._add(person, "child_in_difficulty", self._since(person, 3), subtype=subtype)

    def _special(self, name: str, person: Person) -> None:
        """The one status of a household that was made for it."""
        if name.startswith("tekun"):
            self._tekun(person, centralised=person.age_class == ELDER and happens(self._rng, 0.4))
        elif name == "in_school":
            self._student(person)
        else:
            category, _, subtype = name.partition("_") if name.startswith("orphan_") else (name, "", "")
            if name == "orphan_type_c":
                category, subtype = name, ""
            decided = self._since(person, 4)
            document = self._document("儿保")
            self._add(
                person, category, decided, subtype=subtype, applied=self._applied(person, decided), document=document
            )

    def _tekun(self, person: Person, *, centralised: bool) -> None:
        """特困: in a home or scattered, with what the self-care test found."""
        decided = self._since(person, 6, after=_ELDER if person.age_class == ELDER else 0)
        self._add(
            person, "tekun", decided, subtype="centralised" if centralised else "scattered",
            level=pick(self._rng, _SELF_CARE), applied=self._applied(person, decided), document=self._document("特困"),
        )  # fmt: skip

    def _student(self, person: Person) -> None:
        """An orphan who came of age and goes on with school."""
        decided = between(self._rng, person.born + 8 * _YEAR, person.born + 15 * _YEAR)
        self._add(person, "orphan", decided, subtype="dispersed", document=self._document("儿保"))
        adult_at = birthday(person.born, 18)
        self._add(person, "in_school", between(self._rng, adult_at - 60, min(adult_at, self._newest)))

    def _disability(self, person: Person) -> None:
        """A disability certificate (残疾证), valid for ten years; one in twelve has run out."""
        rng = self._rng
        if not happens(rng, _DISABILITY_SHARE.get(person.age_class, _DISABILITY_SHARE_ADULTS)):
            return
        decided = self._since(person, 9)
        valid = decided + 10 * _YEAR
        if happens(rng, 0.08):
            valid = between(rng, decided, self._newest)
        applied = self._applied(person, decided) if happens(rng, 0.9) else 0
        level = pick(rng, _DISABILITY_LEVELS)
        self._add(
            person, "disability", decided, subtype=pick(rng, "1234567"), level=level, applied=applied, valid=valid
        )

    # --- one row -------------------------------------------------------------------------------------------------

    def _add(
        self, person: Person, category: str, decided: int, *, subtype: str = "", level: str = "", applied: int = 0,
        document: str = "", ended: int = 0, reason: str = "", amount: str = "", valid: int = 0,
    ) -> None:  # fmt: skip
        """One status row; 0 stands for an empty date. Rows of one category come in the order of their decision."""
        dates = (_date(applied), iso(decided), document, _date(ended), reason, amount, _date(valid))
        person.status_rows.append((*person.key, category, subtype, level, *dates))
        loaded = self._month.first
        if (ended and ended < loaded) or (valid and valid < loaded):
            person.current.pop(category, None)
        else:
            person.current[category] = (subtype, level)

    def _since(self, person: Person, years: int, *, after: int = 0) -> int:
        """A decision day of the last years, not before the person's birthday number `after`."""
        oldest = birthday(person.born, after) if after else person.born + 20
        return between(self._rng, min(self._newest, max(oldest, self._newest - years * _YEAR)), self._newest)

    def _applied(self, person: Person, decided: int) -> int:
        """A day of application some weeks before the decision."""
        return max(person.born, decided - between(self._rng, 5, 45))

    def _document(self, kind: str) -> str:
        """The number of a decision (文号)."""
        self._documents += 1
        return f"禾民{kind}〔{self._year}〕{self._documents}号"


def _yuan(fen: int) -> str:
    """Fen as yuan with two decimals."""
    return f"{fen // 100}.{fen % 100:02d}"


def _date(day: int) -> str:
    """A day, or nothing for 0."""
    return iso(day) if day else ""
