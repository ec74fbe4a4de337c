"""Refusals on the wire: status, slug and Chinese sentence, written by the server and read by the client."""

from __future__ import annotations

from typing import Any, Final, NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from tuoqi.kit.errors import TuoqiError, register_errors

Grpc = Any
"""Objects of grpc that it gives no types for: contexts, handlers, calls."""

DOMAIN: Final = "tuoqi"
LOCALE: Final = "zh-CN"

register_errors(
    {
        "peer.away": ("UNAVAILABLE", "所需的服务暂时不可用，请稍后重试。"),
        "rpc.too_slow": ("DEADLINE_EXCEEDED", "处理超时，请稍后重试。"),
        "rpc.not_served": ("UNIMPLEMENTED", "没有这个功能。"),
        "rpc.cancelled": ("CANCELLED", "已取消。"),
        "rpc.failed": ("INTERNAL", "程序内部出错，已记入日志。"),
    },
)

_AWAY: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_SLUG_OF_CODE: Final = {
    grpc.StatusCode.UNAVAILABLE: "peer.away",
    grpc.StatusCode.DEADLINE_EXCEEDED: "rpc.too_slow",
    grpc.StatusCode.UNIMPLEMENTED: "rpc.not_served",
    grpc.StatusCode.CANCELLED: "rpc.cancelled",
}


class Refusal(TuoqiError):
    """A refusal that another service gave; passed on as it stands."""

    def __init__(self, status: grpc.StatusCode, slug: str, sentence: str) -> None:
        super().__init__(slug)
        self.status = status
        self.sentence = sentence

    def __str__(self) -> str:
        return f"{self.slug}: {self.sentence}"


def to_status(status: grpc.StatusCode, slug: str, sentence: str) -> Grpc:
    """What `context.abort_with_status` wants: the status with ErrorInfo and LocalizedMessage in its details."""
    number = code_pb2.Code.Value(status.name)
    details = []
    for message in (
        error_details_pb2.ErrorInfo(reason=slug, domain=DOMAIN),
        error_details_pb2.LocalizedMessage(locale=LOCALE, message=sentence),
    ):
        packed = any_pb2.Any()
        packed.Pack(message)
        details.append(packed)
    return rpc_status.to_status(status_pb2.Status(code=number, message=sentence, details=details))


def refusal_of(error: grpc.RpcError) -> Refusal:
    """What a failed call means. Without rich details the slug is made from the status, like `peer.away`."""
    call: Grpc = error
    rich = rpc_status.from_call(call)
    slug, sentence = "", ""
    for packed in rich.details if rich else ():
        info, said = error_details_pb2.ErrorInfo(), error_details_pb2.LocalizedMessage()
        if packed.Unpack(info) and info.domain == DOMAIN:
            slug = info.reason
        elif packed.Unpack(said):
            sentence = said.message
    status: grpc.StatusCode = call.code()
    slug = slug or _SLUG_OF_CODE.get(status, "rpc.failed")
    return Refusal(status, slug, sentence or str(call.details() or slug))


def is_away(error: grpc.RpcError) -> bool:
    """Whether nobody answered, so that trying later may help."""
    call: Grpc = error
    return call.code() in _AWAY


def raise_refusal(error: grpc.RpcError) -> NoReturn:
    """Raise a failed call as a Refusal."""
    raise refusal_of(error) from error
