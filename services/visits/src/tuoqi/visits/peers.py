"""The only calls of visits to other services: who somebody is, asked of the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, cast

from tuoqi.contracts.registry.v1 import registry_service_pb2 as pb
from tuoqi.contracts.registry.v1 import registry_service_pb2_grpc
from tuoqi.kit.rpc.client import Peers

ASK_MAX: Final = 5_000
"""The most people that the registry answers for in one call."""


class People(Protocol):
    """What the jobs of visits ask about people."""

    async def identify(self, names: Sequence[pb.PersonName]) -> list[str]:
        """The person ids in the order asked, '' where nobody was found."""
        ...

    async def describe(self, person_ids: Sequence[str], *, reveal: bool) -> list[pb.PersonDescription]:
        """Names and numbers in the order asked, with the rights of whoever calls."""
        ...


class RegistryPeople:
    """People as the registry knows them. Raises peer.away where it does not answer."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def identify(self, names: Sequence[pb.PersonName]) -> list[str]:
        """One call for up to 5,000 names."""
        found: list[str] = []
        for first in range(0, len(names), ASK_MAX):
            request = pb.IdentifyPersonsRequest(names=names[first : first + ASK_MAX])
            found.extend((await self._stub().IdentifyPersons(request)).person_ids)
        return found

    async def describe(self, person_ids: Sequence[str], *, reveal: bool) -> list[pb.PersonDescription]:
        """One call for up to 5,000 people; full numbers only where the caller may reveal."""
        found: list[pb.PersonDescription] = []
        for first in range(0, len(person_ids), ASK_MAX):
            request = pb.DescribePersonsRequest(person_ids=person_ids[first : first + ASK_MAX], reveal=reveal)
            found.extend((await self._stub().DescribePersons(request)).persons)
        return found

    def _stub(self) -> registry_service_pb2_grpc.RegistryServiceAsyncStub:
        stub = self._peers.stub(registry_service_pb2_grpc.RegistryServiceStub, "registry")
        # The stubs' class says what it does over a blocking channel; over grpc.aio's its calls are awaited.
        return cast("registry_service_pb2_grpc.RegistryServiceAsyncStub", stub)
