"""The only calls of alerts to other services: the registry tells how people are called and where they live."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING

import grpc

from tuoqi.contracts.registry.v1.registry_service_pb2 import DescribePersonsRequest, PersonDescription
from tuoqi.contracts.registry.v1.registry_service_pb2_grpc import RegistryServiceStub
from tuoqi.kit.rpc.client import Peers

if TYPE_CHECKING:
    from tuoqi.contracts.registry.v1.registry_service_pb2_grpc import RegistryServiceAsyncStub

PERSONS_MAX = 5_000
"""The registry describes so many people in one call."""

_STUB: Callable[[grpc.aio.Channel], RegistryServiceAsyncStub] = RegistryServiceStub


class Registry:
    """The registry, asked with the rights of whoever makes the call under way."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def describe(self, person_ids: Iterable[str]) -> dict[str, PersonDescription]:
        """Name and region by person id. Raises the registry's refusals, and peer.away."""
        stub = self._peers.stub(_STUB, "registry")
        wanted = iter(dict.fromkeys(person_ids))
        found: dict[str, PersonDescription] = {}
        while batch := list(islice(wanted, PERSONS_MAX)):
            answer = await stub.DescribePersons(DescribePersonsRequest(person_ids=batch))
            found.update({person.person_id: person for person in answer.persons})
        return found
