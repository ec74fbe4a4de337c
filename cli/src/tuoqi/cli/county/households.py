"""Households (户): who lives with whom, and how the county's old people, adults and children are dealt out to them."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from tuoqi.cli.county import names
from tuoqi.cli.county.chance import Quota, between, happens, pick
from tuoqi.cli.county.facilities import CHILD_HOME_NAME, CHILD_HOME_VILLAGE
from tuoqi.cli.county.month import Month, born_by
from tuoqi.cli.county.people import ADULT, CHILD, ELDER, NO_ACCOUNT, Guardian, Numbers, Person, PersonMaker, Shared
from tuoqi.cli.county.places import OUTSIDE_VILLAGE, VILLAGES, Village
from tuoqi.cli.county.size import Size

ELDER_ALONE: Final = "elder_alone"
ELDER_COUPLE: Final = "elder_couple"
GRANDPARENTS: Final = "grandparents"
PARENTS: Final = "parents"
RELATIVES: Final = "relatives"
ADULTS: Final = "adults"
INSTITUTION: Final = "institution"

# The two people whom the demonstration follows: one dies unnoticed, one is not visited.
LATE_DEATH: Final = "late_death"
MISSED: Final = "missed"
DEMO_ROLES: Final = (LATE_DEATH, MISSED)

# Mean members a household takes, by which the three age classes run out together.
_CHILDREN_PER_HOME: Final = 1.55
_ELDERS_PER_CHILD_HOME: Final = 0.75
_ADULTS_PER_CHILD_HOME: Final = 0.35
_ELDERS_PER_ELDER_HOME: Final = 1.45
_ADULTS_PER_ADULT_HOME: Final = 1.25
# Ages of old people who live without children, youngest and oldest with the share up to that band.
_ELDER_BANDS: Final = ((0.33, 60, 69), (0.645, 70, 79), (0.953, 80, 89), (0.9985, 90, 99), (1.0, 100, 105))
_SIBLINGS: Final = (1,) * 11 + (2,) * 7 + (3,) * 2
_KEEPERS: Final = (GRANDPARENTS, GRANDPARENTS, PARENTS, RELATIVES)
_GENERATION: Final = 22 * 365
_APART: Final = 4 * 365  # days between the births of a couple, at most


@dataclass(slots=True)
class Household:
    """Members, head first, and what is special: a status that the generator must give (`tekun`, `orphan`, …)."""

    kind: str
    members: list[Person]
    special: str = ""


class HouseholdMaker:
    """Deals households until every person of the size is made; one at a time, so memory stays small."""

    def __init__(self, rng: Random, numbers: Numbers, month: Month, size: Size) -> None:
        self._rng = rng
        self._numbers = numbers
        self._maker = PersonMaker(rng, numbers, month.text[:4])
        self._month = month
        self._left = {CHILD: size.children, ELDER: size.elders, ADULT: size.adults}
        self._total = size.persons
        self._serial = 0
        self._specials = {name: Quota(count, size.persons) for name, count in size.special_households.items()}
        self._outside = Quota(size.outside, size.persons)
        self._temporary = Quota(size.temporary, size.persons)
        # The two people of the demonstration come at fixed places of the list, one old person alone each.
        self._demo = {name: Quota(1, size.persons, 1 - at) for name, at in ((LATE_DEATH, 0.4), (MISSED, 0.45))}
        ages = {years: born_by(years, month.last) for years in range(107)}
        self._born_by = ages

    @property
    def made(self) -> int:
        """Persons made so far."""
        return self._total - sum(self._left.values())

    def households(self) -> Iterator[Household]:
        """All households of the county, in a fixed order for a seed."""
        while self.made < self._total:
            yield self._next()

    def _next(self) -> Household:
        """The next household: a special one that is due, else one around a child, an old person or an adult."""
        left, rng = self._left, self._rng
        for name, quota in self._demo.items():
            if left[ELDER] and quota.take(self.made):
                return self._alone(84, name)
        for name, quota in self._specials.items():
            if left[_CLASS_OF_SPECIAL[name]] and quota.take(self.made):
                return self._special(name)
        homes = left[CHILD] / _CHILDREN_PER_HOME
        elders = max(0.0, (left[ELDER] - homes * _ELDERS_PER_CHILD_HOME) / _ELDERS_PER_ELDER_HOME)
        adults = max(0.0, (left[ADULT] - homes * _ADULTS_PER_CHILD_HOME) / _ADULTS_PER_ADULT_HOME)
        draw = rng.random() * (homes + elders + adults)
        if left[CHILD] and (draw < homes or homes + elders + adults == 0):
            return self._with_children()
        if left[ELDER] and (draw < homes + elders or not left[ADULT]):
            return self._elders()
        return self._adults() if left[ADULT] else self._with_children()

    # --- kinds of households -------------------------------------------------------------------------------------

    def _elders(self) -> Household:
        """An old person alone or an old couple."""
        rng = self._rng
        draw = rng.random()
        low, high = next((low, high) for share, low, high in _ELDER_BANDS if draw < share)
        born = self._born(low, high)
        if self._left[ELDER] == 1 or happens(rng, 0.55):
            shared = self._shared(outside=self._outside.take(self.made))
            member = self._member(ELDER, born, shared, "户主", temporary=self._temporary.take(self.made))
            return Household(ELDER_ALONE, [self._with_own_account(member)])
        return Household(ELDER_COUPLE, self._couple(ELDER, born, self._shared()))

    def _alone(self, age: int, special: str) -> Household:
        """An old person alone of a given age, for the demonstration."""
        member = self._member(ELDER, self._born(age, age), self._shared(), "户主")
        return Household(ELDER_ALONE, [self._with_own_account(member)], special)

    def _adults(self) -> Household:
        """One or two people of working age."""
        rng, shared = self._rng, self._shared(outside=self._outside.take(self.made))
        born = self._born(19, 59)
        if self._left[ADULT] == 1 or happens(rng, 0.75):
            return Household(ADULTS, [self._with_own_account(self._member(ADULT, born, shared, "户主"))])
        return Household(ADULTS, self._couple(ADULT, born, shared))

    def _with_children(self) -> Household:
        """One to three children with grandparents, parents, or a guardian who is not on the register."""
        rng = self._rng
        count = min(self._left[CHILD], pick(rng, _SIBLINGS))
        born = sorted(self._born_child() for _ in range(count))
        shared, kind = self._shared(), pick(rng, _KEEPERS)
        if kind == GRANDPARENTS and self._left[ELDER]:
            low, high = (60, 69) if happens(rng, 0.75) else (70, 79)
            keepers = self._keepers(ELDER, self._born(low, high), shared, 0.5)
            return self._family(GRANDPARENTS, keepers, born, shared)
        if kind == PARENTS and self._left[ADULT]:
            oldest = born[0] - _GENERATION
            parent_born = between(rng, max(oldest - 14 * 365, self._born_by[59] + 1), oldest)
            keepers = self._keepers(ADULT, parent_born, shared, 0.4)
            return self._family(PARENTS, keepers, born, shared)
        return self._family(RELATIVES, [], born, shared)

    def _special(self, name: str) -> Household:
        """One person with a status that few have."""
        shared = self._shared(home=CHILD_HOME_VILLAGE if name == "orphan_institution" else None)
        age_class = _CLASS_OF_SPECIAL[name]
        if age_class == CHILD:
            family = self._family(RELATIVES, [], [self._born_child()], shared)
            family.special = name
            if name == "orphan_institution":
                family.kind = INSTITUTION
                family.members[0].guardian = Guardian(CHILD_HOME_NAME, "", "")
                family.members[0].account = NO_ACCOUNT
            return family
        low, high = (62, 88) if age_class == ELDER else (19, 20) if name == "in_school" else (25, 58)
        member = self._member(age_class, self._born(low, high), shared, "户主")
        return Household(ELDER_ALONE if age_class == ELDER else ADULTS, [self._with_own_account(member)], special=name)

    # --- members -------------------------------------------------------------------------------------------------

    def _family(self, kind: str, keepers: list[Person], born: list[int], shared: Shared) -> Household:
        """Children behind their keepers; without keepers the eldest child is the head and a relative the guardian."""
        rng = self._rng
        if keepers:
            head = keepers[0]
            guardian = Guardian(head.name, head.id_number, head.phone or self._numbers.phone())
            account = head.account
        else:
            sex = pick(rng, "男女")
            name = names.full_name(rng, shared.family, sex, shared.ethnic)
            guardian_id = self._numbers.identity(self._born(30, 58), sex)
            guardian = Guardian(name, guardian_id, self._numbers.phone())
            account = self._numbers.account(name, guardian_id)
        children = []
        for place, day in enumerate(born):
            child = self._member(CHILD, day, shared, "", temporary=self._temporary.take(self.made))
            child.relation = _relation(kind, child.sex, first=place == 0)
            child.guardian = guardian
            # A few rows lack the holder's number: such a payment waits until the guardian is cleared up.
            child.account = account._replace(holder_id="") if happens(rng, 0.004) else account
            children.append(child)
        return Household(kind, keepers + children)

    def _keepers(self, age_class: str, born: int, shared: Shared, couples: float) -> list[Person]:
        """The one or two people who keep the children."""
        if self._left[age_class] > 1 and happens(self._rng, couples):
            return self._couple(age_class, born, shared)
        return [self._with_own_account(self._member(age_class, born, shared, "户主"))]

    def _couple(self, age_class: str, born: int, shared: Shared) -> list[Person]:
        """Husband or wife as head, the other near in age and of the same age class; one in twenty shares a card."""
        rng = self._rng
        youngest = self._born_by[60 if age_class == ELDER else 19] - 31  # so on the first day of the month already
        oldest = self._born_by[106 if age_class == ELDER else 59] + 1
        head = self._with_own_account(self._member(age_class, born, shared, "户主"))
        other_born = between(rng, max(oldest, born - _APART), min(youngest, born + _APART))
        sex = "女" if head.sex == "男" else "男"
        other = self._member(age_class, other_born, shared, "配偶", sex=sex, family=names.surname(rng))
        other.account = head.account if happens(rng, 0.05) else self._numbers.account(other.name, other.id_number)
        return [head, other]

    def _member(
        self, age_class: str, born: int, shared: Shared, relation: str, *,
        sex: str = "", family: str = "", temporary: bool = False,
    ) -> Person:  # fmt: skip
        """One person, counted off what is left."""
        self._left[age_class] -= 1
        return self._maker.person(age_class, born, shared, relation, sex=sex, family=family, temporary=temporary)

    def _with_own_account(self, person: Person) -> Person:
        """Give an account in the person's own name; a few people have none."""
        if not happens(self._rng, 0.005):
            person.account = self._numbers.account(person.name, person.id_number)
        return person

    def _shared(self, *, outside: bool = False, home: Village | None = None) -> Shared:
        """A new household number with home, name and ethnic group."""
        rng = self._rng
        self._serial += 1
        home = home or pick(rng, VILLAGES)
        return Shared(
            number=f"H{home.code[6:]}{self._serial:07d}",
            home=home,
            hukou=OUTSIDE_VILLAGE if outside else home,
            address=f"{home.address}{between(rng, 1, 12)}组{between(rng, 1, 180)}号",
            family=names.surname(rng),
            ethnic=names.ethnic_group(rng),
        )

    def _born(self, low: int, high: int) -> int:
        """A birth day of one who is low to high years old on the month's last day, and low already on its first."""
        days_in_month = self._month.last - self._month.first
        return between(self._rng, self._born_by[high + 1] + 1, self._born_by[low] - days_in_month - 1)

    def _born_child(self) -> int:
        """A birth day of one who is a child through the whole month and at least two months old."""
        return between(self._rng, self._born_by[18] + 1, self._month.first - 60)


_CLASS_OF_SPECIAL: Final = {
    "orphan_type_c": CHILD,
    "orphan_institution": CHILD,
    "orphan_dispersed": CHILD,
    "de_facto_unattended_child": CHILD,
    "tekun_child": CHILD,
    "tekun_elder": ELDER,
    "tekun_adult": ADULT,
    "in_school": ADULT,
}


def _relation(kind: str, sex: str, *, first: bool) -> str:
    """A child's relation to the head (与户主关系)."""
    if kind == GRANDPARENTS:
        return "孙子" if sex == "男" else "孙女"
    if kind == PARENTS:
        return "子" if sex == "男" else "女"
    if first:
        return "户主"
    return "弟弟" if sex == "男" else "妹妹"
