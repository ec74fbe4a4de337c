"""Services given outside of visits: recorded by a call or a file, each key once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.given import ServiceKinds
from tuoqi.visits.jobs.naming import NAME_COLUMNS, identify_rows, text_of
from tuoqi.visits.jobs.sheet import SERVICE_COUNT_MAX
from tuoqi.visits.peers import People
from tuoqi.visits.store import given as store
from tuoqi.visits.store.records import KnownPerson, known_people

DAY: Final = Column("day", "日期", "date", required=True)
COUNT: Final = Column("count", "次数", "int", required=True, minimum=0)
PROVIDER: Final = Column(
    "provider", "机构", max_length=60, pattern="[A-Za-z0-9._-]+", pattern_zh="应为设施编号，如 HC-01"
)


@dataclass(frozen=True, slots=True)
class Given:
    """One service as somebody tells it."""

    key: str
    person_id: str
    kind: str
    count: int
    day: date
    provider: str = ""


class GivenDesk:
    """Records services by call."""

    def __init__(self, commander: Commander, kinds: ServiceKinds) -> None:
        self._commander = commander
        self._kinds = kinds

    async def record(self, actor: Actor, services: Sequence[Given], at: datetime) -> int:
        """Keep all of them or none; how many are new.

        Raises visits.given_unknown_kind, visits.given_day, visits.person_unknown, auth.no_region, visits.given_key.
        """
        if len({one.key for one in services}) < len(services):
            raise TuoqiError("visits.given_key")
        for one in services:
            if one.kind not in self._kinds.kinds:
                allowed = "、".join(self._kinds.kinds)
                raise TuoqiError("visits.given_unknown_kind", kind=one.kind, allowed=allowed)

        async def body(tx: Tx) -> int:
            known = await known_people(tx, [one.person_id for one in services])
            for one in services:
                _check(actor, one, known.get(one.person_id), day_of(at))
            regions = {person_id: person.region for person_id, person in known.items()}
            rows = [_row(f"key:{one.key}", one, regions[one.person_id], actor.user, at) for one in services]
            new = await store.keep_given(tx, rows)
            before = await store.given_by_source(tx, {row.source for row in rows} - new)
            if any(_differs(row, before[row.source]) for row in rows if row.source in before):
                raise TuoqiError("visits.given_key")
            return len(new)

        recorded: int = await self._commander.transaction(body)
        return recorded


class GivenImporter:
    """Takes files of the kind `services`: a later row of a person, day, kind and provider takes an earlier one's place."""

    kind: Final = "services"

    def __init__(self, people: People, kinds: ServiceKinds) -> None:
        self._people = people
        names = {code: kind.name for code, kind in kinds.kinds.items()}
        self._kind = Column("kind", "服务", "code", required=True, choices=names)
        self.columns = (*NAME_COLUMNS, DAY, self._kind, COUNT, PROVIDER)

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Keep rows; 0 times takes out what an earlier row said. Raises auth.no_right."""
        ctx.actor.require("given.record")
        outcome = ChunkOutcome()
        named = await identify_rows(self._people, rows, outcome)
        known = await known_people(tx, [person_id for _, _, person_id in named])
        kept: dict[str, store.GivenRow | None] = {}
        taken = 0
        for row, column, person_id in named:
            one = _given(row, person_id)
            person = known.get(person_id)
            if person is None or not ctx.actor.may_act_in(person.region):
                shown = text_of(row, column.key)
                outcome.problems.append(column.problem(row.number, shown, "此人不在经办人负责的区划内。"))
            elif fault := _wrong_day(one, person, ctx.today):
                outcome.problems.append(DAY.problem(row.number, one.day.isoformat(), fault))
            elif one.count > SERVICE_COUNT_MAX:
                reason = f"每行 0 至 {SERVICE_COUNT_MAX} 次。"
                outcome.problems.append(COUNT.problem(row.number, str(one.count), reason))
            else:
                taken += 1
                source = f"file:{one.key}"
                kept[source] = _row(source, one, person.region, ctx.actor.user, ctx.at) if one.count else None
        changed = await store.replace_given(tx, [row for row in kept.values() if row is not None])
        changed |= await store.void_given(tx, {source for source, row in kept.items() if row is None})
        outcome.changed = len(changed)
        outcome.unchanged = taken - len(changed)
        return outcome


def _given(row: ParsedRow, person_id: str) -> Given:
    day, count = row.values["day"], row.values["count"]
    if not isinstance(day, date) or not isinstance(count, int):
        raise TypeError("a required cell was let through empty")
    kind, provider = text_of(row, "kind"), text_of(row, "provider")
    return Given(f"{person_id}|{day}|{kind}|{provider}", person_id, kind, count, day, provider)


def _row(source: str, one: Given, region: str, by: str, at: datetime) -> store.GivenRow:
    return store.GivenRow(source, one.kind, one.person_id, one.count, one.day, region, by, at, one.provider)


def _differs(row: store.GivenRow, before: object) -> bool:
    fields = ("kind", "person_id", "count", "day", "provider")
    return any(getattr(row, name) != getattr(before, name) for name in fields)


def _check(actor: Actor, one: Given, person: KnownPerson | None, today: date) -> None:
    if person is None:
        raise TuoqiError("visits.person_unknown")
    actor.require_region(person.region)
    if _wrong_day(one, person, today):
        raise TuoqiError("visits.given_day", day=one.day)


def _wrong_day(one: Given, person: KnownPerson, today: date) -> str:
    if one.day > today:
        return "晚于今天。"
    return "早于此人的出生日期。" if person.birth_date and one.day < person.birth_date else ""
