"""How rows of files name people, and which person that is: asked of the registry once for all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tuoqi.kit.rpc.tables import ChunkOutcome
from tuoqi.kit.tables import CLEAR, Column, ParsedRow
from tuoqi.visits.jobs.sheet import NAMES, UUID, UUID_ZH
from tuoqi.visits.peers import People

NAME_COLUMNS: Final = (
    Column("id_number", "证件号码", masked=True, max_length=30),
    Column("temp_id", "临时编号", masked=True, max_length=60),
    Column("person_id", "人员编号", pattern=UUID, pattern_zh=UUID_ZH),
)
_BY_KEY: Final = {column.key: column for column in NAME_COLUMNS}


def text_of(row: ParsedRow, key: str) -> str:
    """A text cell, empty where the cell is or says 清空."""
    value = row.values[key]
    return "" if value is None or value is CLEAR else str(value)


async def identify_rows(
    people: People, rows: Sequence[ParsedRow], outcome: ChunkOutcome
) -> list[tuple[ParsedRow, Column, str]]:
    """Rows whose person is known, with the column that names him; the others become problems of the outcome."""
    names = [(row, key, text_of(row, key)) for row in rows for key in NAMES if text_of(row, key)]
    answers = await people.identify([NAMES[key](value) for _, key, value in names]) if names else []
    named: dict[int, list[tuple[str, str, str]]] = {}
    for (row, key, value), person_id in zip(names, answers, strict=True):
        named.setdefault(row.number, []).append((key, value, person_id))
    known: list[tuple[ParsedRow, Column, str]] = []
    for row in rows:
        found = named.get(row.number, [])
        if not found:
            reason = "证件号码、临时编号、人员编号三者须填其一。"
            outcome.problems.append(_BY_KEY["id_number"].problem(row.number, "", reason))
            continue
        key, value, person_id = next((one for one in found if not one[2]), found[0])
        if not person_id:
            outcome.problems.append(_BY_KEY[key].problem(row.number, value, "花名册中没有这个人。"))
        elif any(other != person_id for _, _, other in found):
            outcome.problems.append(_BY_KEY[key].problem(row.number, value, "本行的编号指向不同的人。"))
        else:
            known.append((row, _BY_KEY[key], person_id))
    return known
