"""Rows of a change request beside the files that they touch: read, looked at, tried, and taken by the kind's importer."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import Importer, LoadContext
from tuoqi.kit.tables import Header, ParsedRow, Problem, parse_rows
from tuoqi.kit.tracing import current_correlation_id, current_traceparent
from tuoqi.registry.domain import change as states
from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.change import Change, ChangeRow, conflicts
from tuoqi.registry.domain.change_views import NAMES, File, Views
from tuoqi.registry.domain.person_rows import normalise
from tuoqi.registry.jobs.act import Act, Desk
from tuoqi.registry.jobs.care import CareFiles
from tuoqi.registry.jobs.chunk import People, cells_by_present_number, cells_of
from tuoqi.registry.store.changes import looking
from tuoqi.registry.store.guardianships import load_guardianships
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.seals import KeyRing

_CARE = frozenset({"statuses", "stays", "assessments"})
TWICE = "同一人的同一事项在申请中出现两次。"
CHANGED_MEANWHILE = "提出申请之后，他人改动了同一内容。"


@dataclass(slots=True)
class Preview:
    """What rows would do."""

    problems: list[Problem] = field(default_factory=list)
    changed: int = 0
    unchanged: int = 0
    events: int = 0

    @property
    def rejected(self) -> dict[int, str]:
        """Row number → why it would be rejected."""
        reasons: dict[int, list[str]] = {}
        for one in self.problems:
            if not one.only_warning:
                reasons.setdefault(one.row_number, []).append(f"{one.column}：{one.reason}")
        return {number: "；".join(some) for number, some in reasons.items()}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A row as its importer and as the domain read it."""

    row: ParsedRow
    cells: Cells


