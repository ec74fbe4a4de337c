"""What callers and servers agree on: the headers of a call and its limits.

By itself, so that a caller (the command line, above all) need not import what only a server needs.
"""

from __future__ import annotations

from typing import Final

TOKEN: Final = "tuoqi-token"  # noqa: S105 -- the name of a header, not a token
USER: Final = "tuoqi-user"
PURPOSE: Final = "tuoqi-purpose"
"""User and purpose are percent-encoded UTF-8: gRPC headers carry ASCII only."""
TRACEPARENT: Final = "traceparent"
CORRELATION: Final = "tuoqi-correlation-id"

UNARY_SECONDS_MAX: Final = 30.0
"""A unary call that sets no deadline gets this one."""
STREAM_SECONDS_MAX: Final = 600.0
MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
