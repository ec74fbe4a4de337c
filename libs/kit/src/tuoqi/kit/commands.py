"""Commands and timers: the same handlers, called by a person or by the clock instead of by a message.

One transaction for a list of calls on one kind of state; a lost race starts again from the load.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuoqi.kit import failpoints
from tuoqi.kit.context import Context, Emission, Origin
from tuoqi.kit.database import Conflict, Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.handlers import Handler, Store
from tuoqi.kit.tracing import current_correlation_id, current_traceparent
from tuoqi.kit.work import Work

TRIES = 20


@dataclass(frozen=True, slots=True)
class Call:
    """One handler on one state."""

    key: str
    handler: Handler
    message: Any
    cause: str
    """What the ids of its events derive from: an idempotency key, or the name of the due moment."""
    at: datetime
    """The business time of the act."""
    actor: str


class Commander:
    """Runs calls in the kit's transaction, and wakes the relay afterwards."""

    def __init__(
        self, stores: Mapping[type, Store[Any]], database: Database, origin: Origin, wake: Callable[[], None]
    ) -> None:
        self._stores = stores
        self._database = database
        self._origin = origin
        self._wake = wake

    async def run(self, state: type, calls: Sequence[Call]) -> dict[str, Any]:
        """Apply the calls in order; the states afterwards by key. Raises what a handler raises, and then nothing is kept."""
        states: dict[str, Any] = await self.transaction(lambda tx: self.within(tx, state, calls))
        return states

    async def within(self, tx: Tx, state: type, calls: Sequence[Call]) -> dict[str, Any]:
        """The same inside a transaction that is open already."""
        work = Work(self._stores)
        keys = [call.key for call in calls]
        await work.load(tx, state, keys)
        for call in calls:
            work.apply(state, call.key, call.handler, call.message, self._context(work.emissions, call))
        await work.save(tx)
        return {key: work.state(state, key) for key in keys}

    async def transaction(self, body: Callable[[Tx], Any]) -> Any:
        """Run `body(tx)` in one transaction, again from its beginning where it loses a race; then wake the relay."""
        for attempt in range(TRIES):
            try:
                async with self._database.begin() as tx:
                    failpoints.reach("command.begun")
                    result = await body(tx)
                    failpoints.reach("command.before_commit")
            except Conflict:
                await asyncio.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311  no secret, it spreads retries
                continue
            failpoints.reach("command.after_commit")
            self._wake()
            return result
        raise TuoqiError("state.conflict")

    def _context(self, emissions: list[Emission], call: Call) -> Context:
        return Context(
            self._origin,
            emissions,
            at=call.at,
            cause=call.cause,
            actor=call.actor,
            traceparent=current_traceparent(),
            correlation_id=current_correlation_id() or call.cause,
        )
