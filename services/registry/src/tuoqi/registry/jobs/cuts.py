"""Cuts that come by file 减发、停发: the county's decided facts, taken as they are; a missing hearing is only said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from tuoqi.kit.database import Tx
from tuoqi.kit.tables import ParsedRow
from tuoqi.registry.domain.categories import Category
from tuoqi.registry.domain.cells import Flaws
from tuoqi.registry.domain.decision import cut_by, file_cut_unheard
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.status import Interval
from tuoqi.registry.jobs.chunk import Chunk
from tuoqi.registry.store.decisions import load_hearings

UNHEARD: Final = "减发、停发“{name}”前须听取本人意见，平台中没有记录（社会救助法第四十八条）。"


class Cuts:
    """The cuts of one chunk; hearings are asked for only where there is one."""

    def __init__(self, categories: Mapping[str, Category]) -> None:
        self._categories = categories
        self._found: list[tuple[ParsedRow, Person, Interval, Interval]] = []

    def note(self, row: ParsedRow, person: Person, before: Collection[Interval], after: Interval) -> None:
        """Look at what a row made of the intervals there were, in a category that asks for hearings."""
        standing = cut_by(before, after, self._categories[after.category])
        if standing is not None and person.died_on is None:
            self._found.append((row, person, standing, after))

    async def warn(self, tx: Tx, chunk: Chunk) -> None:
        """Say which cuts no hearing stands behind."""
        if not self._found:
            return
        hearings = await load_hearings(tx, {person.person_id for _, person, _, _ in self._found})
        for row, person, standing, after in self._found:
            category = self._categories[after.category]
            if file_cut_unheard(standing, after, category, hearings.get(person.person_id, ())):
                flaws = Flaws()
                flaws.warn("category", category.key, UNHEARD.format(name=category.name))
                chunk.report(row, flaws)
