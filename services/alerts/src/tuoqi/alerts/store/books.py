"""The only SQL about alerts. Closed alerts stay in the table for ever and are never loaded into a book again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from tuoqi.alerts.domain.alert import Alert
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.store.codec import COLUMNS, SELECT, UPSERT, alert_of, row_of
from tuoqi.alerts.store.history import write_history
from tuoqi.alerts.store.notices import write_notices
from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows


class AlertBookStore:
    """Loads and saves the books of many subjects in one statement each."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, AlertBook]:
        """The books that exist, locked in key order, each with its open alerts in order of their raise.

        Two statements, not one join: a lock that had to wait returns the newest version of the book, but a join would
        still show the alerts as they were before the wait.
        """
        rows = await tx.fetch(
            "SELECT book, version FROM alert_books WHERE book = ANY(CAST(:keys AS text[])) ORDER BY book FOR UPDATE",
            keys=list(keys),
        )
        if not rows:
            return {}
        opened: dict[str, list[Alert]] = {}
        for row in await tx.fetch(
            f"{SELECT} WHERE book = ANY(CAST(:keys AS text[])) AND closed_at IS NULL ORDER BY raised_at, alert_id",
            keys=[row.book for row in rows],
        ):
            opened.setdefault(row.book, []).append(alert_of(row))
        return {row.book: AlertBook(row.book, row.version, tuple(opened.get(row.book, ()))) for row in rows}

    async def save(self, tx: Tx, changes: Sequence[Change[AlertBook]]) -> None:
        """Write books and their alerts. Raises Conflict where someone else changed a book first."""
        fresh = [change for change in changes if change.loaded_version is None]
        known = [change for change in changes if change.loaded_version is not None]
        if fresh:
            inserted = await tx.execute(
                "INSERT INTO alert_books (book, version)"
                " SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:versions AS bigint[])) ON CONFLICT DO NOTHING",
                keys=[change.key for change in fresh],
                versions=[change.state.version for change in fresh],
            )
            expect_rows(inserted, len(fresh))
        if known:
            updated = await tx.execute(
                "UPDATE alert_books b SET version = n.version FROM unnest(CAST(:keys AS text[]),"
                " CAST(:loaded AS bigint[]), CAST(:versions AS bigint[])) AS n (book, loaded, version)"
                " WHERE b.book = n.book AND b.version = n.loaded",
                keys=[change.key for change in known],
                loaded=[change.loaded_version for change in known],
                versions=[change.state.version for change in known],
            )
            expect_rows(updated, len(known))
        rows = [row_of(change.key, alert) for change in changes for alert in change.state.alerts]
        if rows:
            await tx.execute(
                UPSERT,
                **{column: list(values) for column, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)},
            )
        await write_history(tx, [one for change in changes for one in change.state.history])
        await write_notices(tx, [one for change in changes for one in change.state.notices])


async def next_due(tx: Tx) -> datetime | None:
    """When the next step of any alert is due."""
    rows = await tx.fetch("SELECT min(due_at) AS due_at FROM alerts WHERE due_at IS NOT NULL")
    moment: datetime | None = rows[0].due_at
    return moment


async def due_books(tx: Tx, until: datetime, limit: int) -> list[str]:
    """Books whose alerts have steps due by `until`, the earliest first, at most `limit`."""
    rows = await tx.fetch(
        "SELECT book FROM alerts WHERE due_at <= :until ORDER BY due_at, book LIMIT CAST(:top AS int)",
        until=until,
        top=limit,
    )
    return list(dict.fromkeys(row.book for row in rows))
