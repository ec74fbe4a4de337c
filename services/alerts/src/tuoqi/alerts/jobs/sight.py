"""Who may see whose alert: by the regions of the county's files, and by a right of its own for restricted kinds.

Every alert of restricted view that somebody is shown is written to the audit.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from tuoqi.alerts.store import Seen, Sight
from tuoqi.kit.audit import AuditEntry, record
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.kit.tracing import current_correlation_id

RESTRICTED: Final = "alert.restricted"


def sight_of(actor: Actor) -> Sight:
    """What an actor may be shown in lists, counts and tables."""
    return Sight(actor.regions, actor.has(RESTRICTED))


def require_sight(seen: Seen, actor: Actor) -> None:
    """Raises state.not_found for a restricted alert without the right to it, auth.no_region outside of his regions."""
    if seen.alert.restricted and not actor.has(RESTRICTED):
        raise TuoqiError("state.not_found", what=f"预警 {seen.alert.alert_id}")
    actor.require_region(seen.region)


async def audit_shown(tx: Tx, shown: Iterable[Seen], actor: Actor, method: str, at: datetime) -> None:
    """Write that an actor was shown alerts of restricted view, one row for each."""
    for seen in shown:
        if seen.alert.restricted:
            await record(
                tx,
                AuditEntry(
                    at=at,
                    actor=actor.user,
                    purpose=actor.purpose,
                    method=method,
                    subject=f"alert_id={seen.alert.alert_id}",
                    request_hash="",
                    outcome="ok",
                    correlation_id=current_correlation_id(),
                ),
            )
