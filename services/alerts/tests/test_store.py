"""Books on a real PostgreSQL: what goes in comes out, and nobody overwrites what he has not seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from tuoqi.alerts import store
from tuoqi.alerts.domain.alert import Alert
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.parts import Cause, Done, Escalation, Evidence, Proposal
from tuoqi.alerts.domain.rules import Severity
from tuoqi.alerts.domain.terms import COUNTY_ZONE
from tuoqi.alerts.store import AlertBookStore, Place, Wish
from tuoqi.kit.database import Conflict, Database
from tuoqi.kit.handlers import Change

pytestmark = pytest.mark.postgres
RAISED = datetime(2026, 3, 2, 0, 0, tzinfo=COUNTY_ZONE)
STORE = AlertBookStore()


@pytest.fixture
async def database(database_for: Callable[..., Awaitable[Database]]) -> Database:
    return await database_for("alerts")


def an_alert(alert_id: str, person_id: str = "p", kind: str = "visit_overdue", *, hours: int = 0) -> Alert:
    """An alert with something in every field."""
    raised = RAISED + timedelta(hours=hours)
    return Alert(
        alert_id=alert_id,
        kind=kind,
        severity=Severity.HIGH,
        raised_at=raised,
        severity_since=raised + timedelta(minutes=1),
        rules_from=date(2024, 1, 1),
        subject_id=person_id,
        reporters=("worker.tian",),
        acts=(Done("plan", raised, "clerk.li", (Evidence("photo", "ab" * 32),)),),
        proposal=Proposal("remedied", "clerk.li", raised),
        reopened_at=raised + timedelta(minutes=1),
        joined=2,
        causes=(
            Cause(date(2026, 3, 1)),
            Cause(date(2026, 2, 20), is_open=False),
            Cause(date(2026, 3, 1), ref="task-1"),
        ),
        acknowledged_at=raised + timedelta(minutes=2),
        acknowledged_by="clerk.li",
        escalations=(Escalation("township", raised + timedelta(hours=4)),),
        rules_version="ab" * 32,
        due_at=raised + timedelta(hours=8),
    )


async def save(database: Database, *books: AlertBook, loaded: int | None = None) -> None:
    """Save books in a transaction of their own."""
    async with database.begin() as tx:
        await STORE.save(tx, [Change(book.key, book, loaded) for book in books])


async def load(database: Database, *people: str) -> dict[str, AlertBook]:
    """Load books in a transaction of their own."""
    async with database.begin() as tx:
        return await STORE.load(tx, people)


async def test_a_book_comes_out_as_it_went_in(database: Database) -> None:
    book = AlertBook("p", 3, (an_alert("a"), an_alert("b", kind="two_failed_tries", hours=1)))
    await save(database, book, AlertBook("q", 0))
    assert await load(database, "p", "q", "nobody") == {"p": book, "q": AlertBook("q", 0)}


async def test_closed_alerts_stay_in_the_table_and_leave_the_book(database: Database) -> None:
    closed = replace(an_alert("a"), closed_at=RAISED, closed_as="visited", due_at=None)
    await save(database, AlertBook("p", 2, (closed, an_alert("b"))))
    assert await load(database, "p") == {"p": AlertBook("p", 2, (an_alert("b"),))}
    async with database.begin() as tx:
        seen = await store.one(tx, "a")
        assert seen is not None
        assert (seen.alert, seen.person_id, seen.region, seen.book) == (closed, "p", "", "p")
        assert await store.open_by_severity(tx) == {"HIGH": 1}


async def test_whoever_saves_a_book_that_another_changed_meanwhile_is_told(database: Database) -> None:
    await save(database, AlertBook("p", 1, (an_alert("a"),)))
    with pytest.raises(Conflict):
        await save(database, AlertBook("p", 1, (an_alert("b"),)))
    await save(database, AlertBook("p", 2, (replace(an_alert("a"), joined=3),)), loaded=1)
    with pytest.raises(Conflict):
        await save(database, AlertBook("p", 2, (replace(an_alert("a"), joined=9),)), loaded=1)
    assert (await load(database, "p"))["p"].alerts[0].joined == 3


async def test_the_table_itself_refuses_a_second_open_alert_for_one_cause(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await save(database, AlertBook("p", 2, (an_alert("a"), an_alert("b"))))


async def test_pages_meet_without_gap_or_repeat(database: Database) -> None:
    alerts = [an_alert(f"a{number}", f"p{number}", hours=number // 2) for number in range(5)]
    await save(database, *(AlertBook(one.person_id, 1, (one,)) for one in alerts))
    async with database.begin() as tx:
        down = await store.newest(tx, 3)
        down += await store.newest(tx, 3, before=Place(down[-1].alert.raised_at, down[-1].alert.alert_id))
        up = await store.oldest(tx, 3)
        up += await store.oldest(tx, 3, Place(up[-1].alert.raised_at, up[-1].alert.alert_id))
        narrowed = await store.newest(tx, 9, wish=Wish(only_open=True, person_id="p3", kind="visit_overdue"))
    assert [seen.alert for seen in up] == alerts
    assert [seen.alert for seen in down] == alerts[::-1]
    assert [seen.alert for seen in narrowed] == [alerts[3]]


async def test_who_is_due_is_named_the_earliest_first(database: Database) -> None:
    alerts = [an_alert(f"a{number}", f"p{number}", hours=-number) for number in range(4)]
    await save(database, *(AlertBook(one.person_id, 1, (one,)) for one in alerts))
    async with database.begin() as tx:
        assert await store.next_due(tx) == RAISED + timedelta(hours=5)
        assert await store.due_books(tx, RAISED + timedelta(hours=7), 10) == ["p3", "p2", "p1"]
        assert await store.due_books(tx, RAISED + timedelta(hours=7), 2) == ["p3", "p2"]
