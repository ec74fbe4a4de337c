"""Reading one field of a policy file: each answer is checked, each fault names its place and its reason in Chinese.

A Node raises the first fault, unless it was given a list: then it keeps the fault there and answers with something of the
right kind, so that whoever checks a file hears of all its faults at once.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Self, TypeVar, cast

from tuoqi.payments.domain.months import Month

_YUAN = re.compile(r"\d{1,10}(\.\d{1,2})?")
_PERCENT = re.compile(r"\d{1,3}(\.\d{1,2})?")


class PolicyError(Exception):
    """A policy file cannot be used; `path` is its place (`programmes.yaml: programmes[0].key`), `reason` is Chinese."""

    slug = "payments.policy_invalid"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
        self.all: tuple[PolicyError, ...] = (self,)
        """Every fault that was found, this one first."""

    @classmethod
    def of(cls, faults: Sequence["PolicyError"]) -> "PolicyError":
        """One error that carries several faults, each once; `faults` is not empty."""
        distinct_faults = {(one.path, one.reason): one for one in faults}
        error = cls(faults[0].path, faults[0].reason)
        error.all = tuple(distinct_faults.values())
        return error


MISSING = object()
"""What stands for a field that is not there, where faults are kept."""
NO_MONTH = Month(0)
"""What stands for a month that could not be read, where faults are kept."""


@dataclass(frozen=True, slots=True)
class Node:
    """One mapping of a policy file and the place where it stands."""

    file: str
    place: str
    content: Mapping[str, object]
    faults: list[PolicyError] | None = None
    """Where faults are kept; None raises the first."""

    @classmethod
    def of_file(cls, files: Mapping[str, object], name: str, faults: list[PolicyError] | None = None) -> Self:
        """The top of a file; PolicyError where the file is missing or is no mapping, whether faults are kept or not."""
        if name not in files:
            raise PolicyError(name, "缺少此文件")
        content = files[name]
        if not isinstance(content, Mapping):
            raise PolicyError(f"{name}:", "应为若干“字段: 值”")
        return cls(name, "", cast("Mapping[str, object]", content), faults)

    def refuse(self, path: str, reason: str) -> None:
        """Raises a fault, or keeps it."""
        fault = PolicyError(path, reason)
        if self.faults is None:
            raise fault
        self.faults.append(fault)

    def fault(self, field: str, reason: str) -> None:
        """Refuses a field."""
        self.refuse(self.path(field), reason)

    def clean(self, field: str) -> bool:
        """Whether nothing was refused at or below a field: only then is it compared with others."""
        place = self.path(field)
        return not any(fault.path.startswith(place) for fault in self.faults or ())

    def path(self, field: str) -> str:
        """Where a field stands, as a person looks for it."""
        return f"{self.file}: {self.place}{field}"

    def only(self, *fields: str) -> None:
        """Refuses fields that nobody reads: a misspelt one would silently do nothing."""
        for field in self.content:
            if field not in fields:
                self.fault(str(field), f"未知的字段，可用：{'、'.join(fields)}")

    def text(self, field: str, pattern: re.Pattern[str] | None = None, meaning: str = "非空文字") -> str:
        """A text that is not empty and fits the pattern."""
        value = self._value(field)
        if not isinstance(value, str) or not value or (pattern is not None and not pattern.fullmatch(value)):
            self._wrong(field, f"应为{meaning}", value)
            return ""
        return value

    def choice(self, field: str, allowed: tuple[str, ...]) -> str:
        """One of the allowed words."""
        value = self._value(field)
        if value not in allowed:
            self._wrong(field, f"应为以下之一：{'、'.join(allowed)}", value)
            return ""
        return str(value)

    def flag(self, field: str) -> bool:
        """A yes or no; no where it is not written."""
        value = self.content.get(field, False)
        if not isinstance(value, bool):
            self._wrong(field, "应为 true 或 false", value)
            return False
        return value

    def number(self, field: str, least: int, most: int) -> int:
        """A whole number within limits."""
        value = self._value(field)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self._wrong(field, f"应为 {least} 到 {most} 的整数", value)
            return least
        return value

    def month(self, field: str) -> Month:
        """A month written YYYY-MM."""
        value = self._value(field)
        try:
            return Month.parse(value if isinstance(value, str) else "")
        except ValueError:
            self._wrong(field, "应为月份，写作 YYYY-MM", value)
            return NO_MONTH

    def fen(self, field: str) -> int:
        """An amount written in yuan, as fen; a fraction is quoted ("12.50"), as an unquoted one is a float already."""
        value = self._value(field)
        written = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
        if not _YUAN.fullmatch(written):
            self._wrong(field, "应为金额（元，最多两位小数，小数加引号）", value)
            return 0
        return int(Decimal(written) * 100)

    def percent(self, field: str) -> int:
        """A share written in percent, as hundredths of a percent 万分数; a fraction is quoted ("33.33")."""
        value = self._value(field)
        written = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
        if not _PERCENT.fullmatch(written):
            self._wrong(field, "应为百分数（最多两位小数，小数加引号）", value)
            return 0
        return int(Decimal(written) * 100)

    def words(self, field: str) -> tuple[str, ...]:
        """A list of distinct words; empty where it is not written."""
        value = self.content.get(field, [])
        if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
            self._wrong(field, "应为文字的列表，数字加引号", value)
            return ()
        if len(set(value)) != len(value):
            self.fault(field, "列表中有重复")
        return tuple(value)

    def has(self, field: str) -> bool:
        """Whether a field is written."""
        return field in self.content

    def rows(self, field: str, *, empty: bool = False) -> Iterator["Node"]:
        """The mappings of a list, each with its place."""
        value = self._value(field)
        if not isinstance(value, list) or not (value or empty):
            self._wrong(field, f"应为{'' if empty else '非空'}列表", value)
            return
        for position, item in enumerate(value):
            place = f"{self.place}{field}[{position}]"
            if isinstance(item, Mapping):
                yield Node(self.file, f"{place}.", cast("Mapping[str, object]", item), self.faults)
            else:
                self.refuse(f"{self.file}: {place}", "应为若干“字段: 值”")

    def inner(self, field: str) -> "Node":
        """The mapping that a field holds; an empty one where it holds none."""
        value = self._value(field)
        if not isinstance(value, Mapping):
            self._wrong(field, "应为若干“字段: 值”", value)
            value = {}
        return Node(self.file, f"{self.place}{field}.", cast("Mapping[str, object]", value), self.faults)

    def _value(self, field: str) -> object:
        if field not in self.content:
            self.fault(field, "缺少此字段")
            return MISSING
        return self.content[field]

    def _wrong(self, field: str, expected: str, value: object) -> None:
        """Refuses a value that is not as expected; a field that is missing was refused already."""
        if value is not MISSING:
            self.fault(field, f"{expected}，现为 {value!r}")


_Ordered = TypeVar("_Ordered", int, Month)


def rising(node: Node, field: str, values: Sequence[_Ordered]) -> None:
    """Refuses a list whose key values do not strictly rise."""
    if not node.clean(field):
        return
    for position, (before, after) in enumerate(pairwise(values), start=1):
        if after <= before:
            node.refuse(f"{node.path(field)}[{position}]", f"应按顺序递增：{after} 不在 {before} 之后")


def distinct(node: Node, field: str, keys: Sequence[str]) -> None:
    """Refuses a key written twice."""
    for position, key in enumerate(keys):
        if key and key in keys[:position]:
            node.refuse(f"{node.path(field)}[{position}].key", f"{key} 重复")
