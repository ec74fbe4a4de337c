"""Runs of proposals: asked for by somebody, computed at once, taken up again by the clock where that was broken off.

What is asked for is kept first. A run reads the county as it is, decides in a thread, and writes the whole set in one
transaction: a set is ready and complete, or it is still to be computed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.pairing_figures import Figures, figures_of
from tuoqi.visits.domain.pairing_match import Matching, Proposal
from tuoqi.visits.domain.pairings import Child, Helper, PairingKind, PairingRules
from tuoqi.visits.store import pairing_inputs as inputs
from tuoqi.visits.store import pairing_sets as sets
from tuoqi.visits.store import pairings as store


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for; empty or nought = as the county's file says."""

    kind: str
    region: str = ""
    """A prefix of region codes."""
    max_load: int = 0
    balance: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class PairingRuns:
    """Makes sets of proposals, and is the timer of those that were broken off."""

    database: Database
    commander: Commander
    clock: BusinessClock
    rules: PairingRules
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def propose(self, actor: Actor, asked: Asked) -> Any:
        """The set, ready. Raises visits.pairing_kind; visits.pairing_key where the key asked for something else."""
        now = self.clock.now()
        kind = self.kind(asked.kind, now)
        kind = replace(kind, max_load=asked.max_load or kind.max_load, balance=asked.balance or kind.balance)
        key = asked.key or await self._new_key()
        row = {
            "set_id": str(uuid5(NAMESPACE_URL, f"tuoqi:pairings:{actor.user}:{kind.key}:{key}")),
            "kind": kind.key,
            "region": asked.region,
            "regions": " ".join(actor.regions),
            "max_load": kind.max_load,
            "balance": kind.balance,
            "rules_from": kind.effective_from,
            "asked_by": actor.user,
            "asked_at": now,
        }

        async def begin(tx: Tx) -> Any:
            new = await sets.open_set(tx, row)
            known = await sets.find_set(tx, str(row["set_id"]))
            if not new and any(getattr(known, name) != row[name] for name in ("region", "max_load", "balance")):
                raise TuoqiError("visits.pairing_key")
            return known

        await self._compute(await self.commander.transaction(begin))
        async with self.database.begin() as tx:
            return await sets.find_set(tx, str(row["set_id"]))

    async def _new_key(self) -> str:
        """A key of its own for whoever gives none; two at once may share it, and then the set."""
        async with self.database.begin() as tx:
            return f"#{await sets.count_sets(tx)}"

    def kind(self, key: str, at: datetime) -> PairingKind:
        """The kind's version in force. Raises visits.pairing_kind."""
        kind = self.rules.kind(key, day_of(at))
        if kind is None:
            raise TuoqiError("visits.pairing_kind", kind=key, allowed="、".join(self.rules.kinds))
        return kind

    async def next_due(self, tx: Tx) -> datetime | None:
        """The moment of the oldest set that is not ready."""
        waiting = await sets.computing(tx)
        return waiting[0].asked_at if waiting else None

    async def run(self, until: datetime) -> int:
        """Compute every set that was broken off; how many."""
        async with self.database.begin() as tx:
            waiting = [one for one in await sets.computing(tx) if one.asked_at <= until]
        return sum([await self._compute(one) for one in waiting])

    async def _compute(self, row: Any) -> int:
        async with self._turn:
            if row.state != "COMPUTING":
                return 0
            kind = self.rules.kind(row.kind, day_of(row.asked_at))
            if kind is None:
                raise TuoqiError("visits.pairing_kind", kind=row.kind, allowed="、".join(self.rules.kinds))
            kind = replace(kind, max_load=row.max_load, target=min(kind.target, row.max_load), balance=row.balance)
            async with self.database.begin() as tx:
                children, helpers, kept = await self._read(tx, kind, row)
            proposals, figures = await asyncio.to_thread(_decide, kind, children, helpers, kept)

            async def write(tx: Tx) -> bool:
                return await sets.write_set(tx, row.set_id, proposals, figures, self.clock.now())

            return int(await self.commander.transaction(write))

    @staticmethod
    async def _read(tx: Tx, kind: PairingKind, row: Any) -> tuple[list[Child], list[Helper], int]:
        """Children without a pairing, helpers, and how many children have one."""
        day, regions = day_of(row.asked_at), row.regions.split(" ")
        children = await inputs.children_of(tx, kind, day, regions=regions, below=row.region)
        helpers = await inputs.helpers_of(tx, kind, day, regions=regions, below=row.region)
        paired = await store.in_force(tx, kind.key)
        free = [one for one in children if one.person_id not in paired]
        return free, helpers, len(children) - len(free)


def _decide(
    kind: PairingKind, children: list[Child], helpers: list[Helper], kept: int
) -> tuple[list[Proposal], Figures]:
    proposals = Matching(kind, children, helpers).propose()
    return proposals, figures_of(proposals, helpers, kept)
