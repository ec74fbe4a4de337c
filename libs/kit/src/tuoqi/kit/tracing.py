"""Traces: one span per batch and per call, none per message, and ids that travel as text.

`traceparent` (W3C) and `correlation_id` are copied from message to emission as they stand. Telemetry that is down
never blocks and never raises: spans wait in a bounded queue of the exporter's thread and are dropped when it is full.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.util.types import AttributeValue

_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_WANTED: Final = "tuoqi.sampled"
_LINKS_MAX: Final = 32
_EXPORT_TIMEOUT_S: Final = 2

_traceparent: ContextVar[str] = ContextVar("traceparent", default="")
_correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")


class _Sampler(Sampler):
    """Records what its caller or its parent wants recorded, whatever is linked to a recorded message, and a share."""

    def __init__(self, ratio: float) -> None:
        self._share = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        parent = trace.get_current_span(parent_context).get_span_context()
        if (attributes or {}).get(_WANTED) or links or parent.trace_flags.sampled:
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        if parent.is_valid:
            return SamplingResult(Decision.DROP)
        return self._share.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """How the sampler names itself."""
        return f"tuoqi({self._share.get_description()})"


def _provider(service: str, ratio: float) -> TracerProvider:
    return TracerProvider(sampler=_Sampler(ratio), resource=Resource.create({"service.name": service}))


class _Tracing:
    """The one provider of this process; before `configure_tracing` spans have ids and go nowhere."""

    def __init__(self) -> None:
        self.use(_provider("tuoqi", 0.0))

    def use(self, provider: TracerProvider) -> None:
        """Make spans by this provider from now on."""
        self.provider = provider
        self.tracer = provider.get_tracer("tuoqi")


_tracing = _Tracing()


def configure_tracing(service: str, ratio: float, otlp_endpoint: str) -> None:
    """Set the service's name, the share of root spans recorded, and where they go (`host:port`; empty: nowhere)."""
    provider = _provider(service, ratio)
    if otlp_endpoint:
        # Costs memory and start-up time, and most platforms export nothing.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        exporter = OTLPSpanExporter(endpoint=otlp_endpoint, insecure=True, timeout=_EXPORT_TIMEOUT_S)
        provider.add_span_processor(BatchSpanProcessor(exporter, export_timeout_millis=_EXPORT_TIMEOUT_S * 1000))
    _tracing.use(provider)


def shutdown_tracing() -> None:
    """Send what still waits, for a few seconds at most, and stop the exporter's thread; later spans go nowhere."""
    _tracing.provider.shutdown()


def current_traceparent() -> str:
    """The traceparent of the call or batch under way; empty outside of any."""
    return _traceparent.get()


def current_correlation_id() -> str:
    """The correlation id of the call or batch under way; empty outside of any."""
    return _correlation_id.get()


def new_traceparent(sampled: bool) -> str:  # noqa: FBT001 -- the one thing it is told
    """A traceparent that begins a trace, without any span."""
    drawn = os.urandom(24).hex()
    return f"00-{drawn[:32]}-{drawn[32:]}-{'01' if sampled else '00'}"


def is_sampled(traceparent: str) -> bool:
    """Whether the trace is recorded, by the traceparent's flag; False for text that is none."""
    return traceparent[-1:] in {"1", "3", "5", "7", "9", "b", "d", "f"} and traceparent[-3:-2] == "-"


def _span_context(traceparent: str) -> SpanContext | None:
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid else None


def _text(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"


@contextmanager
def _current(traceparent: str, correlation_id: str) -> Iterator[None]:
    # Values are put back by hand: a token's reset fails where a cancelled stream is closed in another context.
    before = (_traceparent.get(), _correlation_id.get())
    _traceparent.set(traceparent)
    _correlation_id.set(correlation_id)
    try:
        yield
    finally:
        _traceparent.set(before[0])
        _correlation_id.set(before[1])


@contextmanager
def batch_span(
    name: str,
    links: Sequence[str] = (),
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[Span]:
    """One span for a batch, linked to its recorded messages (the first 32) and recorded if there is one."""
    contexts = (_span_context(link) for link in links if is_sampled(link))
    known = [Link(context) for context, _ in zip((c for c in contexts if c), range(_LINKS_MAX), strict=False)]
    span = _tracing.tracer.start_span(name, Context(), SpanKind.CONSUMER, attributes=attributes, links=known)
    text = _text(span.get_span_context())
    try:
        with _current(text, _correlation_id.get() or text[3:35]):
            yield span
    finally:
        span.end()


@contextmanager
def call_span(name: str, traceparent: str | None, correlation_id: str | None, sampled: bool) -> Iterator[Span]:  # noqa: FBT001 -- called with its name everywhere
    """One span for a call; a child of `traceparent` where that is one, recorded if the parent is or `sampled` says so.

    Inside, `current_traceparent()` is this span and `current_correlation_id()` the given one, else the trace's id.
    """
    parent = _span_context(traceparent or "")
    context = trace.set_span_in_context(NonRecordingSpan(parent), Context()) if parent else Context()
    attributes = {_WANTED: True} if sampled else None
    span = _tracing.tracer.start_span(name, context, SpanKind.SERVER, attributes=attributes)
    text = _text(span.get_span_context())
    try:
        with _current(text, correlation_id or text[3:35]):
            yield span
    finally:
        span.end()
