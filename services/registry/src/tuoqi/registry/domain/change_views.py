"""What a row of a change request touches in a person's file, how that stands there now, and the row that puts it back.

Texts only, one for each touched column, so that what a maker saw can be laid beside what stands there later.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from tuoqi.registry.domain.care import CareFacts
from tuoqi.registry.domain.categories import Category, find_code
from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.guardianship import Guardianship, guardian_number
from tuoqi.registry.domain.lists import record_absence
from tuoqi.registry.domain.person import Absence, Person
from tuoqi.registry.domain.status import Interval, read_interval

CLEARED: Final = "清空"
NAMES: Final = ("id_number", "temp_id")
_REPLACED: Final = ("amount", "decision_no", "ended_on", "end_reason", "valid_until")
"""Of a status interval, what a row replaces."""
_NEVER_EMPTY: Final = frozenset({"name", "id_number", "sex", "birth_date", "hukou_region"})
NOT_BY_ROW: Final = "没有能把它改回去的文件行，请另行更正。"


@dataclass(frozen=True, slots=True)
class File:
    """A person's file as far as rows may touch it; without a person where he is not on the register."""

    person: Person | None = None
    care: CareFacts = field(default_factory=CareFacts)
    guardianships: tuple[Guardianship, ...] = ()


@dataclass(frozen=True, slots=True)
class Views:
    """Reads files the way that rows of each kind touch them."""

    categories: Mapping[str, Category]
    today: date

    def touched(self, kind: str, cells: Cells, file: File) -> dict[str, str]:
        """Touched column → what stands there now; empty texts where nothing does."""
        return _TOUCHED.get(kind, _whole)(self, cells, file)

    def thing(self, kind: str, cells: Cells, file: File) -> Hashable:
        """What a row is about: two rows of one request may not be about the same."""
        who = file.person.person_id if file.person else tuple(cells.text(name) for name in NAMES)
        if kind == "statuses":
            row = self.interval(cells, file)
            return (who, row.key if row else None)
        if kind == "stays":
            return (who, cells.text("facility"), cells.day("from"))
        if kind == "guardianship":
            return (who, cells.text("kind"), guardian_number(cells), cells.text("guardian_name"), cells.day("from"))
        return (who, cells.text("scale"), cells.day("assessed_on")) if kind == "assessments" else who

    @staticmethod
    def wanted(cells: Cells, seen: Mapping[str, str]) -> dict[str, str]:
        """Touched column → what the row wants there, in the same words as `touched`."""
        columns = [column for column in {**seen, **cells.given} if column not in NAMES or column in seen]
        return {
            column: "" if column in cells.cleared else text_of(column, cells.given.get(column)) for column in columns
        }

    def interval(self, cells: Cells, file: File) -> Interval | None:
        """The interval that a row of statuses.csv speaks of."""
        words = {key: category.names for key, category in self.categories.items()}
        category = self.categories.get(find_code(cells.text("category"), words))
        if category is None or file.person is None:
            return None
        return read_interval(cells, category, Flaws(), today=date.max, born=file.person.birth_date)

    def inverse(
        self, kind: str, cells: Mapping[str, str], before: Mapping[str, str], file: File, parsed: Cells
    ) -> dict[str, str] | str:
        """The row that puts back what a row of these cells changed, or why there is none."""
        if file.person is None:
            return "登记的人员不能用变更撤销，请作废或并档。"
        find = _INVERSE.get(kind)
        return NOT_BY_ROW if find is None else find(self, cells, before, file, parsed)


def text_of(column: str, value: object) -> str:
    """A cell's value as people read it; money is in yuan."""
    if value is None:
        return ""
    if column == "amount" and isinstance(value, int):
        return f"{value // 100}.{value % 100:02d}" if value else ""
    return value.isoformat() if isinstance(value, date) else str(value)


def names_of(person: Person) -> dict[str, str]:
    """The cells by which a file names a person."""
    return {"id_number": person.number} if person.number else {"temp_id": person.temp_id}


def cells_of_interval(one: Interval, categories: Mapping[str, Category]) -> dict[str, str]:
    """The row of statuses.csv that says what is stored; the sealed category by its own word."""
    word = next(
        (key for key, c in categories.items() if one.is_sealed and c.sealed_as == (one.category, one.subtype)),
        one.category,
    )
    columns = ("level", "applied_on", "decided_on", "decision_no", "ended_on", "end_reason", "valid_until")
    cells = {"category": word, "subtype": one.subtype if word == one.category else ""}
    cells |= {column: text_of(column, getattr(one, column)) for column in columns}
    return {**cells, "amount": text_of("amount", one.amount_fen)}


def _whole(_views: Views, _cells: Cells, file: File) -> dict[str, str]:
    person = file.person
    return {"id_number": f"{person.version}/{person.status_version}" if person else ""}


def _person(_views: Views, cells: Cells, file: File) -> dict[str, str]:
    return {column: _person_text(file.person, column) for column in dict.fromkeys([*cells.given, *cells.cleared])}


def _person_text(person: Person | None, column: str) -> str:
    if person is None:
        return ""
    if column == "hukou_region":
        return person.hukou[-1].region
    if column == "death_date":
        return text_of(column, person.died_on)
    if column in ("sex", "birth_date", "residence_region"):
        return text_of(column, getattr(person, column))
    return person.private.get(column, "")


def _death(_views: Views, _cells: Cells, file: File) -> dict[str, str]:
    source = file.person.private.get("death_source", "") if file.person else ""
    return {"death_date": _person_text(file.person, "death_date"), "source": source}


def _move(_views: Views, _cells: Cells, file: File) -> dict[str, str]:
    return {"moved_out_on": _absences(file.person.absences if file.person else ())}


