"""The least that an import costs: read the sheet, encrypt the same fields, COPY the same rows. And the naive way."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg
from sqlalchemy import BigInteger, Date, DateTime, LargeBinary, Text, create_engine, make_url, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tuoqi.cli.files.reading import open_table
from tuoqi.kit.crypto import LookupHasher, Sealer
from tuoqi.kit.ids import id_maker

ACCOUNT = ("account_no", "account_name", "bank")
OPEN = ("sex", "birth_date", "hukou_region", "residence_region", "death_date")
"""Columns of persons.csv that are kept in the open; all others are sealed."""
LEFT_OUT = ("regions", "region_history", "imports", "audit", "clock", "unsent")
"""Tables whose rows do not come from the file, or do not stay."""
_SHARE = 100
"""A table that the import filled has at least one row for so many of the file."""
MASTER = bytes(range(1, 33))
NEW_ID = id_maker(b"a benchmark's ids are no secret")


def read_sheet(file: Path) -> tuple[float, list[dict[str, str]]]:
    """Seconds to read the file's rows as text; the rows by column key."""
    begun = time.perf_counter()
    table = open_table(file)
    cells = [row for _, row in table.rows()]
    seconds = time.perf_counter() - begun
    keys = [column.rpartition("[")[2].rstrip("]") for column in table.columns]
    return seconds, [dict(zip(keys, row, strict=True)) for row in cells]


def encrypt(rows: Sequence[Mapping[str, str]]) -> float:
    """Seconds to seal what the import seals of these rows: a key for each person, the private texts, the account."""
    sealer = Sealer(MASTER)
    now = datetime.now(UTC)
    subjects = [NEW_ID(now, "person", number) for number in range(len(rows))]
    people = [{key: text for key, text in row.items() if text and key not in OPEN} for row in rows]
    accounts = [{key: row[key] for key in ACCOUNT} if row["account_no"] else None for row in rows]
    begun = time.perf_counter()
    for subject, person, account in zip(subjects, people, accounts, strict=True):
        key, _ = sealer.new_key(subject)
        key.seal("persons.private", json.dumps(person, ensure_ascii=False))
        if account:
            key.seal("payee_accounts.private", json.dumps(account, ensure_ascii=False))
    return time.perf_counter() - begun


def copy_again(url: str, rows: int) -> dict[str, float]:
    """Seconds to COPY what an import of so many rows left into the same tables again, keys and indexes in place."""
    return asyncio.run(_copy_again(url, rows))


async def _copy_again(url: str, rows: int) -> dict[str, float]:
    connection = await asyncpg.connect(url, command_timeout=3_600, server_settings={"statement_timeout": "0"})
    try:
        with tempfile.TemporaryDirectory() as folder:
            # Tables with a handful of rows are the service's own notes, which it goes on writing.
            full = [
                table
                for table in await _tables(connection)
                if await _dump(connection, table, Path(folder, table)) * _SHARE >= rows
            ]
            await connection.execute(f"TRUNCATE {', '.join(full)} CASCADE")
            seconds = {}
            for table in full:
                begun = time.perf_counter()
                await connection.copy_to_table(table, source=Path(folder, table), format="binary")
                seconds[table] = round(time.perf_counter() - begun, 3)
            return seconds
    finally:
        await connection.close()


async def _tables(connection: asyncpg.Connection) -> list[str]:
    """Persons first: others refer to them."""
    found = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
        " AND relnamespace = 'public'::regnamespace"
    )
    names = [record["relname"] for record in found if record["relname"] not in LEFT_OUT]
    return sorted(names, key=lambda name: (name != "persons", name))


async def _dump(connection: asyncpg.Connection, table: str, file: Path) -> int:
    # Only a query copies the rows of all partitions.
    told = await connection.copy_from_query(f'SELECT * FROM "{table}"', output=file, format="binary")
    return int(told.split()[-1])


class _Base(DeclarativeBase):
    """The ORM's registry."""


class _Person(_Base):
    __tablename__ = "naive_persons"
    person_id: Mapped[str] = mapped_column(Text, primary_key=True)
    id_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    birth_date: Mapped[date] = mapped_column(Date)
    sex: Mapped[str] = mapped_column(Text)
    hukou_region: Mapped[str] = mapped_column(Text)
    household: Mapped[str] = mapped_column(Text, index=True)
    private: Mapped[bytes] = mapped_column(LargeBinary)


class _Account(_Base):
    __tablename__ = "naive_accounts"
    account_id: Mapped[str] = mapped_column(Text, primary_key=True)
    person_id: Mapped[str] = mapped_column(Text, index=True)
    private: Mapped[bytes] = mapped_column(LargeBinary)


class _Event(_Base):
    __tablename__ = "naive_outbox"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    ce_id: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    value: Mapped[bytes] = mapped_column(LargeBinary)


def naive(url: str, rows: Sequence[Mapping[str, str]]) -> float:
    """Seconds for these rows in one ORM session and one transaction each; what it made is dropped again."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    _Base.metadata.create_all(engine)
    sealer, hasher = Sealer(MASTER), LookupHasher(MASTER[::-1])
    now = datetime.now(UTC)
    begun = time.perf_counter()
    for number, row in enumerate(rows):
        with Session(engine) as session, session.begin():
            _save_naively(session, sealer, hasher, row, now, number)
    seconds = time.perf_counter() - begun
    _Base.metadata.drop_all(engine)
    engine.dispose()
    return seconds


def _save_naively(
    session: Session, sealer: Sealer, hasher: LookupHasher, row: Mapping[str, str], now: datetime, number: int
) -> None:
    id_hash = hasher.hash("id_number", row["id_number"] or row["temp_id"])
    if session.scalar(select(_Person).where(_Person.id_hash == id_hash)) is not None:
        return
    person_id = NEW_ID(now, "naive", number)
    key, wrapped = sealer.new_key(person_id)
    private = key.seal("persons.private", json.dumps({key: text for key, text in row.items() if text}))
    session.add(
        _Person(
            person_id=person_id,
            id_hash=id_hash,
            wrapped_key=wrapped,
            birth_date=date.fromisoformat(row["birth_date"]),
            sex=row["sex"],
            hukou_region=row["hukou_region"],
            household=hasher.hash("household_no", row["household_no"]).hex(),
            private=private,
        )
    )
    if row["account_no"]:
        account = key.seal("payee_accounts.private", json.dumps({key: row[key] for key in ACCOUNT}))
        session.add(_Account(account_id=NEW_ID(now, "account", number), person_id=person_id, private=account))
    session.add(_Event(ce_id=NEW_ID(now, "event", number), key=person_id, recorded_at=now, value=b"x" * 120))
