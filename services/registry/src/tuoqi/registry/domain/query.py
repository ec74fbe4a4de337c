"""What somebody types to find a person, read into features to look for and into a check of the person found."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise, product
from typing import Final

from tuoqi.registry.domain.identity import normalise_number, number_flaw
from tuoqi.registry.domain.life import birthday
from tuoqi.registry.domain.search import (
    CHARACTER,
    END,
    END_LENGTH,
    INITIALS,
    PAIR,
    SYLLABLE,
    Readings,
    phones_in,
    plain_name,
)

CHILD_UNTIL: Final = 18
"""Whoever is younger is a child 未成年人."""
_PARTS: Final = re.compile(r"[0-9]+[Xx]?(?![A-Za-z])|[A-Za-züÜ']+|[^\sA-Za-z0-9]+")
_INITIALS_MAX: Final = 4
_PARSES_MAX: Final = 4
_WAYS_MAX: Final = 8
_PHONE: Final = re.compile(r"1[3-9][0-9]{9}|0[0-9]{9,11}")
_END: Final = re.compile(r"[0-9]{3}[0-9X]")
_BORN: Final = re.compile(r"(?:19|20)[0-9]{6}")
_NUMBER: Final = re.compile(r"[0-9]{15}|[0-9]{17}[0-9X]")
_NO_INITIAL: Final = frozenset("iuv")
_DOUBLE_INITIALS: Final = ("zh", "ch", "sh")
_LONGEST: Final = 6
"""Letters of the longest syllable: zhuang."""


class UnclearTerm(ValueError):
    """Nobody can be found by such a term."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A syllable, whole or its beginning only."""

    text: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """Features that whoever is meant has: all of the one kind, and at least one of the other where there are any."""

    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Clause:
    """What one way of reading all terms together asks for: all of the one kind, and one of each group of the other."""

    all_of: tuple[str, ...]
    any_of: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Term:
    """One term. Whoever is meant fits one of the choices, or the letters as written; `fits` then tells whether it is so."""

    choices: tuple[Choice, ...]
    written: Choice
    """What somebody has whose name holds the term as it is written: for Latin letters another thing than pinyin."""
    text: str = field(default="", repr=False)
    """A part of the name, written as `plain_name` has it."""
    spelt: tuple[tuple[Piece, ...], ...] = field(default=(), repr=False)
    """The ways in which Latin letters can be read as pinyin."""
    end: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)

    def fits(self, texts: Mapping[str, str], readings: Readings) -> bool:
        """Whether the person of these sealed texts is meant."""
        if self.phone:
            return self.phone in phones_in(texts)
        if self.end:
            return any(one.endswith(self.end) for one in (*phones_in(texts), texts.get("id_number", "")))
        name = plain_name(texts.get("name", ""))
        if self.text and self.text in name:
            return True
        if not self.spelt:
            return False
        read = [readings.of(character) for character in name]
        return any(_is_read(read, pieces) for pieces in self.spelt)


@dataclass(frozen=True, slots=True)
class Query:
    """All terms; each must fit."""

    terms: tuple[Term, ...] = ()
    numbers: tuple[str, ...] = field(default=(), repr=False)
    """Whole identity numbers: whoever is meant has them all, so more than one finds nobody."""
    born_on: tuple[date, ...] = ()

    def clauses(self) -> list[list[Clause]]:
        """What to look for: of each inner list one clause must hold.

        One list, where there are not too many ways to read all terms: PostgreSQL then intersects in one reading of its
        index. Terms are either all taken as written or all as pinyin, which leaves few ways.
        """
        ways = list(product(*(term.choices for term in self.terms)))
        if len(ways) <= _WAYS_MAX:
            written = tuple(term.written for term in self.terms)
            return [[_clause(way) for way in dict.fromkeys((*ways, written))]] if self.terms else []
        return [[_clause((one,)) for one in dict.fromkeys((*term.choices, term.written))] for term in self.terms]

    def fits(self, texts: Mapping[str, str], readings: Readings) -> bool:
        """Whether the person of these sealed texts is meant."""
        return all(term.fits(texts, readings) for term in self.terms)


def _clause(way: Sequence[Choice]) -> Clause:
    all_of = dict.fromkeys(feature for choice in way for feature in choice.all_of)
    return Clause(tuple(all_of), tuple(dict.fromkeys(choice.any_of for choice in way if choice.any_of)))


def read_query(given: Sequence[str], readings: Readings) -> Query:
    """The terms as typed, several in one text where spaces or scripts part them. Raises UnclearTerm."""
    parts = [part for text in given for part in _PARTS.findall(unicodedata.normalize("NFKC", text))]
    terms: list[Term] = []
    numbers: list[str] = []
    born: list[date] = []
    last_latin = max((at for at, part in enumerate(parts) if _is_latin(part)), default=-1)
    for at, part in enumerate(parts):
        upper = part.upper()
        if _is_latin(part):
            terms.append(_latin(part, readings, unfinished=at == last_latin))
        elif not part[0].isdigit():
            if plain := plain_name(part):
                terms.append(_exactly(_written(plain), text=plain))
        elif _NUMBER.fullmatch(upper):
            number = normalise_number(upper)
            if number_flaw(number):
                raise UnclearTerm
            numbers.append(number)
        elif _PHONE.fullmatch(part):
            terms.append(_exactly(Choice((END + part[-END_LENGTH:],)), phone=part))
        elif _END.fullmatch(upper):
            terms.append(_exactly(Choice((END + upper,)), end=upper))
        else:
            born.append(_birthday(part))
    return Query(tuple(terms), tuple(numbers), tuple(born))


