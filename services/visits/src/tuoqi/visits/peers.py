"""The only calls of visits to other services: who somebody is, and a fence, asked of the registry."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, cast

import grpc

from tuoqi.contracts.registry.v1 import (
    facility_service_pb2,
    facility_service_pb2_grpc,
    registry_service_pb2_grpc,
    worker_service_pb2,
    worker_service_pb2_grpc,
)
from tuoqi.contracts.registry.v1 import registry_service_pb2 as pb
from tuoqi.kit.rpc.client import Peers
from tuoqi.kit.rpc.refusals import raise_refusal, refusal_of
from tuoqi.kit.stamps import stamp_of

ASK_MAX: Final = 5_000
"""The most people that the registry answers for in one call."""
WORKERS_MAX: Final = 1_000
"""The most workers of one page."""


class People(Protocol):
    """What the jobs of visits ask about people."""

    async def identify(self, names: Sequence[pb.PersonName]) -> list[str]:
        """The person ids in the order asked, '' where nobody was found."""
        ...

    async def describe(self, person_ids: Sequence[str], *, reveal: bool) -> list[pb.PersonDescription]:
        """Names and numbers in the order asked, with the rights of whoever calls."""
        ...


@dataclass(frozen=True, slots=True)
class Fence:
    """A fence behind all facts known by `cutoff`, and the places (topic, partition) that carry it."""

    fence_id: str
    cutoff: datetime
    places: frozenset[tuple[str, int]]


class Fencing(Protocol):
    """What the sweep asks of the registry."""

    async def fence(self, cutoff: datetime) -> Fence:
        """Lay a fence behind all facts known up to a moment."""
        ...


class RegistryFencing:
    """The registry's fences by gRPC. Raises peer.away, and registry.fence_in_future where its clock is behind."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def fence(self, cutoff: datetime) -> Fence:
        """Lay a fence behind all facts known up to a moment."""
        stub = self._peers.stub(registry_service_pb2_grpc.RegistryServiceStub, "registry")
        call = cast("registry_service_pb2_grpc.RegistryServiceAsyncStub", stub).Fence
        try:
            answer = await call(pb.FenceRequest(cutoff=stamp_of(cutoff)))
        except grpc.RpcError as error:
            raise_refusal(error)
        return Fence(answer.fence_id, cutoff, frozenset((one.topic, one.partition) for one in answer.partitions))


class Doors(Protocol):
    """What the day lists ask about people."""

    async def doors(self, person_ids: Sequence[str]) -> list[pb.PersonDescription]:
        """Names, addresses and households in the order asked, with the rights of whoever calls."""
        ...


class Places(Protocol):
    """What contracts ask about facilities."""

    async def open_facilities(self, codes: Collection[str]) -> frozenset[str]:
        """Which of these codes are facilities that are open, with the rights of whoever calls."""
        ...


class WorkerNames(Protocol):
    """What lists of pairings ask about workers."""

    async def names_by_post(self, kinds: Collection[str]) -> dict[str, str]:
        """Worker id → name of all who hold one of these posts today, with the rights of whoever calls."""
        ...


class RegistryWorkers:
    """Workers as the registry knows them. Raises peer.away where it does not answer."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def names_by_post(self, kinds: Collection[str]) -> dict[str, str]:
        """Page by page for each kind."""
        stub = self._peers.stub(worker_service_pb2_grpc.WorkerServiceStub, "registry")
        ask = cast("worker_service_pb2_grpc.WorkerServiceAsyncStub", stub).ListWorkers
        names: dict[str, str] = {}
        for kind in kinds:
            token = ""
            while True:
                request = worker_service_pb2.ListWorkersRequest(kind=kind, page_size=WORKERS_MAX, page_token=token)
                try:
                    answer = await ask(request)
                except grpc.RpcError as error:
                    raise_refusal(error)
                names |= {one.worker_id: one.name for one in answer.workers}
                token = answer.next_page_token
                if not token:
                    break
        return names


class RegistryPlaces:
    """Facilities as the registry knows them. Raises peer.away where it does not answer."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def open_facilities(self, codes: Collection[str]) -> frozenset[str]:
        """One call for each code."""
        stub = self._peers.stub(facility_service_pb2_grpc.FacilityServiceStub, "registry")
        ask = cast("facility_service_pb2_grpc.FacilityServiceAsyncStub", stub).GetFacility
        found = set()
        for code in sorted(codes):
            try:
                answer = await ask(facility_service_pb2.GetFacilityRequest(code=code))
            except grpc.RpcError as error:
                if refusal_of(error).slug == "registry.facility_unknown":
                    continue
                raise_refusal(error)
            if not answer.facility.closed_on:
                found.add(code)
        return frozenset(found)


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

    async def doors(self, person_ids: Sequence[str]) -> list[pb.PersonDescription]:
        """One call for up to 5,000 people, numbers masked."""
        found: list[pb.PersonDescription] = []
        for first in range(0, len(person_ids), ASK_MAX):
            request = pb.DescribePersonsRequest(person_ids=person_ids[first : first + ASK_MAX], address=True)
            found.extend((await self._stub().DescribePersons(request)).persons)
        return found

    def _stub(self) -> registry_service_pb2_grpc.RegistryServiceAsyncStub:
        stub = self._peers.stub(registry_service_pb2_grpc.RegistryServiceStub, "registry")
        # The stubs' class says what it does over a blocking channel; over grpc.aio's its calls are awaited.
        return cast("registry_service_pb2_grpc.RegistryServiceAsyncStub", stub)
