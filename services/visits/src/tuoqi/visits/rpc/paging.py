"""Tokens of lists that are in order of a moment or a day and an id."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tuoqi.kit.errors import TuoqiError

PAGE = 100


def write_place(order: datetime | date, name: str) -> str:
    """Where a page ended."""
    return f"{order.astimezone(UTC).isoformat() if isinstance(order, datetime) else order.isoformat()}~{name}"


def moment_place(token: str) -> tuple[datetime, str] | None:
    """The moment and id of a token; None of an empty one. Raises visits.bad_page."""
    if not token:
        return None
    order, _, name = token.partition("~")
    try:
        moment = datetime.fromisoformat(order)
    except ValueError as error:
        raise TuoqiError("visits.bad_page") from error
    if moment.tzinfo is None or not name:
        raise TuoqiError("visits.bad_page")
    return moment, name


def day_place(token: str) -> tuple[date, str] | None:
    """The day and id of a token; None of an empty one. Raises visits.bad_page."""
    if not token:
        return None
    order, _, name = token.partition("~")
    try:
        return date.fromisoformat(order), name
    except ValueError as error:
        raise TuoqiError("visits.bad_page") from error


def read_day(text: str) -> date | None:
    """An ISO date; None of an empty text. Raises visits.bad_date."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise TuoqiError("visits.bad_date", value=text[:20]) from error
