"""The part of a transaction that handlers share: states by key, what was emitted, what changed.

Messages, commands and timers all go this way: load the states of all keys at once, apply one by one, save at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, replace
from functools import cache
from operator import attrgetter
from typing import Any

from tuoqi.kit import outbox
from tuoqi.kit.context import Context, Emission
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import Rejected
from tuoqi.kit.handlers import Change, Handler, Store


class Work:
    """States and emissions of one transaction."""

    __slots__ = ("_loaded", "_states", "_stores", "_undo", "emissions")

    def __init__(self, stores: Mapping[type, Store[Any]]) -> None:
        self._stores = stores
        self._states: dict[type, dict[str, Any]] = {}
        self._loaded: dict[type, dict[str, Any]] = {}
        self._undo: list[tuple[type, str, Any]] = []
        self.emissions: list[Emission] = []

    async def load(self, tx: Tx, state: type, keys: Collection[str]) -> None:
        """Load and lock the states of these keys, in key order, in one statement."""
        found = await self._stores[state].load(tx, sorted(set(keys)))
        self._loaded.setdefault(state, {}).update(found)
        self._states.setdefault(state, {}).update(found)

    def state(self, kind: type, key: str) -> Any:
        """The state as it is now, None where there is none."""
        return self._states[kind].get(key)

    def apply(self, kind: type, key: str, handler: Handler, message: Any, ctx: Context) -> Any:
        """One handler on one state. What it emitted carries the versions that follow the state's own."""
        states = self._states[kind]
        before = states.get(key)
        ctx.key = key
        first = len(self.emissions)
        after = handler(before, message, ctx)
        if after is None:
            if before is not None:
                raise Rejected("handler.lost_state", handler=handler.__name__)
            if len(self.emissions) > first:
                raise Rejected("handler.spoke_without_state", handler=handler.__name__)
            return None
        version = 0 if before is None else before.version
        for emission in self.emissions[first:]:
            version += 1
            emission.version = version
        if after.version != version:
            after = _with_version(after.__class__)(after, version)
        if after is not before:
            self._undo.append((kind, key, before))
            states[key] = after
        return after

    def mark(self) -> int:
        """A point to come back to if the next message is rejected."""
        self._undo.clear()
        return len(self.emissions)

    def back_to(self, mark: int) -> None:
        """Undo everything since the mark: states as before, emissions cut off."""
        for kind, key, before in reversed(self._undo):
            if before is None:
                self._states[kind].pop(key, None)
            else:
                self._states[kind][key] = before
        self._undo.clear()
        del self.emissions[mark:]

    async def save(self, tx: Tx) -> None:
        """Write the states that changed, one statement a kind, then the outbox."""
        for kind, states in self._states.items():
            loaded = self._loaded[kind]
            changes = [
                Change(key, state, before.version if (before := loaded.get(key)) is not None else None)
                for key, state in sorted(states.items())
                if state is not loaded.get(key)
            ]
            if changes:
                await self._stores[kind].save(tx, changes)
        await outbox.write(tx, self.emissions)


@cache
def _with_version(kind: Any) -> Callable[[Any, int], Any]:
    """What `replace(state, version=…)` does, for this class: half the cost, and it is done for every message."""
    taken = [field for field in fields(kind) if field.init]
    if any(field.kw_only for field in taken) or len(taken) == 1:
        return lambda state, version: replace(state, version=version)
    values = attrgetter(*(field.name for field in taken))
    at = next(index for index, field in enumerate(taken) if field.name == "version")

    def changed(state: Any, version: int) -> Any:
        old = values(state)
        return kind(*old[:at], version, *old[at + 1 :])

    return changed
