"""Errors that mean something: a slug for programs, a gRPC status, one Chinese sentence for people.

A domain error carries its slug and is mapped here once: to a gRPC status, to a dead letter's reason, to a sentence.
Services register their own slugs beside their domain; nothing else in the platform invents statuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import grpc


class TuoqiError(Exception):
    """A refusal with a reason.

    `slug` is stable and like `cycle.reviewer_may_not_approve`; `details` fill the sentence and hold no private data.
    """

    def __init__(self, slug: str, **details: object) -> None:
        super().__init__(slug, details)
        self.slug = slug
        self.details = details


class Rejected(TuoqiError):
    """A message that can never apply: raised by handlers, ends as a dead letter."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a slug means outside."""

    status: grpc.StatusCode
    sentence: str
    """Chinese, with `{name}` places for details."""


_MEANINGS: dict[str, Meaning] = {}


def register_errors(meanings: Mapping[str, tuple[str, str]]) -> None:
    """Make slugs known: slug → (gRPC status name, Chinese sentence). Raises KeyError for a status that does not exist."""
    for slug, (status, sentence) in meanings.items():
        _MEANINGS[slug] = Meaning(grpc.StatusCode[status], sentence)


def meaning_of(error: TuoqiError) -> tuple[grpc.StatusCode, str]:
    """The gRPC status and the Chinese sentence of an error; INTERNAL with the bare slug where nobody registered it."""
    meaning = _MEANINGS.get(error.slug)
    if meaning is None:
        return grpc.StatusCode.INTERNAL, error.slug
    return meaning.status, meaning.sentence.format_map(_Blank(error.details))


class _Blank(dict[str, object]):
    """Details by name; a place without a detail stays empty rather than breaking the refusal itself."""

    def __missing__(self, key: str) -> str:
        return ""


register_errors(
    {
        "auth.no_token": ("UNAUTHENTICATED", "没有平台令牌，不能连接。"),
        "auth.no_user": ("UNAUTHENTICATED", "请用 --by 说明经办人。"),
        "auth.unknown_user": ("UNAUTHENTICATED", "用户“{user}”不在本县用户名单中。"),
        "auth.no_right": ("PERMISSION_DENIED", "用户“{user}”没有“{right}”权限。"),
        "auth.no_region": ("PERMISSION_DENIED", "用户“{user}”无权管理区划 {region}。"),
        "auth.no_purpose": ("PERMISSION_DENIED", "查看个人信息须用 --purpose 说明用途。"),
        "request.invalid": ("INVALID_ARGUMENT", "请求不合要求：{problem}"),
        "state.conflict": ("ABORTED", "数据刚被他人修改，请重试。"),
        "state.not_found": ("NOT_FOUND", "没有找到 {what}。"),
        "database.away": ("UNAVAILABLE", "数据库暂时不可用，请稍后重试。"),
        "clock.not_settable": ("FAILED_PRECONDITION", "本平台使用系统时钟，不能调整。"),
        "clock.backwards": ("FAILED_PRECONDITION", "时钟只能向前调整，现在是 {now}。"),
    }
)
