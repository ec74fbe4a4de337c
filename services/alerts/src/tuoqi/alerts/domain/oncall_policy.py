"""Reads the county's on-call lists; a fault names its place and reason."""

from collections.abc import Mapping
from datetime import time
from typing import Any

from tuoqi.alerts.domain.fields import PolicyError, day, items, mapping, number, text, texts, truth
from tuoqi.alerts.domain.rules import Severity
from tuoqi.alerts.domain.telling import OCCASIONS, Contact, Duty, OnCall, Telling

CONSOLE = "console"
WEEK = range(1, 8)


def read_oncall(data: object) -> OnCall:
    """The lists of a file `{levels, tell, contacts, duty, texts}`; raises PolicyError."""
    top = mapping(data, "", {"levels", "tell", "contacts", "duty", "severities", "texts", "restricted", "tries"})
    levels = texts(top, "levels", "")
    contacts = {one.user: one for one in (_contact(row, path) for row, path in items(top.get("contacts"), "contacts"))}
    duties = tuple(_duty(row, path, levels, contacts) for row, path in items(top.get("duty"), "duty"))
    words = mapping(top.get("texts"), "texts", OCCASIONS)
    if missing := [name for name in OCCASIONS if name not in words]:
        raise PolicyError("texts", f"缺少 {'、'.join(missing)}")
    severities = mapping(top.get("severities"), "severities", Severity.__members__)
    return OnCall(
        duties=duties,
        contacts=contacts,
        telling=_telling(top.get("tell"), levels),
        severities={name: text(word, f"severities.{name}") for name, word in severities.items()},
        texts={name: text(word, f"texts.{name}") for name, word in words.items()},
        restricted=text(top.get("restricted"), "restricted"),
        tries=number(top, "tries", "", 8, least=1),
    )


def _telling(data: object, levels: tuple[str, ...]) -> Telling:
    tell = mapping(data, "tell", {"raised", "kinds", "closing_proposed", "closed"})
    raised = _levels_by(tell.get("raised"), "tell.raised", levels)
    if unheard := [name for name in Severity.__members__ if not raised.get(name)]:
        raise PolicyError("tell.raised", f"{'、'.join(unheard)} 须至少告知一级，不能无人知晓")
    return Telling(
        order=levels,
        raised=raised,
        by_kind=_levels_by(tell.get("kinds", {}), "tell.kinds", levels),
        proposed=_known(texts(tell, "closing_proposed", "tell"), "tell.closing_proposed", levels),
        closed=truth(tell, "closed", "tell"),
    )


def _levels_by(data: object, path: str, levels: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    rows = mapping(data, path, None)
    return {str(name): _known(texts(rows, name, path), f"{path}.{name}", levels) for name in rows}


def _known(named: tuple[str, ...], path: str, levels: tuple[str, ...]) -> tuple[str, ...]:
    for one in named:
        if one not in levels:
            raise PolicyError(path, f"没有“{one}”这一级，可用：{'、'.join(levels)}")
    return named


def _contact(data: object, path: str) -> Contact:
    row = mapping(data, path, {"user", "channels", "email", "phone", "webhook"})
    address = {key: text(row[key], f"{path}.{key}") for key in ("email", "phone", "webhook") if key in row}
    # The inbox costs nothing and keeps what every other channel may lose.
    channels = tuple(dict.fromkeys((CONSOLE, *texts(row, "channels", path))))
    return Contact(user=text(row.get("user"), f"{path}.user"), channels=channels, **address)


def _duty(data: object, path: str, levels: tuple[str, ...], contacts: Mapping[str, Contact]) -> Duty:
    row = mapping(data, path, {"level", "users", "regions", "weekdays", "hours", "from", "to"})
    users = texts(row, "users", path)
    for user in users:
        if user not in contacts:
            raise PolicyError(f"{path}.users", f"“{user}”没有写在 contacts 里")
    (level,) = _known((text(row.get("level"), f"{path}.level"),), f"{path}.level", levels)
    weekdays = row.get("weekdays", [])
    if not isinstance(weekdays, list) or any(one not in WEEK for one in weekdays):
        raise PolicyError(f"{path}.weekdays", "应为 1（周一）至 7（周日）的列表")
    return Duty(
        level=level,
        users=users,
        regions=texts(row, "regions", path),
        weekdays=frozenset(weekdays),
        hours=_hours(row, path),
        first_day=day(row["from"], f"{path}.from") if "from" in row else None,
        last_day=day(row["to"], f"{path}.to") if "to" in row else None,
    )


def _hours(row: Mapping[str, Any], path: str) -> tuple[time, time] | None:
    if "hours" not in row:
        return None
    begin, _, end = text(row["hours"], f"{path}.hours").partition("-")
    try:
        return time.fromisoformat(begin.strip()), time.fromisoformat(end.strip())
    except ValueError as error:
        raise PolicyError(f"{path}.hours", "应写作 08:00-20:00") from error
