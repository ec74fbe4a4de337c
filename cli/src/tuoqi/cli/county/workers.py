"""Care workers (关爱服务队伍) and their posts: one child director a village but for a few, supervisors, loving mothers."""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from random import Random
from typing import Final

from tuoqi.cli.county import names
from tuoqi.cli.county.chance import between, pick
from tuoqi.cli.county.month import Month, iso
from tuoqi.cli.county.people import ADULT, Numbers, Person
from tuoqi.cli.county.places import VILLAGES
from tuoqi.cli.county.size import Size
from tuoqi.cli.county.tables import Table

TOWNSHIPS: Final = tuple(dict.fromkeys(village.township_code for village in VILLAGES))
COUNTY_CODE: Final = "990101000000"
_VACANT: Final = (17, 48, 71)
"""Villages by number without a child director (儿童主任)."""
_LEFT: Final = 48
"""The one of them whose director has left."""
_LOVING_MOTHERS: Final = 1_060
_FAMILY_GUIDES: Final = 50
_PAIRED_OFFICIALS: Final = 23
_MUTUAL_AID: Final = 180
_REGISTERED_EVERY: Final = 10
"""One loving mother in so many is on the people's register herself, while there are any."""
_KEPT: Final = 200


class WorkerBook:
    """Remembers a few women of the register, and writes the workers once all people are made."""

    def __init__(self, rng: Random, numbers: Numbers, month: Month, size: Size) -> None:
        self._rng = rng
        self._numbers = numbers
        self._month = month
        self._size = size
        self._women: list[Person] = []

    def look_at(self, person: Person) -> None:
        """Keep a woman of the register who may be a loving mother (爱心妈妈)."""
        if person.age_class == ADULT and person.sex == "女" and person.id_number and len(self._women) < _KEPT:
            self._women.append(person)

    def write(self, table: Table) -> None:
        """Write workers.csv."""
        for row in self._rows():
            table.write(row)

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for place, village in enumerate(VILLAGES):
            if place not in _VACANT:
                yield self._new("village_child_director", village.code)
            elif place == _LEFT:
                yield self._new("village_child_director", village.code, has_left=True)
        for township in TOWNSHIPS:
            yield self._new("township_child_supervisor", township)
        for village in VILLAGES:
            yield self._new("grid_worker", village.code)
        codes = [village.code for village in VILLAGES]
        yield from self._loving_mothers(codes)
        yield from self._many("mutual_aid_volunteer", _MUTUAL_AID, codes)
        yield from self._many("family_guide", _FAMILY_GUIDES, TOWNSHIPS)
        yield from self._many("paired_official", _PAIRED_OFFICIALS, (COUNTY_CODE,))

    def _loving_mothers(self, codes: Sequence[str]) -> Iterator[tuple[str, ...]]:
        count = self._size.scaled(_LOVING_MOTHERS)
        women = self._women[: count // _REGISTERED_EVERY]
        for woman in women:
            yield self._row(woman.name, woman.id_number, woman.phone, "loving_mother", woman.home.code)
        for code in islice(cycle(codes), count - len(women)):
            yield self._new("loving_mother", code, sex="女")

    def _many(self, kind: str, base: int, codes: Sequence[str]) -> Iterator[tuple[str, ...]]:
        for code in islice(cycle(codes), self._size.scaled(base)):
            yield self._new(kind, code)

    def _new(self, kind: str, region: str, *, sex: str = "", has_left: bool = False) -> tuple[str, ...]:
        """A post of somebody who is not on the people's register."""
        rng = self._rng
        sex = sex or pick(rng, "男女")
        born = self._month.first - between(rng, 26 * 366, 58 * 365)
        name = names.full_name(rng, names.surname(rng), sex, names.ethnic_group(rng))
        number = self._numbers.identity(born, sex)
        return self._row(name, number, self._numbers.phone(), kind, region, has_left=has_left)

    def _row(
        self, name: str, number: str, phone: str, kind: str, region: str, *, has_left: bool = False
    ) -> tuple[str, ...]:
        since = self._month.first - between(self._rng, 90, 3 * 365)
        until = iso(self._month.first - 45) if has_left else ""
        return (name, number, phone, kind, region, iso(since), until, "")
