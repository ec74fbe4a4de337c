"""Checking a county's folder before it is switched on: `python -m tuoqi.<service> check FOLDER`.

It reads the folder as the service does at its start and answers one JSON object on stdout: every fault with file, line
and reason, and what the service found in the files. It needs no database and no settings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tuoqi.kit.county import County, CountyError, Fault
from tuoqi.kit.rights import Rights

_UNUSABLE = (ValueError, LookupError, TypeError)
"""What a reader raises over a value of the wrong kind; anything else is a fault of the program."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with a county's files, as one service reads them, and what is in them."""

    faults: tuple[Fault, ...] = ()
    content: dict[str, Any] = field(default_factory=dict)
    """For people and programs; a service's own."""


def attempt(read: Callable[[County], object], county: County, below: str = "") -> tuple[Fault, ...]:
    """The faults for which a reader of the files below a folder refuses them; none where it takes them."""
    try:
        read(county)
    except CountyError as error:
        return error.faults
    except _UNUSABLE as error:
        return (_located(error, county, below),)
    return ()


def faults_of(county: County, readers: Iterable[Callable[[County], object]]) -> Findings:
    """Every fault for which any of the readers refuses its file, each once."""
    return Findings(tuple(dict.fromkeys(fault for read in readers for fault in attempt(read, county))))


def _located(error: Exception, county: County, below: str) -> Fault:
    """A reader's refusal; where it names a place, and there is but one file, with file and line."""
    place, reason = getattr(error, "path", ""), getattr(error, "reason", "")
    names = county.names(below) if below else []
    if len(names) != 1 or not place or not reason:
        return Fault("", 0, "", str(error))
    return Fault(names[0], county.document(names[0]).line_of(place), place, reason)


def check(service: str, folder: Path, find: Callable[[County], Findings]) -> int:
    """Print what was found; 1 where there is any fault, else 0."""
    try:
        county = County.load(folder)
    except CountyError as error:
        found = Findings(error.faults)
    else:
        users = attempt(Rights.from_county, county)
        own = find(county)
        found = Findings((*users, *own.faults), own.content)
    answer = {"service": service, "faults": [asdict(fault) for fault in found.faults], "content": found.content}
    print(json.dumps(answer, ensure_ascii=False))  # noqa: T201 -- the command's answer
    return 1 if found.faults else 0
