"""What went wrong, in one sentence for the person at the terminal, and its slug for programs."""

from __future__ import annotations

import sys
from typing import Any

import grpc
import typer
from kafka.errors import KafkaError
from typer.core import TyperGroup

from tuoqi.cli.local.errors import LocalError
from tuoqi.kit.errors import TuoqiError, meaning_of, register_errors
from tuoqi.kit.rpc.refusals import Refusal, refusal_of

EXPECTED = (LocalError, TuoqiError, grpc.RpcError, KafkaError)
"""What a command may end with; anything else is a fault of this program and shows its trace."""

register_errors(
    {
        "platform.away": ("UNAVAILABLE", "平台没有应答（{detail}），请用 tuoqi status 查看。"),
        "kafka.away": ("UNAVAILABLE", "Kafka 没有应答或拒绝了请求（{detail}）。"),
        "platform.not_started": ("FAILED_PRECONDITION", "{detail}"),
        "cli.needs_cycle": ("INVALID_ARGUMENT", "请用 --cycle 或 --month 说明是哪个周期。"),
        "cli.not_a_moment": ("INVALID_ARGUMENT", "“{text}”不是时间，应写作 YYYY-MM-DD HH:MM。"),
        "cli.unknown_kind": ("INVALID_ARGUMENT", "没有“{kind}”这种文件，可用：{allowed}。"),
        "cli.unknown_service": ("INVALID_ARGUMENT", "没有服务“{service}”，可用：{allowed}。"),
        "cli.letter_of_which": ("INVALID_ARGUMENT", "死信“{text}”应写作 服务:编号，例如 payments:12。"),
    }
)


class Commands(TyperGroup):
    """The root of all commands: an expected failure becomes one line on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except EXPECTED as error:
            complain(error)
            raise typer.Exit(1) from error


def complain(error: Exception) -> None:
    """One line on stderr: the sentence, then the slug."""
    sentence, slug = explain(error)
    print(f"{sentence} [{slug}]" if slug else sentence, file=sys.stderr)


def explain(error: Exception) -> tuple[str, str]:
    """The sentence and the slug of an expected failure; what this machine itself refuses has no slug."""
    if isinstance(error, grpc.RpcError):
        refusal = refusal_of(error)
        if refusal.slug == "peer.away" and not _is_chinese(refusal.sentence):
            return explain(TuoqiError("platform.away", detail=refusal.sentence[:200]))
        return refusal.sentence, refusal.slug
    if isinstance(error, Refusal):
        return error.sentence, error.slug
    if isinstance(error, TuoqiError):
        return meaning_of(error)[1], error.slug
    if isinstance(error, KafkaError):
        return explain(TuoqiError("kafka.away", detail=f"{type(error).__name__} {error}"[:200]))
    return str(error), ""


def _is_chinese(text: str) -> bool:
    """Whether a service worded it; gRPC's own words are English."""
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


__all__ = ["EXPECTED", "Commands", "complain", "explain"]
