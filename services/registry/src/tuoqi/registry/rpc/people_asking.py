"""What callers of PersonService ask for: which fields, which terms, from where on."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from tuoqi.contracts.registry.v1 import person_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.masking import mask_number
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.query import Query, UnclearTerm, read_query
from tuoqi.registry.domain.search import Readings
from tuoqi.registry.store.files import person_message
from tuoqi.registry.store.search import Cursor

_CATEGORIES: Final = "categories"
_PRIVATE: Final = "private"
OPEN: Final = frozenset(pb.Person.DESCRIPTOR.fields_by_name) - {_CATEGORIES, _PRIVATE}
PRIVATE: Final = frozenset(pb.PersonPrivate.DESCRIPTOR.fields_by_name)
NUMBERS: Final = frozenset(
    {"id_number", "phone", "guardian_id_number", "guardian_phone", "account_no", "account_holder_id"}
)
"""Shown masked unless revealed."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Which fields of a file are asked for; the id always is."""

    open: frozenset[str] = OPEN
    private: frozenset[str] = frozenset()
    categories: bool = False

    @classmethod
    def read(cls, paths: Sequence[str]) -> Mask:
        """From a field mask's paths; none means every open field. Raises person.mask."""
        if not paths:
            return cls()
        opened, private, categories = {"person_id"}, set[str](), False
        for path in paths:
            head, _, tail = path.partition(".")
            if path in OPEN:
                opened.add(path)
            elif path == _CATEGORIES:
                categories = True
            elif path == _PRIVATE:
                private |= PRIVATE
            elif head == _PRIVATE and tail in PRIVATE:
                private.add(tail)
            else:
                allowed = sorted({*OPEN, _CATEGORIES, *(f"{_PRIVATE}.{name}" for name in PRIVATE)})
                raise TuoqiError("person.mask", path=path[:60], allowed="、".join(allowed))
        return cls(frozenset(opened), frozenset(private), categories)

    @property
    def is_default(self) -> bool:
        """Every open field and nothing else."""
        return self.open == OPEN and not self.private and not self.categories

    def prune(self, message: pb.Person, categories: Mapping[str, Sequence[str]]) -> None:
        """Leave of an open file what is asked for, and add the categories where they are."""
        if self.categories:
            message.categories.extend(categories.get(message.person_id, ()))
        for name in OPEN - self.open:
            message.ClearField(name)  # type: ignore[arg-type]  # the stubs want literal names

    def message(self, person: Person, categories: Mapping[str, Sequence[str]], *, reveal: bool) -> pb.Person:
        """The file with what is asked for."""
        message = person_message(person, person.known_at)
        self.prune(message, categories)
        for name in self.private:
            text = person.private.get(name, "")
            setattr(message.private, name, text if reveal or name not in NUMBERS else mask_number(text))
        return message


def query_of(terms: Sequence[str], readings: Readings) -> Query:
    """The terms as typed. Raises search.term_unclear, which never repeats what was typed."""
    for place, term in enumerate(terms, start=1):
        try:
            read_query([term], readings)
        except UnclearTerm:
            raise TuoqiError("search.term_unclear", place=place) from None
    return read_query(terms, readings)


def cursor_of(cursor: Cursor) -> str:
    """A cursor as callers carry it: open facts only, and nothing that they should read."""
    region, birth, person_id = cursor
    return base64.urlsafe_b64encode(f"{region}|{birth.isoformat()}|{person_id}".encode()).decode()


def read_cursor(text: str) -> Cursor | None:
    """The cursor that `cursor_of` wrote; None for none. Raises search.cursor."""
    if not text:
        return None
    try:
        region, birth, person_id = base64.urlsafe_b64decode(text.encode()).decode().split("|")
        return region, date.fromisoformat(birth), person_id
    except (ValueError, binascii.Error):
        raise TuoqiError("search.cursor") from None
