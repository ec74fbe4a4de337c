"""`persons` 人员花名册 out, in the columns in which it comes in.

Revealed, it can be mended and loaded again; masked, its rows are refused for their numbers, so nothing masked gets in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import Final

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.kit.clock import BusinessClock, county_day
from tuoqi.kit.database import Database
from tuoqi.kit.masking import mask_number
from tuoqi.kit.rights import Actor
from tuoqi.kit.tables import Column
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.query import CHILD_UNTIL, born_by
from tuoqi.registry.jobs.columns import PERSONS
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.seals import Vault
from tuoqi.registry.store.search import Cursor, Reach, Wanted, file_page

PAGE: Final = 1_000
_NUMBERS: Final = frozenset(
    {"id_number", "phone", "guardian_id_number", "guardian_phone", "account_no", "account_holder_id"}
)
_ONLY_REVEALED: Final = frozenset({"address", "note"})


class Roster:
    """`persons`: one row a person of the caller's regions, by village, birth date and id."""

    kind = "persons"
    columns: Sequence[Column] = PERSONS

    def __init__(self, database: Database, vault: Vault, clock: BusinessClock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._persons = PersonStore(vault)

    async def rows(
        self, request: table_pb2.ExportRowsRequest, actor: Actor
    ) -> AsyncIterator[Sequence[Mapping[str, object]]]:
        """Page by page. Names need the right to describe people; children are left out where no purpose is said."""
        actor.require("person.describe")
        today = county_day(self._clock.now())
        latest = date.max if actor.purpose.strip() else born_by(CHILD_UNTIL, today)
        wanted = Wanted(reach=Reach(actor.regions, latest), today=today)
        after: Cursor | None = None
        while True:
            async with self._database.begin() as tx:
                page = await file_page(tx, wanted, after=after, size=PAGE)
                if not page:
                    return
                ids = [row.person_id for row in page]
                persons = await self._persons.load(tx, ids, self._vault.ring(), lock=False)
            after = (page[-1].region, page[-1].birth_date, page[-1].person_id)
            yield [_values(persons[one], reveal=request.reveal) for one in ids]


def _values(person: Person, *, reveal: bool) -> Mapping[str, object]:
    texts = dict(person.private)
    if not reveal:
        for key in _ONLY_REVEALED & texts.keys():
            del texts[key]
        for key in _NUMBERS & texts.keys():
            # A row that is found by its temporary id would be taken when loaded: nothing masked may stand in it.
            texts[key] = mask_number(texts[key]) if person.number else ""
    return {
        **texts,
        "sex": person.sex,
        "birth_date": person.birth_date,
        "hukou_region": person.hukou[-1].region,
        "residence_region": person.residence_region or None,
        "death_date": person.died_on,
    }
