"""One act of the registry in one transaction: its moment, its keys, its ids, its events.

A file's chunk and a command are acts alike: both hold off fences first and read the clock after that, so that every
fact known by a fence's cut-off stands before the fence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from google.protobuf.message import Message

from tuoqi.kit import outbox
from tuoqi.kit.clock import BusinessClock, county_day
from tuoqi.kit.context import Emission, Origin
from tuoqi.kit.database import Tx
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.tables import LoadContext
from tuoqi.kit.stamps import stamp_of
from tuoqi.kit.tracing import current_correlation_id, current_traceparent
from tuoqi.registry.domain.policy import Policy
from tuoqi.registry.jobs.telling import Told, tell_persons
from tuoqi.registry.store.fences import begin_fence, begin_writing
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.seals import KeyRing, Vault


@dataclass(frozen=True, slots=True)
class Desk:
    """What every act works with."""

    origin: Origin
    clock: BusinessClock
    vault: Vault
    policy: Policy

    async def begin(self, tx: Tx, actor: Actor) -> Act:
        """Begin the act of a command; it must be the transaction's first statement."""
        await begin_writing(tx)
        at = self.clock.now()
        trace = (current_traceparent(), current_correlation_id())
        return Act(self.origin, self.vault, actor, at=at, today=county_day(at), trace=trace)

    async def begin_alone(self, tx: Tx, actor: Actor) -> Act:
        """Begin an act beside which no other one may run, like a merge: it waits for them and holds off new ones."""
        await begin_fence(tx)
        return await self.begin(tx, actor)

    async def begin_load(self, tx: Tx, ctx: LoadContext) -> Act:
        """Begin a chunk of a file. A trial run commits nothing, so it need not hold off fences."""
        if not ctx.dry_run:
            await begin_writing(tx)
        at = max(ctx.at, self.clock.now())
        trace = (ctx.traceparent, ctx.correlation_id)
        return Act(self.origin, self.vault, ctx.actor, at=at, today=ctx.today, trace=trace)


class Act:
    """One act under way."""

    def __init__(
        self, origin: Origin, vault: Vault, actor: Actor, *, at: datetime, today: date, trace: tuple[str, str]
    ) -> None:
        self.ring: KeyRing = vault.ring()
        self.actor = actor
        self.at = at
        """When its facts become known."""
        self.today = today
        """The county's day of the act."""
        self.known_at = stamp_of(at)
        self._origin = origin
        self._persons = PersonStore(vault)
        self._traceparent, self._correlation_id = trace
        self._emissions: list[Emission] = []

    @property
    def told(self) -> Sequence[Emission]:
        """Its events so far; after `send` as others hear them."""
        return self._emissions

    @property
    def events(self) -> int:
        """How many events it has told so far."""
        return len(self._emissions)

    def new_id(self, cause: str, what: str) -> str:
        """The derived id of something that the act brings about; cause and `what` together name it alone."""
        return self._origin.ids(self.at, f"{cause}|{what}", 1)

    def tell(self, cause: str, message: Message, *, key: str, version: int) -> None:
        """An event that a row or a command brings about: at most one per topic and key from one cause."""
        topic = self._origin.topic_of[type(message)]
        self._emissions.append(
            Emission(
                ce_id=self._origin.ids(self.at, f"{cause}|{topic}|{key}", 1),
                topic=topic,
                key=key,
                message=message,
                at=self.at,
                version=version,
                causation_id=cause,
                traceparent=self._traceparent,
                correlation_id=self._correlation_id or cause,
            )
        )

    async def send(self, tx: Tx) -> None:
        """Write what was told into the outbox, of people with merged files as of one; the act's last statement."""
        told = Told(self._emissions, self.at, self.known_at, self._origin.ids, self.ring)
        self._emissions = await tell_persons(tx, told, self._persons)
        await outbox.write(tx, self._emissions)
