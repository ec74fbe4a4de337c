"""A fence: after all facts known by a moment, one event into each partition of the topics that payments reads."""

from __future__ import annotations

from datetime import datetime

from tuoqi.contracts.registry.v1 import person_pb2
from tuoqi.contracts.topics import topic
from tuoqi.kit import outbox
from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.context import Emission, Origin
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.stamps import stamp_of
from tuoqi.kit.tracing import current_correlation_id, current_traceparent
from tuoqi.registry.store.fences import add_fence, begin_fence, next_fence_number

FENCED_TOPICS = ("tuoqi.registry.person.v1", "tuoqi.registry.status.v1")


async def raise_fence(tx: Tx, origin: Origin, clock: BusinessClock, cutoff: datetime) -> tuple[str, list[Emission]]:
    """The fence's id and its events, written. Raises registry.fence_in_future where facts of the cut-off may yet come."""
    await begin_fence(tx)
    now = clock.now()
    if cutoff > now:
        raise TuoqiError("registry.fence_in_future", cutoff=cutoff.isoformat(), now=now.isoformat())
    number = await next_fence_number(tx)
    cause = f"fence|{number}"
    fence_id = origin.ids(cutoff, cause, 0)
    await add_fence(tx, number=number, fence_id=fence_id, cutoff=cutoff, raised_at=now)
    emissions = _events(origin, fence_id, cutoff, now)
    await outbox.write(tx, emissions)
    return fence_id, emissions


def _events(origin: Origin, fence_id: str, cutoff: datetime, now: datetime) -> list[Emission]:
    until = stamp_of(cutoff)
    emissions: list[Emission] = []
    for name in FENCED_TOPICS:
        partitions = topic(name).partitions
        emissions += [
            Emission(
                ce_id=origin.ids(now, f"{fence_id}|{name}", partition),
                topic=name,
                key=fence_id,
                message=person_pb2.RegistryFenced(
                    fence_id=fence_id, partition=partition, partitions=partitions, cutoff=until
                ),
                at=now,
                version=1,
                causation_id=fence_id,
                traceparent=current_traceparent(),
                correlation_id=current_correlation_id() or fence_id,
                partition=partition,
            )
            for partition in range(partitions)
        ]
    return emissions
