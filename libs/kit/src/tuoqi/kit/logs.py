"""Logs: one readable line on a terminal, one JSON object elsewhere, always to stderr.

No log may name a person: whatever looks like an identity number, a card number or a phone is hidden before it is
written, also in tracebacks and in what libraries log.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog
from structlog.typing import Processor

from tuoqi.kit.masking import hide_private

log = structlog.get_logger()
"""The logger for code that wants no name of its own: `log.info("relay.sent", topic=topic, rows=3)`."""

get_logger = structlog.get_logger

_SMALLEST_PRIVATE_NUMBER: Final = 10**10

TALKATIVE: Final = ("aiokafka", "kafka", "alembic", "faststream")
"""Libraries that tell each step of their inner life; only what they warn of is kept."""


def _hide(value: object) -> object:
    match value:
        case str():
            hidden: object = hide_private(value)
        case bytes():
            hidden = hide_private(value.decode("utf-8", "replace"))
        case int() if abs(value) >= _SMALLEST_PRIVATE_NUMBER:
            text = hide_private(str(value))
            hidden = value if text == str(value) else text
        case bool() | int() | float() | None:
            hidden = value
        case dict():
            hidden = {_hide(key): _hide(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            hidden = [_hide(item) for item in value]
        case _:
            hidden = hide_private(repr(value))
    return hidden


def mask_private(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor that hides private numbers in every value of a log entry."""
    for key, value in event.items():
        if not key.startswith("_"):  # structlog's own record, needed further down the chain
            event[key] = _hide(value)
    return event


def configure_logs(service: str, *, json_lines: bool | None = None, level: int = logging.INFO) -> None:
    """Send all logs of this process, libraries' too, to stderr; JSON unless stderr is a terminal or it is said."""
    as_json = not sys.stderr.isatty() if json_lines is None else json_lines
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _namer(service),
        structlog.processors.format_exc_info,
        mask_private,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(as_json=as_json)],
        ),
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for talkative in TALKATIVE:
        logging.getLogger(talkative).setLevel(logging.WARNING)


def _namer(service: str) -> Processor:
    def name(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return name


def _renderer(*, as_json: bool) -> Processor:
    if as_json:
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
