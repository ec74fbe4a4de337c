"""What every call passes before its method runs, in this order: token, access rule, user and right, deadline, audit.

Whatever comes out of a method is turned into a status here and nowhere else; a fault tells the caller no detail.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final
from urllib.parse import unquote

import grpc
import protovalidate
from google.protobuf.message import Message

from tuoqi.kit import metrics
from tuoqi.kit.audit import AuditEntry, AuditWriter, audit_writer
from tuoqi.kit.clock import BusinessClock, SystemBusinessClock
from tuoqi.kit.database import Database
from tuoqi.kit.errors import TuoqiError, meaning_of
from tuoqi.kit.faults import as_refusal
from tuoqi.kit.logs import log
from tuoqi.kit.masking import hide_private
from tuoqi.kit.rights import SERVICE_PREFIX, Actor, Rights, acting
from tuoqi.kit.rpc.access import MethodRule
from tuoqi.kit.rpc.agreed import CORRELATION, PURPOSE, STREAM_SECONDS_MAX, TOKEN, TRACEPARENT, UNARY_SECONDS_MAX, USER
from tuoqi.kit.rpc.refusals import Grpc, Refusal, to_status
from tuoqi.kit.settings import Settings, read_secret
from tuoqi.kit.tracing import call_span, current_correlation_id

_TOKEN_BYTES_MIN: Final = 16
_TEXT_MAX: Final = 500


@dataclass(slots=True)
class Passage:
    """One call under way."""

    rule: MethodRule
    deadline: float
    """On the event loop's clock."""
    actor: Actor
    request: Message | None = None
    """The first request."""
    begun: bool = False
    """The audit knows that it began."""


