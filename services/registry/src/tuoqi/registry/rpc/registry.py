"""What the registry answers: who somebody is, which account is whose. Private facts only with right and purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from tuoqi.contracts.registry.v1 import registry_service_pb2 as pb
from tuoqi.contracts.registry.v1 import registry_service_pb2_grpc
from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.commands import Commander
from tuoqi.kit.context import Origin
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.masking import mask_number
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.server import current_actor
from tuoqi.kit.stamps import moment_of, stamp_of
from tuoqi.registry.domain.errors import REFUSALS
from tuoqi.registry.domain.identity import normalise_number
from tuoqi.registry.domain.person import Person
from tuoqi.registry.jobs.fence import raise_fence
from tuoqi.registry.store.accounts import resolve_accounts, reveal_accounts
from tuoqi.registry.store.merges import roots_of
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.seals import Vault

register_errors(REFUSALS)


class RegistryServicer(registry_service_pb2_grpc.RegistryServiceServicer):
    """Answers from the register. Token, right and audit are checked before a method runs."""

    def __init__(
        self, database: Database, vault: Vault, origin: Origin, clock: BusinessClock, commander: Commander
    ) -> None:
        self._database = database
        self._vault = vault
        self._origin = origin
        self._clock = clock
        self._commander = commander
        self._persons = PersonStore(vault)

    async def IdentifyPersons(self, request: pb.IdentifyPersonsRequest, context: Any) -> pb.IdentifyPersonsResponse:
        """Person ids of those whom files name by numbers; of a merged file the person it belongs to."""
        names = [_normalised(name) for name in request.names]
        numbers = {value for kind, value in names if kind == "id_number"}
        temps = {value for kind, value in names if kind == "temp_id"}
        ids = {value for kind, value in names if kind == "person_id"}
        async with self._database.begin() as tx:
            by_number, by_temp = await self._persons.find(tx, numbers, temps)
            existing = await self._persons.existing(tx, ids) if ids else set()
            files = {*by_number.values(), *by_temp.values(), *existing}
            roots = await roots_of(tx, files)
        found = {"id_number": by_number, "temp_id": by_temp, "person_id": {one: one for one in existing}}
        asked = (found[kind].get(value, "") if kind else "" for kind, value in names)
        return pb.IdentifyPersonsResponse(person_ids=[roots.get(one, one) for one in asked])

    async def DescribePersons(self, request: pb.DescribePersonsRequest, context: Any) -> pb.DescribePersonsResponse:
        """Names and numbers; in full only with the right `reveal` and a purpose. Who lives elsewhere stays unknown."""
        actor = current_actor()
        if request.reveal:
            actor.require("reveal")
            actor.require_purpose()
        async with self._database.begin() as tx:
            found = await self._persons.load(tx, request.person_ids, self._vault.ring(), lock=False)
        found = {one: person for one, person in found.items() if actor.may_act_in(person.region)}
        return pb.DescribePersonsResponse(
            persons=[
                _description(one, found.get(one), reveal=request.reveal, address=request.address)
                for one in request.person_ids
            ]
        )

    async def ResolvePayees(self, request: pb.ResolvePayeesRequest, context: Any) -> pb.ResolvePayeesResponse:
        """Accounts as known at a moment, without number and name."""
        async with self._database.begin() as tx:
            found = await resolve_accounts(tx, request.person_ids, moment_of(request.as_of))
        return pb.ResolvePayeesResponse(payees=[_payee(one, found.get(one)) for one in request.person_ids])

    async def RevealAccounts(self, request: pb.RevealAccountsRequest, context: Any) -> pb.RevealAccountsResponse:
        """Number, name and bank, to write a bank file; needs a purpose."""
        actor = current_actor()
        actor.require_purpose()
        async with self._database.begin() as tx:
            found = await reveal_accounts(tx, request.account_version_ids, self._vault.ring())
        if missing := sum(one not in found for one in request.account_version_ids):
            raise TuoqiError("registry.account_unknown", count=missing)
        _check_regions(actor, [account.region for account in found.values()])
        return pb.RevealAccountsResponse(
            accounts=[pb.Account(account_version_id=one, **found[one].texts) for one in request.account_version_ids]
        )

    async def Fence(self, request: pb.FenceRequest, context: Any) -> pb.FenceResponse:
        """Wait for all writers, then say in every partition that the cut-off has passed."""
        cutoff = moment_of(request.cutoff)
        fence_id, emissions = await self._commander.transaction(
            lambda tx: raise_fence(tx, self._origin, self._clock, cutoff)
        )
        return pb.FenceResponse(
            fence_id=fence_id,
            partitions=[pb.FencedPartition(topic=one.topic, partition=one.partition) for one in emissions],
        )


def _normalised(name: pb.PersonName) -> tuple[str, str]:
    kind = name.WhichOneof("name") or ""
    value = getattr(name, kind).strip() if kind else ""
    return kind, normalise_number(value) if kind == "id_number" else value


def _description(person_id: str, person: Person | None, *, reveal: bool, address: bool) -> pb.PersonDescription:
    if person is None:
        return pb.PersonDescription(person_id=person_id)
    return pb.PersonDescription(
        person_id=person_id,
        name=person.private.get("name", ""),
        id_number=person.number if reveal else mask_number(person.number),
        temp_id=person.temp_id,
        region=person.region,
        address=person.private.get("address", "") if address else "",
        household_id=person.household_id if address else "",
    )


def _payee(person_id: str, row: Any) -> pb.Payee:
    if row is None or row.account_key is None:
        return pb.Payee(person_id=person_id)
    return pb.Payee(
        person_id=person_id,
        account_version_id=row.account_version_id,
        account_key=row.account_key,
        held_by_guardian=row.held_by_guardian,
        known_at=stamp_of(row.known_at),
    )


def _check_regions(actor: Actor, regions: list[str]) -> None:
    elsewhere = sum(not actor.may_act_in(region) for region in regions)
    if elsewhere:
        raise TuoqiError("registry.person_region", user=actor.user, count=elsewhere)


def add_registry(servicer: RegistryServicer) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in."""
    return lambda server: registry_service_pb2_grpc.add_RegistryServiceServicer_to_server(servicer, server)
