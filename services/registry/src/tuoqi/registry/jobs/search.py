"""Rebuilds by what people are found: person by person, so that it can be broken off and go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.database import Conflict, Database, Tx
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.reindex import begin_reindex, finish_reindex, mark_reindex, next_persons, set_categories
from tuoqi.registry.store.seals import Vault
from tuoqi.registry.store.search import save_search

CHUNK: Final = 1_000


class Reindex:
    """One rebuild, begun or gone on with."""

    def __init__(self, database: Database, vault: Vault, clock: BusinessClock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._persons = PersonStore(vault)

    async def run(self, *, anew: bool) -> AsyncIterator[tuple[int, int]]:
        """Persons done and in all, after each chunk. One that was broken off goes on, unless it is to begin anew."""
        async with self._database.begin() as tx:
            after, done, total = await begin_reindex(tx, self._clock.now(), anew=anew)
        while True:
            try:
                async with self._database.begin() as tx:
                    ids = await self._chunk(tx, after, done)
            except Conflict:
                continue
            if not ids:
                break
            after, done = ids[-1], done + len(ids)
            yield done, max(done, total)
        async with self._database.begin() as tx:
            await finish_reindex(tx, self._clock.now())
        yield done, done

    async def _chunk(self, tx: Tx, after: str, done: int) -> list[str]:
        ids = await next_persons(tx, after, CHUNK)
        if ids:
            # Locked, so that nobody's change is overwritten by what was read before it.
            persons = await self._persons.load(tx, ids, self._vault.ring(), lock=True)
            await save_search(tx, (), list(persons.values()), None, self._vault.tokens)
            await set_categories(tx, ids)
            await mark_reindex(tx, ids[-1], done + len(ids))
        return ids
