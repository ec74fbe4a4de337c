"""What a method's contract says about who may call it. A method that says nothing is not served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import MethodDescriptor

from tuoqi.contracts.common.v1 import access_pb2


@dataclass(frozen=True, slots=True)
class MethodRule:
    """The access rule of one method, as its contract declares it."""

    method: str
    """The path on the wire, like `/tuoqi.payments.v1.PaymentsService/OpenCycle`."""
    right: str
    audited: bool
    internal: bool
    streams: bool
    """Requests or answers are a stream."""


def rule_of(method: MethodDescriptor) -> MethodRule:
    """The rule of a method. Raises LookupError where its contract declares none, or one that says nothing."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    options = method.GetOptions()
    if not options.HasExtension(access_pb2.access):
        raise LookupError(f"{path} declares no access: it is not served")
    access = options.Extensions[access_pb2.access]
    if bool(access.right) == access.internal:
        raise LookupError(f"{path} must declare either a right or `internal`")
    streams: Any = method
    return MethodRule(
        method=path,
        right=access.right,
        audited=access.audited,
        internal=access.internal,
        streams=bool(streams.client_streaming or streams.server_streaming),
    )


def find_rule(path: str) -> MethodRule:
    """The rule of a method by its path on the wire. Raises LookupError."""
    service, _, name = path.strip("/").partition("/")
    pool: Any = descriptor_pool.Default()
    try:
        method = pool.FindServiceByName(service).methods_by_name[name]
    except KeyError:
        raise LookupError(f"{path} is in no contract that this process has loaded") from None
    return rule_of(method)


def contract_methods() -> Iterator[MethodDescriptor]:
    """Every method of every contract of the platform, from the descriptor set that the contracts ship."""
    content = files("tuoqi.contracts").joinpath("descriptors.binpb").read_bytes()
    pool: Any = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(content).file:
        pool.Add(file)
        for service in file.service:
            yield from pool.FindServiceByName(f"{file.package}.{service.name}").methods
