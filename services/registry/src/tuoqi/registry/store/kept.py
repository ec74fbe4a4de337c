"""Open parts of files that were read lately, kept in memory and checked at each use against what has changed since.

An answer is what PostgreSQL would have answered at the moment of the check, also where other processes write: a change
is noted with its transaction in `person_changes`, and each check asks for the changes of all transactions that the one
before it could not see yet. A file is kept only if every change after its reading will be seen by a later check.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import islice
from typing import Any, Final

from tuoqi.kit.database import Database
from tuoqi.registry.store.search import Reach

FILES_MAX: Final = 30_000
"""Files kept, some 400 bytes each."""
_CHANGES_MAX: Final = 5_000
"""Where more has changed, everything kept is forgotten."""
_NOW: Final = "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS seen"
_CHECK: Final = f"""
SELECT {_NOW}, ARRAY(SELECT person_id FROM person_changes
                     WHERE xid >= CAST(CAST(:seen AS text) AS xid8) LIMIT {_CHANGES_MAX + 1}) AS changed
"""
# One text, not an array: the driver looks at each element of an array three times, which costs more than all else.
_READ: Final = f"""
SELECT person_id, region, birth_date, file, {_NOW} FROM person_search
WHERE person_id = ANY(string_to_array(CAST(:ids AS text), ','))
"""
_EVERYBODY: Final = Reach(("",), date.max)
_Place = tuple[str, date]


class KeptFiles:
    """The files that one process keeps."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._files: dict[str, bytes] = {}
        self._places: dict[str, _Place] = {}
        """The same people's regions and birth dates."""
        self._seen = 0
        """The first transaction whose changes the last check could not be sure to see."""
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None
        """The check that has not begun yet."""

    async def read(self, ids: Iterable[str], reach: Reach) -> bytes:
        """The open parts of these people's files as the bytes of an answer; who is out of reach is left out."""
        await self._checked()
        wanted = list(dict.fromkeys(ids))
        found = list(map(self._files.get, wanted))
        places = list(map(self._places.get, wanted)) if reach != _EVERYBODY else []
        if None in found:
            await self._fetch(wanted, found, places)
        if reach == _EVERYBODY:
            return b"".join(filter(None, found))
        return b"".join(file for file, place in zip(found, places, strict=True) if file and _within(place, reach))

    async def _checked(self) -> None:
        """Wait for a check that begins after this call. Calls that wait at the same time share one."""
        if self._next is None:
            self._next = asyncio.create_task(self._check())
        await asyncio.shield(self._next)

    async def _check(self) -> None:
        async with self._turn:
            self._next = None
            async with self._database.reading() as tx:
                (row,) = await tx.fetch(_CHECK, seen=str(self._seen))
            # A database that was put back to an earlier state has not seen what is kept here.
            if row.seen < self._seen or len(row.changed) > _CHANGES_MAX:
                self._files.clear()
            for person_id in row.changed:
                self._files.pop(person_id, None)
            self._seen = row.seen

    async def _fetch(self, wanted: Sequence[str], found: list[bytes | None], places: list[_Place | None]) -> None:
        """Read who is not kept, and fill the gaps."""
        missing = {one: at for at, (one, file) in enumerate(zip(wanted, found, strict=True)) if file is None}
        async with self._database.reading() as tx:
            rows: Sequence[Any] = await tx.fetch(_READ, ids=",".join(missing))
        # Another call may have checked since: what changed between this reading and that check would never be noticed.
        keeps = bool(rows) and rows[0].seen >= self._seen
        for row in rows:
            at, place = missing[row.person_id], (row.region, row.birth_date)
            found[at] = row.file
            if places:
                places[at] = place
            if keeps:
                self._files[row.person_id] = row.file
                self._places[row.person_id] = place
        for oldest in list(islice(self._files, max(0, len(self._files) - FILES_MAX))):
            del self._files[oldest]
        if len(self._places) > 2 * FILES_MAX:
            self._places = {one: self._places[one] for one in self._files}


def _within(place: _Place | None, reach: Reach) -> bool:
    return place is not None and place[0].startswith(reach.regions) and place[1] <= reach.born_by
