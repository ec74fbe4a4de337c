"""What a handler may know besides its state and its message, and what it may say.

A handler never touches SQL, Kafka or a clock: `ctx.at` is the event's own time, `ctx.new_id()` makes derived ids,
`ctx.emit()` says what others should know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from tuoqi.contracts.topics import Topic
from tuoqi.kit.ids import IdMaker


@dataclass(slots=True)
class Emission:
    """An event on its way into the outbox."""

    ce_id: str
    topic: str
    key: str
    message: Message
    at: datetime
    version: int
    causation_id: str
    traceparent: str
    correlation_id: str
    partition: int | None = None
    """Set only where an event belongs to a partition rather than to a key, like a fence."""


class Origin:
    """What every context of one service shares: its topics, its id maker, its county's policy."""

    __slots__ = ("ids", "policy", "topic_of", "topics")

    def __init__(self, topics: list[Topic], ids: IdMaker, policy: Any) -> None:
        self.ids = ids
        self.policy = policy
        self.topics = topics
        self.topic_of: dict[type[Message], str] = {}
        for topic in topics:
            for message_type in topic.types.values():
                self.topic_of.setdefault(message_type, topic.name)


class Context:
    """The circumstances of one message or command."""

    __slots__ = (
        "_ordinal",
        "_origin",
        "actor",
        "at",
        "cause",
        "correlation_id",
        "emissions",
        "key",
        "message_version",
        "traceparent",
    )

    def __init__(
        self,
        origin: Origin,
        emissions: list[Emission],
        *,
        at: datetime,
        cause: str,
        actor: str = "",
        traceparent: str = "",
        correlation_id: str = "",
        message_version: int = 0,
    ) -> None:
        self._origin = origin
        self._ordinal = 0
        self.emissions = emissions
        self.at = at
        self.cause = cause
        self.actor = actor
        self.traceparent = traceparent
        self.correlation_id = correlation_id
        self.message_version = message_version
        """The version of the aggregate that the message tells of; 0 for commands."""
        self.key = ""
        """The key of the state in hand; the kit sets it."""

    @property
    def policy(self) -> Any:
        """The county's rules, as this service reads them."""
        return self._origin.policy

    def new_id(self) -> str:
        """The next derived id of this cause: the same whenever the same message is handled again."""
        self._ordinal += 1
        return self._origin.ids(self.at, f"{self.cause}|{self.key}", self._ordinal)

    def emit(
        self,
        message: Message,
        *,
        key: str = "",
        topic: str = "",
        partition: int | None = None,
        at: datetime | None = None,
    ) -> None:
        """Say something. `key` is the state's where none is given, `topic` the only one that has this type.

        `at` is the business time at which it was so, where that is not the message's own (a deadline found late).
        """
        at = at or self.at
        self._ordinal += 1
        origin = self._origin
        self.emissions.append(
            Emission(
                ce_id=origin.ids(at, f"{self.cause}|{self.key}", self._ordinal),
                topic=topic or origin.topic_of[type(message)],
                key=key or self.key,
                message=message,
                at=at,
                version=0,
                causation_id=self.cause,
                traceparent=self.traceparent,
                correlation_id=self.correlation_id,
                partition=partition,
            )
        )
