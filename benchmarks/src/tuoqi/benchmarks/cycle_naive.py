"""The same rules as a first version would be written: an ORM session and a transaction for each person, row by row."""

from __future__ import annotations

import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Boolean, Date, DateTime, LargeBinary, Text, create_engine, make_url, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tuoqi.contracts.payments.v1 import cycle_pb2 as pb
from tuoqi.kit.county import County
from tuoqi.kit.ids import id_maker
from tuoqi.payments.domain.cycle import Cycle, open_cycle
from tuoqi.payments.domain.ledger import post_lines
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.reckoning import Known, reckon
from tuoqi.payments.domain.settlement import Earlier, Line, Paid
from tuoqi.payments.jobs.policies import read_policy
from tuoqi.payments.store.facts import decode
from tuoqi.payments.store.lines import facts_text


class _Base(DeclarativeBase):
    """The ORM's registry."""


class _Person(_Base):
    """A version of a person's facts."""

    __tablename__ = "person_facts"
    person_id: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    known_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    birth_date: Mapped[date] = mapped_column(Date)
    died_on: Mapped[date | None] = mapped_column(Date)
    absences: Mapped[str] = mapped_column(Text)
    hukou: Mapped[str] = mapped_column(Text)


class _Status(_Base):
    """A version of a person's statuses."""

    __tablename__ = "status_facts"
    person_id: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    known_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    intervals: Mapped[str] = mapped_column(Text)


class _Paid(_Base):
    """A line of an earlier cycle."""

    __tablename__ = "payment_lines"
    cycle_id: Mapped[str] = mapped_column(Text, primary_key=True)
    programme: Mapped[str] = mapped_column(Text, primary_key=True)
    person_id: Mapped[str] = mapped_column(Text, primary_key=True)
    benefit_month: Mapped[str] = mapped_column(Text, primary_key=True)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    cancelled: Mapped[bool] = mapped_column(Boolean)


class _Line(_Base):
    """A line of this cycle."""

    __tablename__ = "naive_lines"
    line_id: Mapped[str] = mapped_column(Text, primary_key=True)
    programme: Mapped[str] = mapped_column(Text)
    person_id: Mapped[str] = mapped_column(Text, index=True)
    benefit_month: Mapped[str] = mapped_column(Text)
    line_type: Mapped[str] = mapped_column(Text)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text)
    facts: Mapped[str] = mapped_column(Text)
    rule_version: Mapped[str] = mapped_column(Text)


class _Outgoing(_Base):
    """What is to be instructed."""

    __tablename__ = "naive_outgoing"
    line_id: Mapped[str] = mapped_column(Text, primary_key=True)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text)


class _Entry(_Base):
    """One side of a posting."""

    __tablename__ = "naive_entries"
    entry: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    line_id: Mapped[str] = mapped_column(Text)
    account: Mapped[str] = mapped_column(Text)
    amount_fen: Mapped[int] = mapped_column(BigInteger)


class _Event(_Base):
    """What is to be sent."""

    __tablename__ = "naive_outbox"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(Text)
    value: Mapped[bytes] = mapped_column(LargeBinary)


_OWN = (_Line, _Outgoing, _Entry, _Event)
_NEW_ID = id_maker(b"a benchmark's ids are no secret")


class _Row:
    """A person's facts as `store.facts.decode` takes them."""

    def __init__(self, person: _Person, status: _Status) -> None:
        self.person_id, self.birth_date, self.died_on = person.person_id, person.birth_date, person.died_on
        self.absences, self.hukou, self.intervals = person.absences, person.hukou, status.intervals


def naive(url: str, county: Path, month: Month, persons: int) -> tuple[int, float]:
    """Lines written for so many people and the seconds it took; what it made is dropped again."""
    policy = read_policy(County.load(county))
    cycle = open_cycle(month, (), policy)
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    tables = [kind.__table__ for kind in _OWN]
    _Base.metadata.create_all(engine, tables=tables)  # type: ignore[arg-type]  # tables, as SQLAlchemy's stubs have them not
    with Session(engine) as session:
        ids = list(session.scalars(select(_Status.person_id).distinct().order_by(_Status.person_id).limit(persons)))
    begun = time.perf_counter()
    lines = sum(_one(Session(engine), person_id, cycle, policy) for person_id in ids)
    seconds = time.perf_counter() - begun
    _Base.metadata.drop_all(engine, tables=tables)  # type: ignore[arg-type]  # as above
    engine.dispose()
    return lines, seconds


def _one(session: Session, person_id: str, cycle: Cycle, policy: Policy) -> int:
    with session, session.begin():
        person = session.scalars(_newest(_Person, person_id, cycle.cut_off)).first()
        status = session.scalars(_newest(_Status, person_id, cycle.cut_off)).first()
        if person is None or status is None:
            return 0
        facts, intervals = decode(_Row(person, status), policy.categories)
        paid: dict[str, dict[Month, Paid]] = {}
        for one in session.scalars(select(_Paid).where(_Paid.person_id == person_id, _Paid.cancelled.is_(False))):
            months = paid.setdefault(one.programme, {})
            before = months.get(Month.parse(one.benefit_month), Paid(0, 0))
            months[Month.parse(one.benefit_month)] = Paid(before.sum_fen + one.amount_fen, before.count + 1)
        lines = reckon(Known(facts, intervals, Earlier(paid, {})), cycle, policy).settlement.lines
        for line in lines:
            _add(session, line, cycle)
        return len(lines)


def _newest(kind: Any, person_id: str, cut_off: datetime) -> Any:
    own = select(kind).where(kind.person_id == person_id, kind.known_at <= cut_off)
    return own.order_by(kind.version.desc()).limit(1)


def _add(session: Session, line: Line, cycle: Cycle) -> None:
    month, kind, fen = str(line.benefit_month), line.type.value, line.amount_fen
    line_id = _NEW_ID(cycle.cut_off, f"naive|{line.person_id}|{line.programme}|{month}", 0)
    session.add(
        _Line(
            line_id=line_id,
            programme=line.programme,
            person_id=line.person_id,
            benefit_month=month,
            line_type=kind,
            amount_fen=fen,
            reason=line.reason,
            facts=facts_text(line.facts),
            rule_version=line.rule_version,
        )
    )
    if fen > 0:
        session.add(_Outgoing(line_id=line_id, amount_fen=fen, state="TO_INSTRUCT"))
    told = pb.PaymentLine(
        line_id=line_id,
        person_id=line.person_id,
        programme=line.programme,
        benefit_month=month,
        line_type=kind,
        amount_fen=fen,
    )
    session.add(_Event(key=cycle.name, value=told.SerializeToString()))
    for posting in post_lines("naive", [line]):
        session.add_all(
            _Entry(line_id=line_id, account=entry.account.value, amount_fen=entry.amount_fen)
            for entry in posting.entries
        )
