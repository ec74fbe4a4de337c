"""The upload of visit records 探访记录: each id once, each record a moment of its own, in the file's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import ParsedRow, Problem
from tuoqi.visits import store
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.handlers.records import on_visit_arrived
from tuoqi.visits.jobs.sheet import BY_KEY, NAMES, VISIT_COLUMNS, Sheet, read_row
from tuoqi.visits.peers import People


@dataclass(frozen=True, slots=True)
class Visit:
    """A record whose person is known."""

    sheet: Sheet
    person_id: str


class VisitsImporter:
    """Takes files of the kind `visits`."""

    kind: Final = "visits"
    columns: Final = VISIT_COLUMNS

    def __init__(self, commander: Commander, people: People, seal: store.NoteSeal) -> None:
        self._commander = commander
        self._people = people
        self._seal = seal

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows; a record that was here before changes nothing, one of an unknown person is a problem."""
        outcome = ChunkOutcome()
        sheets: list[Sheet] = []
        for read in map(read_row, rows):
            if isinstance(read, Problem):
                outcome.problems.append(read)
            else:
                sheets.append(read)
        visits = await self._identify(sheets, outcome)
        known = await store.known_people(tx, [visit.person_id for visit in visits])
        visits = _fitting(visits, known, ctx, outcome)
        first = {visit.sheet.form.visit_id: visit for visit in reversed(visits)}
        once = [visit for visit in visits if first[visit.sheet.form.visit_id] is visit]
        pairs = [(visit.person_id, visit.sheet.form) for visit in once]
        new = await store.record_visits(tx, pairs, arrived_at=ctx.at, seal=self._seal)
        fresh = [visit for visit in once if visit.sheet.form.visit_id in new]
        files = await self._commander.within(tx, VisitFile, [_call(visit, ctx) for visit in fresh])
        outcome.changed = len(fresh)
        outcome.unchanged = len(visits) - len(fresh)
        outcome.events = sum(
            file.version - (known[person_id].version if person_id in known else 0) for person_id, file in files.items()
        )
        return outcome

    async def _identify(self, sheets: Sequence[Sheet], outcome: ChunkOutcome) -> list[Visit]:
        """Ask the registry once for all rows; every name that a row gives must be the same person's."""
        names = [NAMES[column](value) for sheet in sheets for column, value in sheet.names]
        answers = iter(await self._people.identify(names) if names else ())
        visits: list[Visit] = []
        for sheet in sheets:
            found = [(column, value, next(answers)) for column, value in sheet.names]
            column, value, person_id = next((one for one in found if not one[2]), found[0])
            if not person_id:
                outcome.problems.append(BY_KEY[column].problem(sheet.number, value, "花名册中没有这个人。"))
            elif any(other != person_id for _, _, other in found):
                reason = "本行的编号指向不同的人。"
                outcome.problems.append(BY_KEY[column].problem(sheet.number, value, reason))
            else:
                visits.append(Visit(sheet, person_id))
        return visits


def _fitting(
    visits: Sequence[Visit], known: dict[str, store.KnownPerson], ctx: LoadContext, outcome: ChunkOutcome
) -> list[Visit]:
    """Records that lie in the regions of whoever loads them and not before the person's birth."""
    fitting: list[Visit] = []
    for visit in visits:
        number, form = visit.sheet.number, visit.sheet.form
        person = known.get(visit.person_id)
        column, value = visit.sheet.names[0]
        if not ctx.actor.may_act_in(person.region if person else ""):
            outcome.problems.append(BY_KEY[column].problem(number, value, "此人不在经办人负责的区划内。"))
        elif person and person.birth_date and day_of(form.started_at) < person.birth_date:
            shown = f"{form.started_at:%Y-%m-%d %H:%M}"
            outcome.problems.append(BY_KEY["started_at"].problem(number, shown, "早于此人的出生日期。"))
        else:
            fitting.append(visit)
    return fitting


def _call(visit: Visit, ctx: LoadContext) -> Call:
    return Call(
        key=visit.person_id,
        handler=on_visit_arrived,
        message=visit.sheet.form,
        cause=ctx.cause(visit.sheet.number),
        at=ctx.at,
        actor=ctx.actor.user,
    )
