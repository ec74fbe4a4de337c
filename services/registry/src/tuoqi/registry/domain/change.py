"""Change requests 变更申请: who may take which step, what is in conflict, what needs a second user."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tuoqi.registry.domain.categories import PolicyError

DRAFT: Final = "DRAFT"
SUBMITTED: Final = "SUBMITTED"
APPLYING: Final = "APPLYING"
"""Approved, and too large for one transaction: its rows are on their way in."""
APPROVED: Final = "APPROVED"
REFUSED: Final = "REFUSED"
CONFLICT: Final = "CONFLICT"
WITHDRAWN: Final = "WITHDRAWN"
UNDONE: Final = "UNDONE"

WAITING: Final = "WAITING"
CHANGED: Final = "CHANGED"
UNCHANGED: Final = "UNCHANGED"
IN_CONFLICT: Final = "CONFLICT"
REJECTED: Final = "REJECTED"

_MAY_STEP: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "submit": (frozenset({DRAFT}), "maker"),
    "approve": (frozenset({SUBMITTED, APPLYING}), "checker"),
    "refuse": (frozenset({SUBMITTED}), "checker"),
    "rebase": (frozenset({CONFLICT}), "maker"),
    "withdraw": (frozenset({DRAFT, SUBMITTED, CONFLICT}), "maker"),
    "undo": (frozenset({APPROVED}), "anyone"),
}


@dataclass(frozen=True, slots=True)
class KindRule:
    """When requests of one file kind need no second user."""

    unchecked_rows: int = 0
    """Up to so many rows; 0 = every request needs a checker."""
    unchecked_columns: frozenset[str] = frozenset()
    """Only where the rows touch no other columns; empty = whatever they touch."""


@dataclass(frozen=True, slots=True)
class ChangePolicy:
    """What a county says of change requests."""

    rows_max: int = 10_000
    chunk_rows: int = 500
    """Rows of one transaction; a request of no more rows is applied in one."""
    kinds: Mapping[str, KindRule] = field(default_factory=dict)

    def needs_checker(self, kind: str, rows: int, columns: Collection[str]) -> bool:
        """Whether a second user must approve such a request."""
        rule = self.kinds.get(kind, KindRule())
        if rows > rule.unchecked_rows:
            return True
        return bool(rule.unchecked_columns) and not rule.unchecked_columns.issuperset(columns)


@dataclass(frozen=True, slots=True)
class Change:
    """One request. A new one is made for each step, never an old one changed."""

    change_id: str
    kind: str
    state: str
    columns: tuple[str, ...]
    """The columns that its rows give."""
    regions: tuple[str, ...]
    """The regions of the people whom it touches."""
    made_by: str
    made_at: datetime
    needs_checker: bool
    rows_total: int
    rows_done: int = 0
    rows_changed: int = 0
    rows_unchanged: int = 0
    rows_skipped: int = 0
    checked_by: str = ""
    checked_at: datetime | None = None
    undoes: str = ""
    note: str = field(default="", repr=False)
    refused_because: str = field(default="", repr=False)
    revision: int = 0
    """Steps so far."""
    version: int = 0
    """Events so far."""


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One row of a request; all texts in it are private."""

    number: int
    person_id: str
    """Empty where the row registers somebody."""
    cells: Mapping[str, str] = field(repr=False)
    """Column → text as the maker gave it."""
    seen: Mapping[str, str] = field(repr=False)
    """Touched column → what stood there when the request was made."""
    state: str = WAITING
    after: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Touched column → what stood there once the row was applied, for an undo."""
    now: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Column in conflict → what stood there when the request was to be applied."""
    reason: str = field(default="", repr=False)
    person_version: int = 0
    """The person's version when the request was made; with `status_version` it says what the maker looked at."""
    status_version: int = 0

    @property
    def registers(self) -> bool:
        """The person was not on the register when the request was made."""
        return not self.person_version


def refusal_of(change: Change, step: str, user: str) -> str:
    """Why a user may not take a step, as a slug; empty where he may."""
    states, who = _MAY_STEP[step]
    if step == "undo" and change.undoes:
        return "change.is_undo"
    if change.state not in states:
        return "change.wrong_state"
    if who == "maker" and user != change.made_by:
        return "change.not_maker"
    if who == "checker" and user == change.made_by:
        return "change.maker_may_not_check"
    return ""


def conflicts(seen: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The touched columns that somebody changed since the maker looked: column → what stands there now."""
    columns = dict.fromkeys([*seen, *now])
    return {column: now.get(column, "") for column in columns if seen.get(column, "") != now.get(column, "")}


def read_change_policy(documents: Sequence[Mapping[str, Any]]) -> ChangePolicy:
    """The county's rules from the content of its files. Raises PolicyError."""
    found = [document["changes"] for document in documents if "changes" in document]
    if not found:
        return ChangePolicy()
    (content,) = found
    kinds: dict[str, KindRule] = {}
    for kind, rule in content.get("kinds", {}).items():
        if not isinstance(rule, dict) or rule.keys() - {"unchecked_rows", "unchecked_columns"}:
            raise PolicyError(f"changes of {kind}: only `unchecked_rows` and `unchecked_columns` are known")
        rows = rule.get("unchecked_rows", 0)
        if not isinstance(rows, int) or rows < 0:
            raise PolicyError(f"changes of {kind}: `unchecked_rows` is a count")
        kinds[str(kind)] = KindRule(rows, frozenset(str(one) for one in rule.get("unchecked_columns", ())))
    rows_max, chunk_rows = content.get("rows_max", 10_000), content.get("chunk_rows", 500)
    if not (isinstance(rows_max, int) and isinstance(chunk_rows, int) and 0 < chunk_rows <= rows_max):
        raise PolicyError("changes: `chunk_rows` and `rows_max` are counts, the first not above the second")
    return ChangePolicy(rows_max, chunk_rows, kinds)