class RowReader:
    """Rows of one file kind."""

    def __init__(self, desk: Desk, importer: Importer) -> None:
        self._desk = desk
        self._importer = importer
        self._persons = PersonStore(desk.vault)

    @property
    def kind(self) -> str:
        """The file kind."""
        return self._importer.kind

    def views(self, act: Act) -> Views:
        """How files are looked at on the day of the act."""
        return Views(self._desk.policy.categories, act.today)

    def raw(self, columns: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]]) -> dict[int, dict[str, str]]:
        """Row number → column key → cell, cells without content left out. Raises table.missing_columns and the like."""
        header = Header.match(columns, self._importer.columns)
        places = [
            (c.key, place) for c, place in zip(header.columns, header.positions, strict=True) if place is not None
        ]
        found: dict[int, dict[str, str]] = {}
        for number, cells in rows:
            given = {key: cells[at].strip() for key, at in places if at < len(cells) and cells[at].strip()}
            if given:
                found[number] = given
        return found

    def parse(self, rows: Mapping[int, Mapping[str, str]]) -> tuple[dict[int, Parsed], list[Problem]]:
        """The good rows by number, and what is wrong with the others."""
        keys = [c.key for c in self._importer.columns if c.required or any(c.key in cells for cells in rows.values())]
        if not keys:
            return {}, []
        header = Header.match(keys, self._importer.columns)
        good, flawed = parse_rows(header, [(n, [cells.get(key, "") for key in keys]) for n, cells in rows.items()])
        return {row.number: Parsed(row, self._cells(row)) for row in good}, flawed

    async def files(self, tx: Tx, rows: Mapping[int, Parsed], ring: KeyRing) -> dict[int, File]:
        """The file that each row names, its person locked; one without a person where nobody is found."""
        people = People(self._persons)
        await people.load(tx, [one.cells for one in rows.values()], ring)
        care = CareFiles()
        if self.kind in _CARE:
            await care.load(tx, people.loaded.keys(), ring)
        wards = await load_guardianships(tx, people.loaded, ring) if self.kind == "guardianship" else {}
        found: dict[int, File] = {}
        for number, one in rows.items():
            person = people.find(one.cells, Flaws())
            found[number] = (
                File(person, care.of(person.person_id), tuple(wards.get(person.person_id, ()))) if person else File()
            )
        return found

    async def try_out(self, tx: Tx, act: Act, rows: Mapping[int, Parsed], change_id: str) -> Preview:
        """What the importer would make of the rows; nothing is kept."""
        preview = Preview()
        if rows:
            async with looking(tx):
                ctx = replace(_context(act, change_id), dry_run=True)
                done = await self._importer.load(tx, [one.row for one in rows.values()], ctx)
            preview = Preview(list(done.problems), done.changed, done.unchanged, done.events)
        return preview

    def look(
        self, act: Act, rows: Sequence[ChangeRow], files: Mapping[int, File], parsed: Mapping[int, Parsed]
    ) -> list[ChangeRow]:
        """The rows, those in conflict marked: a column that they touch is not as their maker saw it."""
        views = self.views(act)

        def look_at(row: ChangeRow) -> ChangeRow:
            one = parsed.get(row.number)
            if row.state != states.WAITING or one is None:
                return row
            file = files[row.number]
            now = conflicts(row.seen, views.touched(self.kind, one.cells, file))
            if row.registers and file.person is not None:
                now["id_number"] = "已登记"
            return replace(row, state=states.IN_CONFLICT, now=now, reason=CHANGED_MEANWHILE) if now else row

        return [look_at(row) for row in rows]

    async def take(self, tx: Tx, act: Act, change: Change, rows: Sequence[ChangeRow]) -> list[ChangeRow]:
        """The rows after the importer took those that still wait, in this transaction."""
        parsed, flawed = self.parse({row.number: row.cells for row in rows if row.state == states.WAITING})
        before = await self.files(tx, parsed, act.ring)
        done = await self._importer.load(tx, [one.row for one in parsed.values()], _context(act, change.change_id))
        reasons = Preview([*flawed, *done.problems]).rejected
        after = await self.files(tx, parsed, act.ring)
        views = self.views(act)

        def taken(row: ChangeRow) -> ChangeRow:
            if reason := reasons.get(row.number):
                return replace(row, state=states.REJECTED, reason=reason)
            if row.number not in parsed:
                return replace(row, state=states.UNCHANGED) if row.state == states.WAITING else row
            cells = parsed[row.number].cells
            was, now = (views.touched(self.kind, cells, files[row.number]) for files in (before, after))
            person = after[row.number].person
            same = was == now and before[row.number].person is not None
            return replace(
                row,
                state=states.UNCHANGED if same else states.CHANGED,
                after=now,
                person_id=person.person_id if person else row.person_id,
            )

        return [taken(row) for row in rows]

    async def inverse(self, tx: Tx, act: Act, rows: Sequence[ChangeRow]) -> list[ChangeRow]:
        """For each row the one that puts it back; one that cannot be put back says why, and does not wait."""
        parsed, _ = self.parse({row.number: row.cells for row in rows})
        files = await self.files(tx, parsed, act.ring)
        views, back, problems = self.views(act), dict[int, dict[str, str]](), dict[int, str]()
        for row in rows:
            file, cells = files.get(row.number, File()), parsed[row.number].cells
            if conflicts(row.after, views.touched(self.kind, cells, file)):
                problems[row.number] = CHANGED_MEANWHILE
                continue
            made = views.inverse(self.kind, row.cells, row.seen, File() if row.registers else file, cells)
            if isinstance(made, str):
                problems[row.number] = made
            else:
                back[row.number] = made
        good, flawed = self.parse(back)
        tried = await self.try_out(tx, act, good, "")
        problems |= Preview([*flawed, *tried.problems]).rejected
        good = {number: one for number, one in good.items() if number not in problems}
        fresh = {one.number: one for one in self.new_rows(act, back, good, await self.files(tx, good, act.ring))}
        return [
            fresh.get(row.number)
            or ChangeRow(
                row.number, row.person_id, back.get(row.number, {}), {}, states.REJECTED, reason=problems[row.number]
            )
            for row in rows
        ]

    def new_rows(
        self, act: Act, cells: Mapping[int, Mapping[str, str]], parsed: Mapping[int, Parsed], files: Mapping[int, File]
    ) -> list[ChangeRow]:
        """Rows of a new request with what their maker sees; a cell that says what stands there is left out."""
        views, found = self.views(act), []
        for number, one in parsed.items():
            file = files[number]
            seen = views.touched(self.kind, one.cells, file)
            given = dict(cells[number])
            if self.kind == "persons" and file.person is not None:
                wanted = views.wanted(one.cells, seen)
                same = {key for key in seen if key not in NAMES and wanted.get(key) == seen[key]}
                given = {key: text for key, text in given.items() if key not in same}
                seen = {key: text for key, text in seen.items() if key not in same}
            person = file.person
            found.append(
                ChangeRow(
                    number,
                    person.person_id if person else "",
                    given,
                    seen,
                    person_version=person.version if person else 0,
                    status_version=person.status_version if person else 0,
                )
            )
        return found

    def wanted(self, rows: Sequence[ChangeRow]) -> dict[int, dict[str, str]]:
        """By row number what each row wants in the columns that it touches."""
        parsed, _ = self.parse({row.number: row.cells for row in rows})
        return {
            row.number: Views.wanted(parsed[row.number].cells, row.seen) if row.number in parsed else dict(row.cells)
            for row in rows
        }

    def repeated(self, act: Act, parsed: Mapping[int, Parsed], files: Mapping[int, File]) -> list[Problem]:
        """A problem for each row that is about the same thing as an earlier one: neither could be undone by itself."""
        views = self.views(act)
        seen: set[Hashable] = set()
        problems: list[Problem] = []
        for number, one in parsed.items():
            thing = views.thing(self.kind, one.cells, files[number])
            if thing in seen:
                problems.append(Problem(number, "", "", TWICE))
            seen.add(thing)
        return problems

    def _cells(self, row: ParsedRow) -> Cells:
        return normalise(cells_of(row), Flaws()) if self.kind == "persons" else cells_by_present_number(row)


def _context(act: Act, change_id: str) -> LoadContext:
    """How the importer is told of a request: as a file whose content is the request."""
    return LoadContext(
        at=act.at,
        today=act.today,
        actor=act.actor,
        content_hash=hashlib.sha256(f"change|{change_id}".encode()).hexdigest(),
        # No file was loaded, and so this is not its first load either: a request of deaths is no list of the month.
        attempt=0,
        dry_run=False,
        traceparent=current_traceparent(),
        correlation_id=current_correlation_id() or change_id,
    )
