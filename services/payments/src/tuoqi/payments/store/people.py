"""A run of people as a cycle reads it: from first to last by id, and whatever files are merged into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class People:
    """One run. A merged file that lies between first and last belongs to its person, who may be in another run."""

    first: str
    last: str
    root_of: Mapping[str, str]
    """File → person, of all merged files."""
    others: Sequence[str] = ()
    """Files merged into people of this run."""

    @property
    def where(self) -> str:
        """The rows of the run's people and of their merged files; the plain range where nobody has any."""
        between = "person_id BETWEEN :first AND :last"
        return f"({between} OR person_id = ANY(CAST(:others AS text[])))" if self.others else between

    @property
    def bounds(self) -> dict[str, Any]:
        """The parameters of `where`."""
        bounds: dict[str, Any] = {"first": self.first, "last": self.last}
        return bounds | {"others": list(self.others)} if self.others else bounds

    def root(self, person_id: str) -> str:
        """The person whom a row counts for."""
        return self.root_of.get(person_id, person_id)
