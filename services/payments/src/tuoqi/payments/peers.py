"""The only calls to other services: the registry's fence, payees of people and facilities, names and accounts.

Within a call of a user his rights travel on, so that the registry decides what he may see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, cast

import grpc

from tuoqi.contracts.registry.v1 import (
    facility_service_pb2,
    facility_service_pb2_grpc,
    region_service_pb2,
    region_service_pb2_grpc,
    registry_service_pb2_grpc,
)
from tuoqi.contracts.registry.v1 import registry_service_pb2 as pb
from tuoqi.kit.rpc.client import Peers
from tuoqi.kit.rpc.refusals import refusal_of
from tuoqi.kit.stamps import stamp_of

BATCH = 5_000
"""The most people or accounts that the registry answers for at once."""
REGIONS = 1_000
"""The most regions."""


@dataclass(frozen=True, slots=True)
class FenceSet:
    """A fence and the places (topic, partition) that carry it."""

    fence_id: str
    places: frozenset[tuple[str, int]]


class Registry(Protocol):
    """What payments asks of the registry."""

    async def fence(self, cut_off: datetime) -> FenceSet:
        """Lay a fence behind all facts known up to a moment."""
        ...

    async def payees(self, person_ids: Sequence[str], as_of: datetime) -> dict[str, pb.Payee]:
        """The payee account of each person as known at a moment."""
        ...

    async def facility_payees(
        self, codes: Sequence[str], as_of: datetime
    ) -> dict[str, facility_service_pb2.FacilityPayee]:
        """The account of each facility as known at a moment."""
        ...

    async def describe(self, person_ids: Sequence[str], *, reveal: bool) -> dict[str, pb.PersonDescription]:
        """Names and numbers of people, with the caller's rights."""
        ...

    async def identify(self, names: Sequence[pb.PersonName]) -> list[str]:
        """The ids of people as files name them, in the order asked; empty where nobody was found."""
        ...

    async def open_facility(self, code: str) -> str:
        """The kind of a facility that is open; empty where there is none within the caller's regions."""
        ...

    async def accounts(self, version_ids: Sequence[str]) -> dict[str, pb.Account]:
        """Number, name and bank of account versions, with the caller's rights."""
        ...

    async def region_names(self, codes: Sequence[str], on: date) -> dict[str, str]:
        """How regions were called on a day, from the county down; those that somebody loaded."""
        ...


class RegistryPeer:
    """The registry by gRPC. Raises peer.away, and the registry's own refusals."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    @property
    def _stub(self) -> registry_service_pb2_grpc.RegistryServiceAsyncStub:
        stub = self._peers.stub(registry_service_pb2_grpc.RegistryServiceStub, "registry")
        # The generated stubs name the class by its channel; the kit's channels are always of asyncio.
        return cast("registry_service_pb2_grpc.RegistryServiceAsyncStub", stub)

    async def fence(self, cut_off: datetime) -> FenceSet:
        """Lay a fence behind all facts known up to a moment."""
        answer = await self._stub.Fence(pb.FenceRequest(cutoff=stamp_of(cut_off)))
        return FenceSet(answer.fence_id, frozenset((place.topic, place.partition) for place in answer.partitions))

    async def payees(self, person_ids: Sequence[str], as_of: datetime) -> dict[str, pb.Payee]:
        """The payee account of each person as known at a moment."""
        found: dict[str, pb.Payee] = {}
        for batch in _batches(person_ids):
            request = pb.ResolvePayeesRequest(person_ids=batch, as_of=stamp_of(as_of))
            answer = await self._stub.ResolvePayees(request)
            found.update((payee.person_id, payee) for payee in answer.payees)
        return found

    async def facility_payees(
        self, codes: Sequence[str], as_of: datetime
    ) -> dict[str, facility_service_pb2.FacilityPayee]:
        """The account of each facility as known at a moment."""
        stub = cast(
            "facility_service_pb2_grpc.FacilityServiceAsyncStub",
            self._peers.stub(facility_service_pb2_grpc.FacilityServiceStub, "registry"),
        )
        found: dict[str, facility_service_pb2.FacilityPayee] = {}
        for batch in _batches(codes):
            request = facility_service_pb2.ResolveFacilityPayeesRequest(codes=batch, as_of=stamp_of(as_of))
            answer = await stub.ResolveFacilityPayees(request)
            found.update((payee.code, payee) for payee in answer.payees)
        return found

    async def identify(self, names: Sequence[pb.PersonName]) -> list[str]:
        """The ids of people as files name them, in the order asked; empty where nobody was found."""
        found: list[str] = []
        for first in range(0, len(names), BATCH):
            request = pb.IdentifyPersonsRequest(names=names[first : first + BATCH])
            found.extend((await self._stub.IdentifyPersons(request)).person_ids)
        return found

    async def open_facility(self, code: str) -> str:
        """The kind of a facility that is open; empty where there is none within the caller's regions."""
        stub = cast(
            "facility_service_pb2_grpc.FacilityServiceAsyncStub",
            self._peers.stub(facility_service_pb2_grpc.FacilityServiceStub, "registry"),
        )
        try:
            answer = await stub.GetFacility(facility_service_pb2.GetFacilityRequest(code=code))
        except grpc.RpcError as error:
            if refusal_of(error).slug == "registry.facility_unknown":
                return ""
            raise
        return "" if answer.facility.closed_on else answer.facility.kind

    async def describe(self, person_ids: Sequence[str], *, reveal: bool) -> dict[str, pb.PersonDescription]:
        """Names and numbers of people, with the caller's rights."""
        found: dict[str, pb.PersonDescription] = {}
        for batch in _batches(person_ids):
            answer = await self._stub.DescribePersons(pb.DescribePersonsRequest(person_ids=batch, reveal=reveal))
            found.update((person.person_id, person) for person in answer.persons)
        return found

    async def accounts(self, version_ids: Sequence[str]) -> dict[str, pb.Account]:
        """Number, name and bank of account versions, with the caller's rights."""
        found: dict[str, pb.Account] = {}
        for batch in _batches(version_ids):
            answer = await self._stub.RevealAccounts(pb.RevealAccountsRequest(account_version_ids=batch))
            found.update((account.account_version_id, account) for account in answer.accounts)
        return found

    async def region_names(self, codes: Sequence[str], on: date) -> dict[str, str]:
        """How regions were called on a day, from the county down; those that somebody loaded."""
        stub = cast(
            "region_service_pb2_grpc.RegionServiceAsyncStub",
            self._peers.stub(region_service_pb2_grpc.RegionServiceStub, "registry"),
        )
        found: dict[str, str] = {}
        for first in range(0, len(codes), REGIONS):
            request = region_service_pb2.ResolveRegionsRequest(codes=codes[first : first + REGIONS], on=on.isoformat())
            answer = await stub.ResolveRegions(request)
            found.update((region.code, region.path_zh or region.name) for region in answer.regions if region.known)
        return found


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[first : first + BATCH] for first in range(0, len(ids), BATCH)]
