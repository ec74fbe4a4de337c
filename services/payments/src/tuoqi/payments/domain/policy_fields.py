"""Reading one field of a policy file: each answer is checked, each fault names its place and its reason in Chinese."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Self, cast

from tuoqi.payments.domain.months import Month

_YUAN = re.compile(r"\d{1,10}(\.\d{1,2})?")


class PolicyError(Exception):
    """A policy file cannot be used; `path` is its place (`programmes.yaml: programmes[0].key`), `reason` is Chinese."""

    slug = "payments.policy_invalid"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Node:
    """One mapping of a policy file and the place where it stands."""

    file: str
    place: str
    content: Mapping[str, object]

    @classmethod
    def of_file(cls, files: Mapping[str, object], name: str) -> Self:
        """The top of a file; PolicyError where the file is missing or is no mapping."""
        if name not in files:
            raise PolicyError(name, "缺少此文件")
        return cls(name, "", _mapping(files[name], f"{name}:"))

    def path(self, field: str) -> str:
        """Where a field stands, as a person looks for it."""
        return f"{self.file}: {self.place}{field}"

    def only(self, *fields: str) -> None:
        """Refuses fields that nobody reads: a misspelt one would silently do nothing."""
        for field in self.content:
            if field not in fields:
                raise PolicyError(self.path(str(field)), f"未知的字段，可用：{'、'.join(fields)}")

    def text(self, field: str, pattern: re.Pattern[str] | None = None, meaning: str = "非空文字") -> str:
        """A text that is not empty and fits the pattern."""
        value = self._value(field)
        if not isinstance(value, str) or not value or (pattern is not None and not pattern.fullmatch(value)):
            raise PolicyError(self.path(field), f"应为{meaning}，现为 {value!r}")
        return value

    def choice(self, field: str, allowed: tuple[str, ...]) -> str:
        """One of the allowed words."""
        value = self._value(field)
        if value not in allowed:
            raise PolicyError(self.path(field), f"应为以下之一：{'、'.join(allowed)}，现为 {value!r}")
        return str(value)

    def flag(self, field: str) -> bool:
        """A yes or no; no where it is not written."""
        value = self.content.get(field, False)
        if not isinstance(value, bool):
            raise PolicyError(self.path(field), f"应为 true 或 false，现为 {value!r}")
        return value

    def number(self, field: str, least: int, most: int) -> int:
        """A whole number within limits."""
        value = self._value(field)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise PolicyError(self.path(field), f"应为 {least} 到 {most} 的整数，现为 {value!r}")
        return value

    def month(self, field: str) -> Month:
        """A month written YYYY-MM."""
        value = self._value(field)
        try:
            return Month.parse(value if isinstance(value, str) else "")
        except ValueError:
            raise PolicyError(self.path(field), f"应为月份，写作 YYYY-MM，现为 {value!r}") from None

    def fen(self, field: str) -> int:
        """An amount written in yuan, as fen; a fraction is quoted ("12.50"), as an unquoted one is a float already."""
        value = self._value(field)
        written = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
        if not _YUAN.fullmatch(written):
            raise PolicyError(self.path(field), f"应为金额（元，最多两位小数，小数加引号），现为 {value!r}")
        return int(Decimal(written) * 100)

    def rows(self, field: str, *, empty: bool = False) -> Iterator["Node"]:
        """The mappings of a list, each with its place."""
        value = self._value(field)
        if not isinstance(value, list) or not (value or empty):
            raise PolicyError(self.path(field), f"应为{'' if empty else '非空'}列表")
        for position, item in enumerate(value):
            place = f"{self.place}{field}[{position}]"
            yield Node(self.file, f"{place}.", _mapping(item, f"{self.file}: {place}"))

    def _value(self, field: str) -> object:
        if field not in self.content:
            raise PolicyError(self.path(field), "缺少此字段")
        return self.content[field]


def _mapping(value: object, path: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise PolicyError(path, "应为若干“字段: 值”")
    return cast("Mapping[str, object]", value)
