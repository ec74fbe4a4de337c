"""One-off aid 一次性救助: applications, goods, and the file of one person in which both stand.

All aid of one person is one file 救助档案, so that "once a year" and "not twice for one cause" hold whoever decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.months import Month

EMERGENCY, EXPENDITURE = "emergency", "expenditure"
TYPES: Final = {EMERGENCY: "急难型", EXPENDITURE: "支出型"}


class AidState(StrEnum):
    """How far an application has come."""

    APPLIED = "APPLIED"
    FIRST_DECIDED = "FIRST_DECIDED"
    PAPERS_DUE = "PAPERS_DUE"
    GRANTED = "GRANTED"
    REFUSED = "REFUSED"
    VOIDED = "VOIDED"


PAID: Final = (AidState.PAPERS_DUE, AidState.GRANTED)
"""States in which an application is a grant."""
STANDING: Final = (AidState.APPLIED, AidState.FIRST_DECIDED, *PAID)
"""States in which it stands against a second one."""
OPEN: Final = (AidState.APPLIED, AidState.FIRST_DECIDED)


class Level(StrEnum):
    """Who may decide so much."""

    TOWNSHIP = "TOWNSHIP"
    COUNTY = "COUNTY"
    SPECIAL = "SPECIAL"


@dataclass(frozen=True, slots=True)
class Application:
    """One application as it stands; `granted_fen` is what was granted, or what the first of two granted."""

    application_id: str
    person_id: str
    programme: str
    type: str
    items: tuple[str, ...]
    amount_fen: int
    region: str
    applied_by: str
    applied_on: date
    request_key: str
    request_hash: str
    remark: str = ""
    state: AidState = AidState.APPLIED
    level: str = ""
    granted_fen: int = 0
    benefit_month: str = ""
    papers_due_on: date | None = None
    decided_by: tuple[str, ...] = ()
    decided_at: datetime | None = None
    reason: str = ""
    rule_version: str = ""


@dataclass(frozen=True, slots=True)
class Goods:
    """One entry of the ledger of goods 慰问物资台账; below 0 it takes back the issue that `corrects` names."""

    issue_id: str
    person_id: str
    occasion: str
    item: str
    quantity: int
    value_fen: int
    issued_on: date
    issued_by: str
    region: str
    request_key: str
    request_hash: str
    corrects: str = ""
    reason: str = ""

    def taken_back(self, issue_id: str, *, by: str, on: date, reason: str) -> Goods:
        """The entry that takes this one back. Raises payments.goods_not_an_issue."""
        if self.corrects:
            raise PaymentsError("payments.goods_not_an_issue", issue=self.issue_id)
        return replace(
            self,
            issue_id=issue_id,
            quantity=-self.quantity,
            value_fen=-self.value_fen,
            issued_on=on,
            issued_by=by,
            request_key=f"corrects:{self.issue_id}",
            request_hash="",
            corrects=self.issue_id,
            reason=reason,
        )


@dataclass(frozen=True, slots=True)
class AidFile:
    """All aid of one person; `goods` are entries to be added, never those that stand already."""

    person_id: str
    version: int = 0
    applications: tuple[Application, ...] = ()
    goods: tuple[Goods, ...] = ()

    def application(self, application_id: str) -> Application:
        """One of its applications. Raises payments.aid_unknown."""
        for one in self.applications:
            if one.application_id == application_id:
                return one
        raise PaymentsError("payments.aid_unknown")

    def put(self, application: Application) -> AidFile:
        """The file with an application as it is now."""
        others = tuple(one for one in self.applications if one.application_id != application.application_id)
        return replace(self, applications=(*others, application))


@dataclass(frozen=True, slots=True)
class Person:
    """What the walls ask about a person."""

    birth_date: date
    died_on: date | None


@dataclass(frozen=True, slots=True)
class Granted:
    """What a person was granted for a programme and month, however it came."""

    grant_id: str
    programme: str
    benefit_month: Month
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides: a township's officer or one of the county's."""

    user: str
    county: bool
