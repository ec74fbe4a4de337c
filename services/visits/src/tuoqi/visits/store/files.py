"""Visit files by batch: locked in key order when loaded, saved as arrays with their overdues."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.file import OverdueNews, VisitFile
from tuoqi.visits.domain.happenings import OverdueState
from tuoqi.visits.domain.overdues import overdue_id
from tuoqi.visits.store.codec import decode, encode, standing_text
from tuoqi.visits.store.spans import save_spans
from tuoqi.visits.store.tasks import save_task_news

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
    ("looked_on", "date"),
    ("standing", "text"),
)
_NAMES: Final = ", ".join(name for name, _ in COLUMNS)
_ARRAYS: Final = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in (*COLUMNS, ("table_due", "timestamptz")))
_COUNTY_LOOK: Final = "(SELECT looked_at FROM rules_seen)"
# A new table is everybody's at its midnight (`due.py`). Whoever is told with an earlier time when that look is over
# already is due for himself.
_NEXT_DUE: Final = f"CASE WHEN t.table_due <= {_COUNTY_LOOK} THEN least(t.next_due, t.table_due) ELSE t.next_due END"
_VALUES: Final = ", ".join(_NEXT_DUE if name == "next_due" else f"t.{name}" for name, _ in COLUMNS)
_SETS: Final = ", ".join(
    f"{name} = {_NEXT_DUE if name == 'next_due' else f't.{name}'}" for name, _ in COLUMNS if name != "person_id"
)

# A look at the whole county writes into no plan for which nothing happened; it counts for every plan that has not been
# written since and was not due then.
_LOAD: Final = f"""
SELECT person_id, version, region, next_due, state,
       CASE WHEN county_look IS DISTINCT FROM {_COUNTY_LOOK}
             AND (next_due IS NULL OR next_due > {_COUNTY_LOOK}) THEN {_COUNTY_LOOK} END AS looked_at
FROM plans WHERE person_id = ANY(CAST(:keys AS text[])) ORDER BY person_id FOR UPDATE
"""
_INSERT: Final = f"""
INSERT INTO plans ({_NAMES}, county_look)
SELECT {_VALUES}, {_COUNTY_LOOK} FROM unnest({_ARRAYS}) AS t({_NAMES}, table_due) ON CONFLICT DO NOTHING
"""
_UPDATE: Final = f"""
UPDATE plans SET {_SETS}, county_look = {_COUNTY_LOOK}
FROM unnest({_ARRAYS}, CAST(:loaded AS bigint[])) AS t({_NAMES}, table_due, loaded)
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
        return {
            row.person_id: _seen(decode(row.person_id, row.version, row.region, row.next_due, row.state), row.looked_at)
            for row in rows
        }

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
        await save_task_news(tx, changes)
        await save_spans(tx, changes)


def _seen(file: VisitFile, looked_at: datetime | None) -> VisitFile:
    """The file after a look at the whole county that had nothing to say about it."""
    plan = file.plan
    if looked_at is None or plan is None or plan.looked_on is None:
        return file
    day = day_of(looked_at)
    return file if plan.looked_on >= day else replace(file, plan=replace(plan, looked_on=day))


def _arrays(changes: Sequence[Change[VisitFile]]) -> dict[str, list[Any]]:
    rows = [row_of(change.state) for change in changes]
    names = (*(name for name, _ in COLUMNS), "table_due")
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def row_of(file: VisitFile) -> tuple[Any, ...]:
    """A file's values in the order of `COLUMNS`, and its `table_due`."""
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
        plan.looked_on if plan else None,
        standing_text(plan.facts.standing(plan.looked_on)) if plan and plan.looked_on else None,
        file.table_due,
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
