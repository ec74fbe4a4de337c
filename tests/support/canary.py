"""One person whose private values must never be found in plain form anywhere: the canary of the secrecy tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from county_tables import cells, column, write_cells

NAME = "沁蓦罕金丝雀"
VISITOR = "访蓦罕金丝雀"
ADDRESS = "金丝雀镇蓦罕巷九十七号"
ID_NUMBER = "990101193806217458"
PHONE = "19987605431"
GUARDIAN_PHONE = "19987605432"
ACCOUNT = "6299990918273645546"
NOTE = "蓦罕备注金丝雀"
_ZEROS = bytes(4096)
VALUES = (NAME, VISITOR, ADDRESS, ID_NUMBER, PHONE, GUARDIAN_PHONE, ACCOUNT, NOTE)


def add_to(folder: Path) -> None:
    """Put the canary into the county's persons, statuses and first week of visits."""
    _append(
        folder / "persons.csv",
        name=NAME, id_number=ID_NUMBER, sex="男", birth_date="1938-06-21", address=ADDRESS, phone=PHONE,
        guardian_phone=GUARDIAN_PHONE, account_no=ACCOUNT, account_name=NAME, account_holder_id=ID_NUMBER, note=NOTE,
    )  # fmt: skip
    _append(folder / "statuses.csv", id_number=ID_NUMBER, category="old_age_accepted", subtype="", level="")
    visits = next(iter(sorted(folder.glob("visits-to-*.csv"))))
    _append(visits, visit_id="018f5e1c-0000-7000-8000-00000000ca1a", id_number=ID_NUMBER, visitor=VISITOR, note=NOTE)


def _append(path: Path, **values: str) -> None:
    """A copy of the file's first row that would fit, with these values in their columns and no other person's."""
    header, rows = cells(path)
    key, wanted = ("category", values.get("category", "")) if "category" in values else ("", "")
    model = next(row for row in rows if not key or row[column(header, key)] == wanted)
    row = list(model)
    for name in ("temp_id", "household_no", "relation_to_head", "guardian_name", "guardian_id_number", "death_date"):
        if any(f"[{name}]" in cell for cell in header):
            row[column(header, name)] = ""
    for name, value in values.items():
        row[column(header, name)] = value
    write_cells(path, header, [*rows, row])


def needles() -> Iterator[tuple[str, bytes]]:
    """Every form in which a value might lie about: UTF-8, UTF-16 both ways, and its UTF-8 as hex digits."""
    for value in VALUES:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            yield f"{value} as {encoding}", value.encode(encoding)
        for text in (value.encode().hex(), value.encode().hex().upper()):
            yield f"{value} as hex", text.encode()


def found_in(path: Path) -> list[str]:
    """Which forms of which values a file holds; a file that its server has taken away meanwhile holds none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    # Kafka's and PostgreSQL's files are mostly zeros laid in stock; searching them forty times would take minutes.
    content = content.replace(_ZEROS, b"\0")
    return [name for name, needle in needles() if needle in content]
