"""Visit files by batch: locked in key order when loaded, saved as arrays with their overdues."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.visits.domain.file import OverdueNews, VisitFile
from tuoqi.visits.domain.happenings import OverdueState
from tuoqi.visits.domain.overdues import overdue_id
from tuoqi.visits.store.codec import decode, encode

COLUMNS: Final = (
    ("person_id", "text"),
    ("version", "bigint"),
    ("region", "text"),
    ("birth_date", "date"),
    ("grade", "text"),
    ("opened_on", "date"),
    ("window_first", "date"),
    ("deadline", "date"),
    ("closed_on", "date"),
    ("next_due", "timestamptz"),
    ("state", "text"),
)
_NAMES: Final = ", ".join(name for name, _ in COLUMNS)
_ARRAYS: Final = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in COLUMNS)

_LOAD: Final = """
SELECT person_id, version, region, next_due, state FROM plans
WHERE person_id = ANY(CAST(:keys AS text[])) ORDER BY person_id FOR UPDATE
"""
_INSERT: Final = f"INSERT INTO plans ({_NAMES}) SELECT * FROM unnest({_ARRAYS}) ON CONFLICT DO NOTHING"
_UPDATE: Final = f"""
UPDATE plans SET {", ".join(f"{name} = t.{name}" for name, _ in COLUMNS if name != "person_id")}
FROM unnest({_ARRAYS}, CAST(:loaded AS bigint[])) AS t({_NAMES}, loaded)
WHERE plans.person_id = t.person_id AND plans.version = t.loaded
"""
_FIND_OVERDUES: Final = """
INSERT INTO overdues (overdue_id, person_id, grade, deadline, state)
SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:persons AS text[]), CAST(:grades AS text[]),
                     CAST(:deadlines AS date[]), CAST(:states AS text[]))
"""
_CHANGE_OVERDUES: Final = """
UPDATE overdues SET state = t.state
FROM unnest(CAST(:ids AS text[]), CAST(:states AS text[])) AS t(overdue_id, state)
WHERE overdues.overdue_id = t.overdue_id
"""


class VisitFileStore:
    """The only SQL about visit files."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, VisitFile]:
        """The files that exist, their rows locked in key order."""
        rows = await tx.fetch(_LOAD, keys=list(keys))
        return {row.person_id: decode(row.person_id, row.version, row.region, row.next_due, row.state) for row in rows}

    async def save(self, tx: Tx, changes: Sequence[Change[VisitFile]]) -> None:
        """Write files and what became of their missed deadlines. Raises Conflict where someone else was first."""
        new = [change for change in changes if change.loaded_version is None]
        known = [change for change in changes if change.loaded_version is not None]
        if new:
            expect_rows(await tx.execute(_INSERT, **_arrays(new)), len(new))
        if known:
            loaded = [change.loaded_version for change in known]
            expect_rows(await tx.execute(_UPDATE, **_arrays(known), loaded=loaded), len(known))
        await _save_overdues(tx, [(change.key, news) for change in changes for news in change.state.news])


def _arrays(changes: Sequence[Change[VisitFile]]) -> dict[str, list[Any]]:
    rows = [_row(change.state) for change in changes]
    return {name: list(column) for (name, _), column in zip(COLUMNS, zip(*rows, strict=True), strict=True)}


def _row(file: VisitFile) -> tuple[Any, ...]:
    plan = file.plan
    window = plan.window if plan else None
    return (
        file.person_id,
        file.version,
        file.region,
        plan.facts.birth_date if plan else None,
        plan.grade if plan else None,
        plan.opened_on if plan else None,
        window.first if window else None,
        window.deadline if window else None,
        plan.closed_on if plan else None,
        file.due_at,
        encode(file),
    )


async def _save_overdues(tx: Tx, news: Sequence[tuple[str, OverdueNews]]) -> None:
    """New ones with their last state; of those known before only the state. The last news of one counts."""
    found: dict[str, tuple[str, OverdueNews]] = {}
    states: dict[str, OverdueState] = {}
    for person_id, one in news:
        name = overdue_id(person_id, one.deadline)
        states[name] = one.state
        if one.grade is not None:
            found[name] = (person_id, one)
    if found:
        await tx.execute(
            _FIND_OVERDUES,
            ids=list(found),
            persons=[person_id for person_id, _ in found.values()],
            grades=[one.grade for _, one in found.values()],
            deadlines=[one.deadline for _, one in found.values()],
            states=[states[name].value for name in found],
        )
    changed = [name for name in states if name not in found]
    if changed:
        touched = await tx.execute(_CHANGE_OVERDUES, ids=changed, states=[states[name].value for name in changed])
        expect_rows(touched, len(changed))