class Guard:
    """Checks calls and answers for their failures. Raises ValueError for a platform token that is missing or short."""

    def __init__(
        self,
        settings: Settings,
        rights: Rights,
        audit: Database | AuditWriter,
        clock: BusinessClock | None = None,
    ) -> None:
        token = read_secret(settings.token_file)
        if len(token) < _TOKEN_BYTES_MIN:
            raise ValueError(f"the platform token must have at least {_TOKEN_BYTES_MIN} characters")
        self._token = token.encode()
        self._rights = rights
        self._audit = audit_writer(audit) if isinstance(audit, Database) else audit
        self._clock = clock or SystemBusinessClock()
        self._validator = protovalidate.Validator()

    @asynccontextmanager
    async def passage(self, rule: MethodRule, context: Grpc) -> AsyncIterator[Passage]:
        """Everything around one call. Leaves by `context.abort_with_status` where the call is refused or fails."""
        headers = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        begin = monotonic()
        user = headers.get(USER, "")
        by_person = bool(user) and not user.startswith(SERVICE_PREFIX)
        correlation = headers.get(CORRELATION, "")[:_TEXT_MAX]
        code = "OK"
        passage: Passage | None = None
        with call_span(rule.method, headers.get(TRACEPARENT), correlation, sampled=by_person):
            try:
                passage = await self._admit(rule, headers, context)
                with acting(passage.actor):
                    yield passage
                await self._end(passage, "ok")
            except grpc.aio.AbortError:
                code = "ABORTED"
                await self._end(passage, "aborted")
                raise
            except (asyncio.CancelledError, GeneratorExit):
                code = "CANCELLED"
                await asyncio.shield(self._end(passage, "cancelled"))
                raise
            except Exception as error:  # noqa: BLE001 -- the one place where a failure becomes a status
                status, slug, sentence = await self._refusal(rule, passage, error)
                code = status.name
                await context.abort_with_status(to_status(status, slug, sentence))  # raises AbortError
            finally:
                metrics.RPC.labels(rule.method, code).inc()
                metrics.RPC_SECONDS.labels(rule.method).observe(monotonic() - begin)

    async def begin(self, passage: Passage, request: Message | None) -> None:
        """Take note of the first request, and write to the audit that the act begins. Call it once for each call."""
        passage.request = request
        if passage.rule.audited:
            await self._write(passage, "begun")
            passage.begun = True

    def check(self, request: Message) -> None:
        """Raises request.invalid where a request breaks a rule of its contract."""
        try:
            self._validator.validate(request)
        except protovalidate.ValidationError as error:
            raise TuoqiError("request.invalid", problem=str(error)) from error

    async def _admit(self, rule: MethodRule, headers: dict[str, str], context: Grpc) -> Passage:
        if not hmac.compare_digest(headers.get(TOKEN, "").encode(), self._token):
            raise TuoqiError("auth.no_token")
        limit = STREAM_SECONDS_MAX if rule.streams else UNARY_SECONDS_MAX
        remaining = context.time_remaining()
        if remaining is not None:
            limit = min(remaining, STREAM_SECONDS_MAX)
        passage = Passage(rule, asyncio.get_running_loop().time() + limit, self._actor(rule, headers))
        if not rule.internal:
            try:
                passage.actor.require(rule.right)
            except TuoqiError as error:
                if rule.audited:
                    await self._write(passage, error.slug)
                raise
        return passage

    def _actor(self, rule: MethodRule, headers: dict[str, str]) -> Actor:
        user = unquote(headers.get(USER, ""))[:_TEXT_MAX]
        if rule.internal and not user:
            return Actor(user=f"{SERVICE_PREFIX}platform", service=True)
        return self._rights.actor(user, unquote(headers.get(PURPOSE, ""))[:_TEXT_MAX])

    async def _refusal(
        self, rule: MethodRule, passage: Passage | None, error: Exception
    ) -> tuple[grpc.StatusCode, str, str]:
        """Status, slug and sentence of an error, after it is logged and in the audit."""
        known = as_refusal(error)
        if known is None:
            log.error("rpc.failed", method=rule.method, exc_info=error)
            known = TuoqiError("rpc.failed")
        elif known is not error:
            log.warning("rpc.fault", method=rule.method, slug=known.slug, error=repr(error)[:_TEXT_MAX])
        status, sentence = (known.status, known.sentence) if isinstance(known, Refusal) else meaning_of(known)
        await self._end(passage, known.slug)
        return status, known.slug, sentence

    async def _end(self, passage: Passage | None, outcome: str) -> None:
        if passage is None or not passage.begun:
            return
        passage.begun = False
        try:
            await self._write(passage, outcome)
        except Exception as error:  # noqa: BLE001 -- the act is done and its answer stands
            log.error("audit.end_missing", method=passage.rule.method, outcome=outcome, error=repr(error)[:_TEXT_MAX])

    async def _write(self, passage: Passage, outcome: str) -> None:
        await self._audit(
            AuditEntry(
                at=self._clock.now(),
                actor=passage.actor.user,
                purpose=passage.actor.purpose,
                method=passage.rule.method,
                subject=subject_of(passage.request),
                request_hash=self._hash(passage.request),
                outcome=outcome,
                correlation_id=current_correlation_id(),
            ),
        )

    def _hash(self, request: Message | None) -> str:
        # Keyed: a request may hold numbers that an unkeyed hash would give away to whoever tries them all.
        content = request.SerializeToString(deterministic=True) if request is not None else b""
        return hmac.new(self._token, content, hashlib.sha256).hexdigest()


_CODE_LIKE: Final = re.compile(r"[A-Za-z0-9_.:@#-]{1,64}")


def subject_of(request: Message | None) -> str:
    """What a request is about, for the audit: its ids, codes and flags, one message deep; of lists their length only.

    Free text and whatever looks like an identity, card or phone number stays out.
    """
    parts = [f"{name}={value}" for name, value in _subject(request, 0)] if request is not None else []
    return " ".join(parts)[:_TEXT_MAX]


def _subject(message: Message, depth: int) -> Iterable[tuple[str, str]]:
    for field, value in message.ListFields():
        if field.is_repeated:
            yield field.name, f"{len(value)} of them"
        elif isinstance(value, Message):
            if depth == 0:
                yield from _subject(value, depth + 1)
        else:
            text = str(value)
            if _CODE_LIKE.fullmatch(text) and hide_private(text) == text:
                yield field.name, text