def born_by(age: int, today: date) -> date:
    """The latest birth date of those who are so old or older today; see `completed_years` about 29 February."""
    try:
        day = today.replace(year=today.year - age)
    except ValueError:
        day = date(today.year - age, 2, 28)
    after = day + timedelta(days=1)
    return after if birthday(after, age) <= today else day


def born_between(age_min: int | None, age_max: int | None, today: date) -> tuple[date | None, date | None]:
    """First and last birth date of people of these ages today; None where there is no bound."""
    first = born_by(age_max + 1, today) + timedelta(days=1) if age_max is not None else None
    return first, born_by(age_min, today) if age_min is not None else None


def _is_latin(part: str) -> bool:
    return part[0].isalpha() and part[0] < "\u0250"


def _birthday(part: str) -> date:
    if not _BORN.fullmatch(part):
        raise UnclearTerm
    try:
        return date(int(part[:4]), int(part[4:6]), int(part[6:]))
    except ValueError:
        raise UnclearTerm from None


def _exactly(choice: Choice, *, text: str = "", end: str = "", phone: str = "") -> Term:
    return Term((choice,), choice, text=text, end=end, phone=phone)


def _written(plain: str) -> Choice:
    if len(plain) == 1:
        return Choice((CHARACTER + plain,))
    return Choice(tuple(dict.fromkeys(PAIR + left + right for left, right in pairwise(plain))))


def _latin(part: str, readings: Readings, *, unfinished: bool) -> Term:
    letters = part.lower().replace("ü", "v").replace("lyu", "lv").replace("nyu", "nv")
    pieces = [*_parses(letters, readings.syllables, unfinished=unfinished)]
    plain = letters.replace("'", "")
    if 1 < len(plain) <= _INITIALS_MAX and not _NO_INITIAL.intersection(plain):
        initials = tuple(Piece(letter, whole=False) for letter in plain)
        pieces += [] if initials in pieces else [initials]
    choices = dict.fromkeys(_spelt(one, readings.syllables) for one in pieces)
    # A name in Latin letters is found by these, like any other character.
    written = _written(plain)
    return Term(tuple(choices) or (written,), written, text=plain, spelt=tuple(pieces))


def _spelt(pieces: Sequence[Piece], syllables: frozenset[str]) -> Choice:
    all_of = [SYLLABLE + piece.text for piece in pieces if piece.whole]
    all_of += [INITIALS + one.text[0] + other.text[0] for one, other in pairwise(pieces)]
    last = pieces[-1]
    any_of: tuple[str, ...] = ()
    if not last.whole and (len(last.text) > 1 or len(pieces) == 1):
        any_of = tuple(sorted(SYLLABLE + one for one in syllables if one.startswith(last.text)))
    return Choice(tuple(dict.fromkeys(all_of)), any_of)


def _parses(letters: str, syllables: frozenset[str], *, unfinished: bool) -> list[tuple[Piece, ...]]:
    """The likeliest ways to part the letters: as few single letters as can be, then hardly more pieces than needed."""
    found = set(_partings(letters, syllables, unfinished=unfinished))
    fewest = min(map(_singles, found), default=0)
    found = {pieces for pieces in found if _singles(pieces) == fewest}
    shortest = min(map(len, found), default=0)
    likely = [pieces for pieces in found if len(pieces) <= shortest + 1]
    return sorted(likely, key=lambda pieces: (len(pieces), [piece.text for piece in pieces]))[:_PARSES_MAX]


def _singles(pieces: Sequence[Piece]) -> int:
    return sum(len(piece.text) == 1 or piece.text in _DOUBLE_INITIALS for piece in pieces)


def _partings(letters: str, syllables: frozenset[str], *, unfinished: bool) -> Iterator[tuple[Piece, ...]]:
    """Every way to part the letters; the likeliest beginnings first, so that few are tried."""
    letters = letters.lstrip("'")
    if not letters:
        return
    if unfinished and any(one.startswith(letters) for one in syllables):
        yield (Piece(letters, whole=False),)
    elif last := _piece(letters, syllables):
        yield (last,)
    for length in range(min(_LONGEST, len(letters) - 1), 0, -1):
        if piece := _piece(letters[:length], syllables):
            for rest in _some(_partings(letters[length:], syllables, unfinished=unfinished)):
                yield (piece, *rest)


def _piece(letters: str, syllables: frozenset[str]) -> Piece | None:
    if letters in syllables:
        return Piece(letters, whole=True)
    is_initial = letters in _DOUBLE_INITIALS or (len(letters) == 1 and letters not in _NO_INITIAL and letters.isalpha())
    return Piece(letters, whole=False) if is_initial else None


def _some(partings: Iterator[tuple[Piece, ...]]) -> Iterator[tuple[Piece, ...]]:
    # Long runs of letters can be parted in very many ways; the first ones are the likely ones.
    for _, one in zip(range(8), partings, strict=False):
        yield one


def _is_read(read: Sequence[tuple[str, ...]], pieces: Sequence[Piece]) -> bool:
    return any(
        all(_reads(syllables, piece) for syllables, piece in zip(read[first:], pieces, strict=False))
        for first in range(len(read) - len(pieces) + 1)
    )


def _reads(syllables: Sequence[str], piece: Piece) -> bool:
    if piece.whole:
        return piece.text in syllables
    return any(one.startswith(piece.text) for one in syllables)
