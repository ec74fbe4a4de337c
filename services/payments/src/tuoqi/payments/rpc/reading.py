"""What every servicer reads of a request in the same way: days, months, places of pages."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.months import Month

_LINE_PARTS = 3


def read_day(text: str) -> date | None:
    """A day of a request; None where it is empty. Raises request.invalid for one that does not exist."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise TuoqiError("request.invalid", problem=f"{text} 不是日期") from None


def read_month(text: str) -> Month:
    """A month of a request. Raises request.invalid for one that does not exist."""
    try:
        return Month.parse(text)
    except ValueError:
        raise TuoqiError("request.invalid", problem=f"{text} 不是月份") from None


def read_line_place(token: str) -> tuple[str, str, str]:
    """The place of a page of lines; of the first page, empty texts. Raises request.invalid."""
    parts = token.split("|") if token else ["", "", ""]
    if len(parts) != _LINE_PARTS:
        raise TuoqiError("request.invalid", problem="page_token")
    return parts[0], parts[1], parts[2]


def write_place(at: datetime, named: str) -> str:
    """Where a page ordered by moment and id ends."""
    return f"{at.astimezone(UTC).isoformat()}|{named}"


def read_place(token: str) -> tuple[datetime, str] | None:
    """The place that `write_place` wrote. Raises request.invalid."""
    if not token:
        return None
    at, _, named = token.partition("|")
    try:
        return datetime.fromisoformat(at), named
    except ValueError:
        raise TuoqiError("request.invalid", problem="page_token") from None
