"""Who lives in a home (入住), who answers for a child (监护), and what assessments (评估) came to.

One old home has exactly forty residents in a county of 25,000: the one that the demonstration merges into the centre,
which keeps free beds for them.
"""

from datetime import date
from random import Random
from typing import Final

from tuoqi.cli.county import names
from tuoqi.cli.county.chance import between, happens, pick
from tuoqi.cli.county.facilities import CHILD_HOME, MERGED_HOME, elder_homes
from tuoqi.cli.county.households import GRANDPARENTS, INSTITUTION, PARENTS, Household
from tuoqi.cli.county.month import Month, iso
from tuoqi.cli.county.people import CHILD, Person
from tuoqi.cli.county.tables import Table

MERGED_RESIDENTS: Final = 40
# So many beds of the other homes stay free, those of the centre for the merged home's residents.
_FREE_BEDS: Final = {"JLY01": 50}
_FREE_BEDS_ELSEWHERE: Final = 5
_CHILD_HOME_BEDS: Final = 60
_UNSIGNED_SHARE: Final = 0.05
_SCORED_SHARE: Final = 0.05
# Items of GB/T 42195 with their points; 26 items, 90 points.
_ABILITY: Final = (
    *((code, 4) for code in ("eating", "grooming", "bathing", "dressing_upper", "dressing_lower", "urination")),
    *((code, 4) for code in ("defecation", "toileting", "bed_mobility", "bed_chair", "walking")),
    ("stairs", 3),
    *((code, 4) for code in ("time_orientation", "place_orientation", "person_orientation", "memory")),
    *((code, 4) for code in ("understanding", "expression")),
    ("aggression", 1), ("depression", 1), ("consciousness", 2), ("vision", 2), ("hearing", 2),
    ("daily_affairs", 4), ("transport", 3), ("social", 4),
)  # fmt: skip
_ABILITY_LOST: Final = {"0": (0, 0), "1": (1, 24), "2": (25, 44), "3": (45, 60), "4": (61, 90)}
_SELF_CARE: Final = ("eating", "dressing", "bed", "toileting", "walking", "bathing")
_SELF_CARE_FAILED: Final = {"full": (0, 0), "half": (1, 3), "none": (4, 6)}
_SCORECARD: Final = (
    ("guardian_unable", 20), ("guardian_neglect", 40), ("schooling", 20), ("mind", 20), ("poverty", 10), ("contact", 10),
)  # fmt: skip


class CareBook:
    """Writes stays, guardianships and assessments of one household after the other, after its statuses."""

    def __init__(self, rng: Random, month: Month, stays: Table, guardianship: Table, assessments: Table) -> None:
        self._rng = rng
        self._newest = month.before_last
        self._stays = stays
        self._guardianship = guardianship
        self._assessments = assessments
        beds = dict(elder_homes())
        free = {code: _FREE_BEDS.get(code, _FREE_BEDS_ELSEWHERE) for code in beds}
        places = {code: count - free[code] for code, count in beds.items()} | {MERGED_HOME: MERGED_RESIDENTS}
        order = sorted(places, key=lambda code: code != MERGED_HOME)
        self._elder_beds = iter([(code, bed) for code in order for bed in range(1, places[code] + 1)])
        self._child_beds = iter([(CHILD_HOME, bed) for bed in range(1, _CHILD_HOME_BEDS + 1)])

    def look_at(self, household: Household) -> None:
        """Write what the members' statuses ask for."""
        for person in household.members:
            if person.current.get("tekun", ("", ""))[0] == "centralised":
                self._move_in(person, next(self._elder_beds, None), self._decided(person, "tekun"))
            if household.kind == INSTITUTION:
                self._move_in(person, next(self._child_beds, None), self._decided(person, "orphan"))
            if person.age_class == CHILD:
                self._guard(household, person)
            self._assess(person)

    def _move_in(self, person: Person, place: tuple[str, int] | None, decided: int) -> None:
        """A stay from some day after the decision on; nobody moves in where the beds are gone."""
        if place is None:
            return
        person.facility, bed = place
        began = between(self._rng, decided, self._newest)
        self._stays.write((*person.key, person.facility, iso(began), "", f"{bed:03d}"))

    def _guard(self, household: Household, child: Person) -> None:
        """A left-behind child is entrusted to those who keep it; a child of the home is the home's."""
        born, guardian = iso(child.born), child.guardian
        if household.kind == INSTITUTION:
            self._guardianship.write((*child.key, "institution", "", guardian.name, "儿童福利机构", born, "", ""))
        elif "left_behind_child" not in child.current:
            return
        elif household.kind == PARENTS:
            row = ("natural", guardian.id_number, guardian.name, "父母", born, "", "")
            self._guardianship.write((*child.key, *row))
        else:
            since = self._decided(child, "left_behind_child")
            signed = "" if happens(self._rng, _UNSIGNED_SHARE) else iso(max(child.born, since - 3))
            relation = "祖父母" if household.kind == GRANDPARENTS else "亲属"
            row = ("entrusted", guardian.id_number, guardian.name, relation, iso(since), "", signed)
            self._guardianship.write((*child.key, *row))

    def _assess(self, person: Person) -> None:
        """Ability where a level is known, self-care of those in homes, the scorecard of one child in twenty."""
        level = person.current.get("disabled_elder", ("", ""))[1]
        if level:
            low, high = _ABILITY_LOST[level]
            items = self._answers(between(self._rng, low, high))
            self._write(person, "GBT42195", self._decided(person, "disabled_elder"), items, level)
        if person.facility and "tekun" in person.current:
            level = person.current["tekun"][1]
            failed = between(self._rng, *_SELF_CARE_FAILED[level])
            items = [(code, int(place < failed)) for place, code in enumerate(_SELF_CARE)]
            self._write(person, "tekun_self_care", self._decided(person, "tekun"), items, level)
        if person.age_class == CHILD and not person.facility and happens(self._rng, _SCORED_SHARE):
            items = [(code, between(self._rng, 0, most)) for code, most in _SCORECARD if happens(self._rng, 0.6)]
            items = items or [("poverty", 5)]
            person.score = sum(points for _, points in items)
            day = between(self._rng, max(child_from(person), self._newest - 180), self._newest)
            self._write(person, "guardianship", day, items, "")

    def _answers(self, lost: int) -> list[tuple[str, int]]:
        """All 26 items with so many points lost, beginning at some item."""
        start = between(self._rng, 0, len(_ABILITY) - 1)
        answers: dict[str, int] = {}
        for code, most in (*_ABILITY[start:], *_ABILITY[:start]):
            less = min(lost, most)
            answers[code], lost = most - less, lost - less
        return [(code, answers[code]) for code, _ in _ABILITY]

    def _write(self, person: Person, scale: str, day: int, items: list[tuple[str, int]], level: str) -> None:
        assessors = [
            names.full_name(self._rng, names.surname(self._rng), pick(self._rng, "男女"), "汉族") for _ in "12"
        ]
        cells = ";".join(f"{code}={points}" for code, points in items)
        self._assessments.write((*person.key, scale, iso(day), "、".join(assessors), cells, level))

    def _decided(self, person: Person, category: str) -> int:
        """The day of the person's last decision of a category."""
        days = [row[6] for row in person.status_rows if row[2] == category]
        return date.fromisoformat(max(days)).toordinal()


def child_from(person: Person) -> int:
    """The first day on which a child of the register is looked at: some weeks after birth."""
    return person.born + 30
