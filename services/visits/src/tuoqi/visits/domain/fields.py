"""Reads values of the county's files: each is what it should be, or the fault names its place and why."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any


class PolicyError(ValueError):
    """A county file that cannot be used: where in it (`path`, like `a[0].b`) and why (Chinese)."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def mapping(data: object, path: str, allowed: Collection[str] | None) -> Mapping[str, Any]:
    """A mapping with none but the allowed keys; None allows any."""
    if not isinstance(data, Mapping):
        raise PolicyError(path, "应为若干“字段: 值”")
    unknown = sorted(str(key) for key in data if allowed is not None and key not in allowed)
    if unknown:
        raise PolicyError(f"{path}.{unknown[0]}" if path else unknown[0], f"没有“{unknown[0]}”这个字段")
    return data


def items(data: object, path: str) -> list[tuple[object, str]]:
    """The entries of a list that is not empty, each with its place."""
    if not isinstance(data, list) or not data:
        raise PolicyError(path, "应为至少有一项的列表")
    return [(one, f"{path}[{place}]") for place, one in enumerate(data)]


def text(data: object, path: str) -> str:
    """A text that is not empty."""
    if not isinstance(data, str) or not data:
        raise PolicyError(path, "应为文字")
    return data


def texts(row: Mapping[str, Any], key: str, path: str) -> tuple[str, ...]:
    """A list of texts; none where the key is missing."""
    if key not in row:
        return ()
    return tuple(text(one, where) for one, where in items(row[key], f"{path}.{key}"))


def number(row: Mapping[str, Any], key: str, path: str, default: int, *, least: int = 0) -> int:
    """A whole number from `least` up; the default where the key is missing."""
    value = row.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise PolicyError(f"{path}.{key}", f"应为不小于 {least} 的整数")
    return value


def truth(row: Mapping[str, Any], key: str, path: str, *, default: bool = False) -> bool:
    """True or false; the default where the key is missing."""
    value = row.get(key, default)
    if not isinstance(value, bool):
        raise PolicyError(f"{path}.{key}", "应为 true 或 false")
    return value


def one_of(data: object, path: str, allowed: Collection[str]) -> str:
    """One of the words that are allowed here."""
    if not isinstance(data, str) or data not in allowed:
        raise PolicyError(path, f"不认识“{data}”，可用：{'、'.join(sorted(allowed))}")
    return data


def day(data: object, path: str) -> date:
    """A day; YAML gives unquoted ISO dates as dates already."""
    if isinstance(data, date):
        return data
    try:
        return date.fromisoformat(str(data))
    except ValueError as error:
        raise PolicyError(path, "应为日期 YYYY-MM-DD") from error
