"""A referral 转介: what one department has to do for one person about one finding, from its opening to its end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class ReferralState(StrEnum):
    """Where a referral stands. One that is sent back is not at its end: its term goes on."""

    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    DONE = "DONE"
    CORRECTED = "CORRECTED"


SETTLED = frozenset({ReferralState.DONE, ReferralState.CORRECTED})
ACCEPTABLE = frozenset({ReferralState.OPEN})
DECLINABLE = frozenset({ReferralState.OPEN, ReferralState.ACCEPTED})


@dataclass(frozen=True, slots=True)
class Referral:
    """One referral. `sources` are the findings that led to it; `sealed` holds what was said, for who may read it.

    `overdue_told` says that the end of the present term has been told.
    """

    referral_id: str
    person_id: str
    code: str
    reason: str
    department: str
    opened_at: datetime
    last_found_at: datetime
    due_at: datetime
    rules_from: str
    sources: tuple[str, ...]
    version: int = 0
    state: ReferralState = ReferralState.OPEN
    accepted_at: datetime | None = None
    accepted_by: str = ""
    settled_at: datetime | None = None
    settled_by: str = ""
    overdue_told: bool = False
    sealed: bytes | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.state in SETTLED

    def takes(self, code: str, department: str, found_at: datetime, within: timedelta) -> bool:
        """Whether the same found at `found_at` joins it: as long as it is not settled, and not after too long a time."""
        same = (self.code.lower(), self.department) == (code.lower(), department)
        return same and not self.is_settled and abs(found_at - self.last_found_at) <= within

    def join(self, source: str, found_at: datetime) -> "Referral":
        """The same was found again."""
        return replace(self, sources=(*self.sources, source), last_found_at=max(self.last_found_at, found_at))

    def without(self, sources: Iterable[str]) -> "Referral":
        """Less what records no longer say; what is at its end keeps what led to it."""
        gone = set(sources)
        return replace(self, sources=tuple(one for one in self.sources if one not in gone))

    def told(self) -> "Referral":
        """The end of its term has been told."""
        return replace(self, overdue_told=True)

    def accept(self, at: datetime, by: str) -> "Referral":
        """The department takes it on."""
        return replace(self, state=ReferralState.ACCEPTED, accepted_at=at, accepted_by=by)

    def decline(self, sealed: bytes) -> "Referral":
        """It goes back to the township with a reason."""
        return replace(self, state=ReferralState.DECLINED, accepted_at=None, accepted_by="", sealed=sealed)

    def redirect(self, department: str, due_at: datetime, sealed: bytes | None) -> "Referral":
        """It is sent to a department, with a new term."""
        return replace(
            self, state=ReferralState.OPEN, department=department, due_at=due_at, sealed=sealed,
            accepted_at=None, accepted_by="", overdue_told=False,
        )  # fmt: skip

    def settle(self, state: ReferralState, at: datetime, by: str, sealed: bytes | None) -> "Referral":
        """It is at its end."""
        return replace(self, state=state, settled_at=at, settled_by=by, sealed=sealed)


def joinable(
    known: Sequence[Referral], code: str, department: str, found_at: datetime, within: timedelta
) -> Referral | None:
    """The referral that the finding joins, the newest one; None where a new one is wanted."""
    fitting = [one for one in known if one.takes(code, department, found_at, within)]
    return max(fitting, key=lambda one: (one.opened_at, one.referral_id), default=None)
