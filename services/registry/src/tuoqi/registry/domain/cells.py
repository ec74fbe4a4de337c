"""A row of a file as the domain reads it, and what can be wrong with one of its cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one row that say something: values given, and columns whose stored value is to be emptied 清空."""

    given: Mapping[str, Any]
    """Column key → text, date or integer."""
    cleared: frozenset[str] = frozenset()

    def text(self, column: str) -> str:
        """The text of a column, empty where the cell gives none."""
        value = self.given.get(column, "")
        return value if isinstance(value, str) else str(value)

    def day(self, column: str) -> date | None:
        """The date of a column, None where the cell gives none."""
        value = self.given.get(column)
        return value if isinstance(value, date) else None


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong or doubtful in one cell; the reason is one Chinese sentence, the value is not masked yet."""

    column: str
    value: str
    reason: str
    only_warning: bool = False


@dataclass(slots=True)
class Flaws:
    """The flaws of one row, as they are found."""

    found: list[Flaw] = field(default_factory=list)

    def reject(self, column: str, value: object, reason: str) -> None:
        """The row cannot be taken."""
        self.found.append(Flaw(column, _shown(value), reason))

    def warn(self, column: str, value: object, reason: str) -> None:
        """The row is taken all the same."""
        self.found.append(Flaw(column, _shown(value), reason, only_warning=True))

    def is_rejected(self) -> bool:
        """Whether any of them keeps the row out."""
        return bool(self.found) and any(not flaw.only_warning for flaw in self.found)

    def copy(self) -> Flaws:
        """The same flaws, to which others may be added without touching these."""
        return Flaws(list(self.found))

    def check_days(self, cells: Cells, columns: Iterable[str], *, today: date, born: date | None) -> None:
        """No date of these columns lies after the day of loading or before the person's birth."""
        for column in columns:
            day = cells.day(column)
            if day is not None and day > today:
                self.reject(column, day, f"日期不能晚于导入当日 {today.isoformat()}。")
        self.check_birth(cells, columns, born=born)

    def check_birth(self, cells: Cells, columns: Iterable[str], *, born: date | None) -> None:
        """No date of these columns lies before the person's birth."""
        for column in columns:
            day = cells.day(column)
            if day is not None and born is not None and day < born:
                self.reject(column, day, "日期不能早于本人出生日期。")


def _shown(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)
