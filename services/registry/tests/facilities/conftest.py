"""People and houses for the tests of stays, assessments, guardianships and facilities."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tuoqi.kit.commands import Commander
from tuoqi.kit.rights import Actor
from tuoqi.registry.rpc.facilities import FacilityServicer

VILLAGE = "990101101201"
OFFICER = Actor(user="reviewer.zhao", purpose="测试", rights=frozenset({"facility.read", "facility.write"}))
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def number_of(sequence: int, born: date) -> str:
    """A valid number of nobody."""
    body = f"990101{born:%Y%m%d}{sequence:03d}"
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]


class Town:
    """Makes rows of files."""

    @staticmethod
    def person(sequence: int, born: date = date(1945, 5, 5), **columns: str) -> dict[str, str]:
        """A row of persons.csv."""
        number = number_of(sequence, born)
        return {"name": f"测{sequence}", "id_number": number, "hukou_region": VILLAGE, **columns}

    @staticmethod
    def home(code: str, beds: str = "2", **columns: str) -> dict[str, str]:
        """A row of facilities.csv: a home where people live."""
        kind = "township_elder_home"
        row = {"code": code, "name": f"测试{code}", "kind": kind, "region": VILLAGE, "beds": beds}
        return {**row, "fire_equipment": "消防栓", **columns}

    @staticmethod
    def stay(person: dict[str, str], facility: str, began: str, ended: str = "") -> dict[str, str]:
        """A row of stays.csv."""
        return {"id_number": person["id_number"], "facility": facility, "from": began, "to": ended}


@pytest.fixture
def town() -> type[Town]:
    """Makes rows of files."""
    return Town


@pytest.fixture
def desk_of() -> Callable[[Any], FacilityServicer]:
    """The servicer of facilities of an office."""

    def make(office: Any) -> FacilityServicer:
        commander = Commander({}, office.database, office.desk.origin, lambda: None)
        return FacilityServicer(office.database, office.desk, commander)

    return make


@pytest.fixture
def officer() -> Actor:
    """Somebody of the county who may change facilities everywhere."""
    return OFFICER
