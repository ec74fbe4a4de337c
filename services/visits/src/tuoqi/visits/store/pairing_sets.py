"""Sets of proposals: written whole, decided one by one or together, shown in pages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.visits.domain.pairing_figures import Figures, Loads
from tuoqi.visits.domain.pairing_match import Proposal

_PROPOSALS: Final = """
SELECT s.* FROM pairing_proposals s
WHERE set_id = :set_id AND region LIKE ANY(CAST(:regions AS text[])) AND region LIKE :below
"""
_COLUMNS: Final = (
    "set_id", "person_id", "region", "helper_id", "helper_as", "helper_region", "step", "refused_wishes", "reason",
    "state", "decided_by",
)  # fmt: skip


async def open_set(tx: Tx, row: Mapping[str, Any]) -> bool:
    """A set that is to be computed; False where its id is there already."""
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    return bool(
        await tx.execute(
            f"INSERT INTO pairing_sets ({names}, state, figures) VALUES ({values}, 'COMPUTING', '{{}}')"
            " ON CONFLICT DO NOTHING",
            **row,
        )
    )


async def find_set(tx: Tx, set_id: str) -> Any:
    """A set; None where there is none."""
    rows = await tx.fetch("SELECT * FROM pairing_sets WHERE set_id = :set_id", set_id=set_id)
    return rows[0] if rows else None


async def count_sets(tx: Tx) -> int:
    """How many sets there ever were."""
    return int((await tx.fetch("SELECT count(*) AS found FROM pairing_sets"))[0].found)


async def computing(tx: Tx) -> Sequence[Any]:
    """Sets that somebody asked for and that are not ready, the oldest first."""
    return await tx.fetch("SELECT * FROM pairing_sets WHERE state = 'COMPUTING' ORDER BY asked_at, set_id")


async def write_set(tx: Tx, set_id: str, proposals: Sequence[Proposal], figures: Figures, at: datetime) -> bool:
    """Write all proposals and make the set ready; False where somebody else has done so."""
    done = await tx.execute(
        "UPDATE pairing_sets SET state = 'READY', figures = :figures, ready_at = :at"
        " WHERE set_id = :set_id AND state = 'COMPUTING'",
        set_id=set_id,
        figures=json.dumps(asdict(figures), ensure_ascii=False, separators=(",", ":")),
        at=at,
    )
    if not done:
        return False
    await tx.copy("pairing_proposals", _COLUMNS, (_record(set_id, one) for one in proposals))
    return True


def _record(set_id: str, one: Proposal) -> tuple[str, ...]:
    child, helper, step, broken, reason = one
    return (
        set_id,
        child.person_id,
        child.region,
        helper.helper_id if helper else "",
        helper.helper_as if helper else "",
        helper.region if helper else "",
        step,
        " ".join(broken),
        reason,
        "OPEN" if helper else "LEFT_OVER",
        "",
    )


def figures_from(text: str) -> Figures | None:
    """The figures of a set; None while it is computed."""
    content = json.loads(text)
    if not content:
        return None
    townships = {code: Loads(**one) for code, one in content["townships"].items()}
    return Figures(**content | {"loads": Loads(**content["loads"]), "townships": townships})


async def list_sets(tx: Tx, *, kind: str, before: tuple[datetime, str] | None, page: int) -> Sequence[Any]:
    """Sets, the newest first."""
    moment, name = before or (None, "")
    return await tx.fetch(
        "SELECT * FROM pairing_sets WHERE (CAST(:kind AS text) = '' OR kind = :kind)"
        " AND (CAST(:moment AS timestamptz) IS NULL OR (asked_at, set_id) < (CAST(:moment AS timestamptz), :name))"
        " ORDER BY asked_at DESC, set_id DESC LIMIT CAST(:page AS int)",
        kind=kind,
        moment=moment,
        name=name,
        page=page,
    )


async def states_of(tx: Tx, set_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """Set → state → how many proposals."""
    rows = await tx.fetch(
        "SELECT set_id, state, count(*) AS found FROM pairing_proposals WHERE set_id = ANY(CAST(:ids AS text[]))"
        " GROUP BY set_id, state ORDER BY set_id, state",
        ids=sorted(set_ids),
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row.set_id, {})[row.state] = row.found
    return found


async def list_proposals(
    tx: Tx, set_id: str, *, regions: Sequence[str], below: str, state: str, after: str, page: int
) -> Sequence[Any]:
    """Proposals of a set by child."""
    return await tx.fetch(
        f"{_PROPOSALS} AND (CAST(:state AS text) = '' OR state = :state) AND person_id > :after"
        " ORDER BY person_id LIMIT CAST(:page AS int)",
        set_id=set_id,
        regions=[f"{one}%" for one in regions],
        below=f"{below}%",
        state=state,
        after=after,
        page=page,
    )


async def proposals_in_order(tx: Tx, set_id: str, *, regions: Sequence[str], size: int) -> AsyncIterator[Sequence[Any]]:
    """All proposals of a set by village and child, in runs."""
    statement = f"{_PROPOSALS} ORDER BY region, person_id"
    patterns = [f"{one}%" for one in regions]
    async for rows in tx.stream(statement, size=size, set_id=set_id, regions=patterns, below="%"):
        yield rows


async def latest_ready(tx: Tx) -> str:
    """The newest set that is ready; empty where there is none."""
    rows = await tx.fetch(
        "SELECT set_id FROM pairing_sets WHERE state = 'READY' ORDER BY asked_at DESC, set_id DESC LIMIT 1"
    )
    return str(rows[0].set_id) if rows else ""


async def lock_open(
    tx: Tx, set_id: str, *, regions: Sequence[str], below: str, person_ids: Collection[str], at_most: int
) -> Sequence[Any]:
    """Open proposals, of these children where any are named, locked in order of their children."""
    return await tx.fetch(
        f"{_PROPOSALS} AND state = 'OPEN' AND (CAST(:every AS boolean) OR person_id = ANY(CAST(:people AS text[])))"
        " ORDER BY person_id LIMIT CAST(:at_most AS int) FOR UPDATE",
        set_id=set_id,
        regions=[f"{one}%" for one in regions],
        below=f"{below}%",
        every=not person_ids,
        people=sorted(person_ids),
        at_most=at_most,
    )


async def find_proposal(tx: Tx, set_id: str, person_id: str) -> Any:
    """One proposal, locked; None where there is none."""
    rows = await tx.fetch(
        "SELECT * FROM pairing_proposals WHERE set_id = :set_id AND person_id = :person_id FOR UPDATE",
        set_id=set_id,
        person_id=person_id,
    )
    return rows[0] if rows else None


async def decide(
    tx: Tx, set_id: str, states: Mapping[str, str], by: str, at: datetime, sealed: bytes | None = None
) -> None:
    """Child → the state that its proposal has now."""
    await tx.execute(
        "UPDATE pairing_proposals p SET state = t.state, decided_by = :by, decided_at = :at, sealed = :sealed"
        " FROM unnest(CAST(:people AS text[]), CAST(:states AS text[])) AS t(person_id, state)"
        " WHERE p.set_id = :set_id AND p.person_id = t.person_id",
        set_id=set_id,
        people=list(states),
        states=list(states.values()),
        by=by,
        at=at,
        sealed=sealed,
    )
