"""The naive way, as a first version would be written: one ORM session and one transaction for each event."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime

from sqlalchemy import BigInteger, Date, DateTime, Integer, LargeBinary, Text, create_engine, make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tuoqi.kit.ids import id_maker


class Base(DeclarativeBase):
    """The ORM's registry."""


class TallyRow(Base):
    """State."""

    __tablename__ = "naive_tally"
    person_id: Mapped[str] = mapped_column(Text, primary_key=True)
    missed: Mapped[int] = mapped_column(Integer)
    grade: Mapped[str] = mapped_column(Text)
    last_deadline: Mapped[date] = mapped_column(Date)
    version: Mapped[int] = mapped_column(BigInteger)


class InboxRow(Base):
    """Which events were applied."""

    __tablename__ = "naive_inbox"
    consumer: Mapped[str] = mapped_column(Text, primary_key=True)
    ce_id: Mapped[str] = mapped_column(Text, primary_key=True)


class OutboxRow(Base):
    """What is to be sent."""

    __tablename__ = "naive_outbox"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    ce_id: Mapped[str] = mapped_column(Text)
    topic: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    value: Mapped[bytes] = mapped_column(LargeBinary)


def measure(url: str, events: int) -> float:
    """Seconds for that many events, one at a time; what it made is dropped again."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    Base.metadata.create_all(engine)
    new_id = id_maker(b"a benchmark's ids are no secret")
    now = datetime.now(UTC)
    people = [new_id(now, "person", number) for number in range(max(1, events // 3))]
    begun = time.perf_counter()
    for number in range(events):
        with Session(engine) as session, session.begin():
            ce_id = new_id(now, "event", number)
            if session.get(InboxRow, ("bench", ce_id)) is not None:
                continue
            session.add(InboxRow(consumer="bench", ce_id=ce_id))
            person = people[number % len(people)]
            row = session.get(TallyRow, person, with_for_update=True)
            if row is None:
                row = TallyRow(person_id=person, missed=0, grade="", last_deadline=now.date(), version=0)
                session.add(row)
            row.missed += 1
            row.version += 1
            row.grade = "HIGH"
            said = new_id(now, "out", number)
            session.add(OutboxRow(ce_id=said, topic="t", key=person, recorded_at=now, value=b"x" * 100))
    seconds = time.perf_counter() - begun
    Base.metadata.drop_all(engine)
    engine.dispose()
    return seconds
