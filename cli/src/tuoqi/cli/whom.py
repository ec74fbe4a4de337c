"""Whom a command is about: a person id, an identity number or a temporary id becomes a person id."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import typer

from tuoqi.cli.platform import Platform
from tuoqi.contracts.registry.v1 import registry_service_pb2 as pb
from tuoqi.contracts.registry.v1.registry_service_pb2_grpc import RegistryServiceStub
from tuoqi.kit.errors import TuoqiError, register_errors

register_errors({"cli.nobody": ("NOT_FOUND", "没有找到此人，可填人员编号、证件号码或临时编号。")})

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Whom = Annotated[str, typer.Argument(metavar="PERSON", help="A person id, an identity number or a temporary id.")]


async def person_id_of(platform: Platform, whom: str) -> str:
    """The person's id; an id is taken as it is. Raises cli.nobody where no name fits."""
    if _ID.fullmatch(whom):
        return whom
    names = [pb.PersonName(id_number=whom), pb.PersonName(temp_id=whom)]
    stub: Any = platform.stub(RegistryServiceStub, "registry")
    answer: pb.IdentifyPersonsResponse = await stub.IdentifyPersons(pb.IdentifyPersonsRequest(names=names))
    found = next(filter(None, answer.person_ids), "")
    if not found:
        raise TuoqiError("cli.nobody")
    return found
