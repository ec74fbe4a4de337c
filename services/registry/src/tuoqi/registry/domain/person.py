"""A person of the register 人员, as known now: open facts that events carry, and sealed ones that never leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class HukouSince:
    """Where the hukou 户籍 is from a day on; the first entry of a history holds for all time before it too."""

    region: str
    known_on: date


@dataclass(frozen=True, slots=True)
class Absence:
    """A move out of the county 迁出, and the return 迁回 where there was one."""

    moved_out_on: date
    returned_on: date | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """One person. A new one is made for each change, never an old one changed."""

    person_id: str
    birth_date: date
    sex: str
    """`M` or `F`."""
    hukou: tuple[HukouSince, ...]
    residence_region: str = ""
    died_on: date | None = None
    absences: tuple[Absence, ...] = ()
    """By `moved_out_on`."""
    household_id: str = ""
    merged_into: str = ""
    """The person whose second file this is 并档; empty for a person's own file."""
    known_at: datetime | None = field(default=None, compare=False)
    """When this version became known; None until it is stored."""
    private: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Column key → text, for what is sealed: name, numbers, address, account and the like. No empty texts."""
    version: int = 0
    """Events about the person so far."""
    status_version: int = 0
    """Events about the person's status intervals so far."""
    loaded_order: int = 0
    """Status rows taken for the person so far."""

    @property
    def region(self) -> str:
        """The village where the person lives, else where the hukou is."""
        return self.residence_region or self.hukou[-1].region

    @property
    def number(self) -> str:
        """The identity number, empty where there is none."""
        return self.private.get("id_number", "")

    @property
    def temp_id(self) -> str:
        """The county's temporary id, empty where there is none."""
        return self.private.get("temp_id", "")

    @property
    def account(self) -> tuple[str, ...]:
        """What makes an account version: number, name, bank, and whether the guardian holds it."""
        get = self.private.get
        held = "guardian" if self.account_held_by_guardian else ""
        return get("account_no", ""), get("account_name", ""), get("bank", ""), held

    @property
    def account_held_by_guardian(self) -> bool:
        """The holder of the account is the guardian named on the same row."""
        holder = self.private.get("account_holder_id", "")
        return bool(holder) and holder == self.private.get("guardian_id_number", "")
