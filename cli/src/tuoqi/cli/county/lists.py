"""The monthly comparison lists (比对名单) and the price index: what other offices send the county."""

from datetime import date
from random import Random
from typing import Final

from tuoqi.cli.county.chance import Quota, between, happens, pick
from tuoqi.cli.county.households import ADULTS, ELDER_ALONE, ELDER_COUPLE, Household
from tuoqi.cli.county.month import Month, iso, months_back
from tuoqi.cli.county.people import ELDER, Person
from tuoqi.cli.county.places import COUNTY
from tuoqi.cli.county.size import Size
from tuoqi.cli.county.tables import Table

_SOURCES_OF_DEATH: Final = ("医保比对", "殡葬比对", "公安比对")
_SOURCE_OF_MOVE: Final = "公安比对"
_RETURNED_SHARE: Final = 0.15
_INDEX_MONTHS: Final = 33
_PUBLISHED_AFTER: Final = 13  # days into the following month


class ComparisonLists:
    """Picks who died or moved in the month before; both lists stay far apart, nobody stands in two."""

    def __init__(self, rng: Random, month: Month, size: Size, deaths: Table, moves: Table) -> None:
        self._rng = rng
        self._month = month
        self._deaths = deaths
        self._moves = moves
        self._dying = Quota(size.listed, size.persons, 0.6)
        self._moving = Quota(size.listed, size.persons, 0.8)

    def look_at(self, household: Household, made: int) -> Person | None:
        """Perhaps put the head of an ordinary household of adults on a list; returns one who is gone from now on."""
        head = household.members[0]
        county = head.hukou.code.startswith(COUNTY)
        if household.special or not county or household.kind not in (ADULTS, ELDER_ALONE, ELDER_COUPLE):
            return None
        if head.age_class == ELDER and self._dying.take(made):
            died = between(self._rng, self._month.before_first, self._month.before_last)
            self._deaths.write((*head.key, iso(died), pick(self._rng, _SOURCES_OF_DEATH)))
            return head
        if self._moving.take(made):
            return self._move(head)
        return None

    def _move(self, head: Person) -> Person | None:
        """A move of the month before, or an earlier one from which the person has come back by now."""
        rng, month = self._rng, self._month
        if happens(rng, _RETURNED_SHARE):
            returned = between(rng, month.before_first, month.before_last)
            out = returned - between(rng, 20, 90)
            self._moves.write((*head.key, iso(out), iso(returned), _SOURCE_OF_MOVE))
            return None
        out = between(rng, month.before_first, month.before_last)
        self._moves.write((*head.key, iso(out), "", _SOURCE_OF_MOVE))
        return head


def write_late_death(rng: Random, month: Month, person: Person, table: Table) -> None:
    """One death of the month before that becomes known only after the month was paid."""
    died = between(rng, month.before_last - 9, month.before_last)
    table.write((*person.key, iso(died), "殡葬比对"))


def write_price_index(rng: Random, month: Month, table: Table) -> None:
    """Some three years of index rows, all published by the loading day; one triggers, one was revised."""
    for back in range(_INDEX_MONTHS + 1, 1, -1):
        text = months_back(month, back)
        published = date.fromisoformat(f"{months_back(month, back - 1)}-01").toordinal() + _PUBLISHED_AFTER
        trigger = back == _INDEX_MONTHS // 2
        cpi, food, scpi = between(rng, -3, 28), 63 if trigger else between(rng, -20, 48), between(rng, 3, 36)
        table.write((text, _tenths(cpi), _tenths(food), _tenths(scpi), iso(published)))
        if back == _INDEX_MONTHS - 1:
            table.write((text, _tenths(cpi + 1), _tenths(food), _tenths(scpi), iso(published + 10)))


def _tenths(value: int) -> str:
    """Tenths of a percent as text with one decimal."""
    return f"{'-' if value < 0 else ''}{abs(value) // 10}.{abs(value) % 10}"