def _absences(absences: Sequence[Absence]) -> str:
    return "；".join(f"{one.moved_out_on}至{one.returned_on or ''}" for one in absences)


def _status(views: Views, cells: Cells, file: File) -> dict[str, str]:
    row = views.interval(cells, file)
    if row is None:
        return _whole(views, cells, file)
    same = next((one for one in file.care.intervals if one.key == row.key), None)
    if same is not None:
        values: dict[str, Any] = {"amount": same.amount_fen}
        values |= {column: getattr(same, column) for column in _REPLACED[1:]}
        return {column: text_of(column, value) for column, value in values.items()}
    # Another interval of the category takes the place of the one that counts now, so that is what its maker looks at.
    others = [one for one in file.care.intervals if one.category == row.category and one.decided_on and not one.is_void]
    last = max(others, key=lambda one: (one.decided_on or date.min, one.loaded_order), default=None)
    return {"category": _told(last) if last else ""}


def _told(one: Interval) -> str:
    until = one.ended_on or one.valid_until or ""
    return f"{one.category} {one.subtype} {one.level} {one.decided_on}至{until} {text_of('amount', one.amount_fen)}"


def _stay(_views: Views, cells: Cells, file: File) -> dict[str, str]:
    facility, first = cells.text("facility"), cells.day("from")
    for one in file.care.stays:
        if (one.facility, one.began_on) == (facility, first):
            return {"to": text_of("to", one.ended_on), "bed": one.bed}
    # Where he lives otherwise decides whether another stay is right.
    return {"facility": "；".join(f"{one.facility} {one.began_on}至{one.ended_on or ''}" for one in file.care.stays)}


def _assessment(_views: Views, cells: Cells, file: File) -> dict[str, str]:
    scale = cells.text("scale")
    same = [one for one in file.care.assessments if one.scale == scale]
    last = max(same, key=lambda one: (one.assessed_on, one.loaded_order), default=None)
    return {"items": f"{last.assessed_on} {last.score} {last.level}".strip() if last else ""}


def _guardian(_views: Views, _cells: Cells, file: File) -> dict[str, str]:
    texts = [
        f"{one.kind} {one.private.get('guardian_name', '')} {one.private.get('guardian_id_number', '')}"
        f" {one.began_on}至{one.ended_on or ''} {one.signed_on or ''}"
        for one in file.guardianships
    ]
    return {"guardian_name": "；".join(texts)}


def _undo_person(
    _views: Views, _cells: Mapping[str, str], before: Mapping[str, str], file: File, _parsed: Cells
) -> dict[str, str] | str:
    person = file.person
    if person is None:
        return NOT_BY_ROW
    names = names_of(person)
    back: dict[str, str] = {}
    for column, text in before.items():
        if column in names and text == names[column]:
            continue
        if not text and column in _NEVER_EMPTY:
            return "原来没有登记的姓名、证件号码等不能清空，请另行更正。"
        if column == "id_number" and person.temp_id:
            names = {"temp_id": person.temp_id}
        elif column == "id_number":
            return "证件号码不能改回：没有临时编号可以指认此人。"
        back[column] = text or CLEARED
    return {**names, **back}


def _undo_death(
    _views: Views, _cells: Mapping[str, str], before: Mapping[str, str], file: File, _parsed: Cells
) -> dict[str, str] | str:
    return {**names_of(file.person), **before} if file.person else NOT_BY_ROW


def _undo_move(
    _views: Views, _cells: Mapping[str, str], before: Mapping[str, str], file: File, _parsed: Cells
) -> dict[str, str] | str:
    if file.person is None:
        return NOT_BY_ROW
    now, names = file.person.absences, names_of(file.person)
    if _absences(now[:-1]) == before["moved_out_on"]:
        return {**names, "moved_out_on": "", "returned_on": ""}
    for text in before["moved_out_on"].split("；"):
        out, _, back = text.partition("至")
        one = Absence(date.fromisoformat(out), date.fromisoformat(back) if back else None) if out else None
        if one and _absences(record_absence(now, one)) == before["moved_out_on"]:
            return {**names, "moved_out_on": out, "returned_on": back}
    return NOT_BY_ROW


def _undo_status(
    views: Views, cells: Mapping[str, str], before: Mapping[str, str], file: File, parsed: Cells
) -> dict[str, str] | str:
    if "category" not in before:
        return {**cells, **{column: before.get(column, "") for column in _REPLACED}}
    row = views.interval(parsed, file)
    days = [day for day in (row.applied_on, row.decided_on) if day] if row else []
    if not days:
        return "没有申请日期和认定日期，不能作废。"
    return {**cells, "ended_on": (min(days) - timedelta(days=1)).isoformat(), "end_reason": cells.get("end_reason", "")}


def _undo_stay(
    _views: Views, cells: Mapping[str, str], before: Mapping[str, str], _file: File, _parsed: Cells
) -> dict[str, str] | str:
    if "facility" in before:
        return "新增的入住不能用文件行撤销，请登记离开日期。"
    return {**cells, **before}


Touch = Callable[[Views, Cells, File], dict[str, str]]
Undo = Callable[[Views, Mapping[str, str], Mapping[str, str], File, Cells], dict[str, str] | str]
_TOUCHED: Final[Mapping[str, Touch]] = {
    "persons": _person,
    "statuses": _status,
    "stays": _stay,
    "guardianship": _guardian,
    "assessments": _assessment,
    "deaths": _death,
    "moves": _move,
}
_INVERSE: Final[Mapping[str, Undo]] = {
    "persons": _undo_person,
    "statuses": _undo_status,
    "deaths": _undo_death,
    "moves": _undo_move,
    "stays": _undo_stay,
}
