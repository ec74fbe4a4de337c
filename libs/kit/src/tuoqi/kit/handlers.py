"""How a service says what it does with messages: tables of functions, nothing that runs by itself.

`Handlers` decide on a state; a `Projection` only mirrors what others tell. A `Subscription` names the Kafka group, the
topics and the two kinds of tables. The pipeline does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

from google.protobuf.message import Message

from tuoqi.contracts.topics import Topic
from tuoqi.kit.context import Context
from tuoqi.kit.database import Conflict, Tx


class State(Protocol):
    """An aggregate's state: a frozen dataclass with a version, which the kit raises by one per event it emits."""

    @property
    def version(self) -> int:
        """Events emitted by this aggregate so far."""
        ...


S = TypeVar("S")
Handler = Callable[[Any, Any, Context], Any]
"""(state or None, message, ctx) → state afterwards."""


@dataclass(frozen=True, slots=True)
class Change(Generic[S]):
    """A state to be saved. `loaded_version` is None where there was no row: insert; else update where it still is so."""

    key: str
    state: S
    loaded_version: int | None


class Store(Protocol[S]):
    """The only SQL about one kind of state."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, S]:
        """The states that exist.

        Locked in key order (`ORDER BY key FOR UPDATE`) where two often meet; else the version check of `save` suffices.
        """
        ...

    async def save(self, tx: Tx, changes: Sequence[Change[S]]) -> None:
        """Write arrays in one statement each. Raises Conflict (see `expect_rows`) where a version check fails."""
        ...


def expect_rows(touched: int, wanted: int) -> None:
    """Raise Conflict where a statement with version checks touched fewer rows than it should have."""
    if touched != wanted:
        raise Conflict(f"{wanted - touched} of {wanted} rows were changed by someone else")


@dataclass(frozen=True, slots=True)
class Handlers(Generic[S]):
    """What messages do to one kind of state."""

    state: type[S]
    key: Callable[[Any], str]
    on: Mapping[type[Message], Handler]


@dataclass(frozen=True, slots=True)
class Projection:
    """A table that mirrors events, written in one statement a batch.

    `columns` are (name, SQL type) pairs in the order of the tuples that `on`'s functions return; they contain the key
    and `version`. `keep="latest"`: an older version never overwrites a newer one. `keep="every"`: each version is a row.
    """

    table: str
    key: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    on: Mapping[type[Message], Callable[[Any, int], tuple[Any, ...] | None]]
    """(message, aggregate version) → row, or None where this message is not mirrored."""
    keep: Literal["latest", "every"] = "latest"
    topic: str = ""
    """Only messages of this topic; empty = of any. For types that stand in several topics."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One Kafka group, one inbox consumer, one pipeline."""

    consumer: str
    """`tuoqi.<service>.<name>`."""
    topics: tuple[Topic, ...]
    handlers: tuple[Handlers[Any], ...] = ()
    projections: tuple[Projection, ...] = ()
    parks: bool = False
    """A rejection parks the later messages of its key: where order decides about money."""
    types: frozenset[type[Message]] = field(init=False)

    def __post_init__(self) -> None:
        """Collect the message types that any table of this subscription takes."""
        tables: list[Mapping[type[Message], Any]] = [table.on for table in self.handlers]
        tables += [table.on for table in self.projections]
        object.__setattr__(self, "types", frozenset(kind for table in tables for kind in table))
