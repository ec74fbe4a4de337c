"""Which exception means what to a caller: a refusal with its own slug, something that is away, or a fault of ours."""

from __future__ import annotations

import asyncpg
import grpc
from sqlalchemy import exc

from tuoqi.kit.database import Conflict, blames_the_data, sqlstate
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rpc.refusals import is_away, refusal_of

_AWAY_STATES = ("08", "53", "57")
"""SQLSTATE classes: connection, insufficient resources, operator intervention."""


def as_refusal(error: Exception) -> TuoqiError | None:
    """The error that a caller may be told; None where it is a fault of ours that goes to the log alone."""
    if isinstance(error, TuoqiError):
        return error
    if isinstance(error, Conflict):
        return TuoqiError("state.conflict")
    if isinstance(error, grpc.RpcError):
        refusal = refusal_of(error)
        if is_away(error):
            return TuoqiError("peer.away") if refusal.slug in {"peer.away", "rpc.too_slow"} else refusal
        return None if refusal.slug.startswith("rpc.") else refusal
    return TuoqiError("database.away") if _database_is_away(error) else None


def _database_is_away(error: Exception) -> bool:
    if isinstance(error, exc.DBAPIError):
        if blames_the_data(error):
            return False
        away = isinstance(error, exc.OperationalError | exc.InterfaceError) or error.connection_invalidated
        return away or sqlstate(error).startswith(_AWAY_STATES)
    if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return False
    return isinstance(error, OSError | exc.TimeoutError | asyncpg.PostgresConnectionError | asyncpg.InterfaceError)
