"""Activities 活动: lectures, campaigns, free clinics, contacts with parents; who came, by name or by count.

人 (distinct persons) is known only of those who were named. 人次 is the named ones and the counted others together; what
was only counted never becomes a number of persons.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from tuoqi.visits.domain.fields import PolicyError, items, mapping, text, truth


class ActivityState(StrEnum):
    """How far an activity is."""

    PLANNED = "PLANNED"
    HELD = "HELD"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class ActivityKind:
    """A kind of the county: what one of it is called, for whom it is, what is handed out, by which channels."""

    code: str
    name: str
    unit: str
    target: str
    material: str = ""
    place: str = ""
    channels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AttendanceRole:
    """As what somebody came; `counts` is false for those who held it."""

    code: str
    name: str
    counts: bool


@dataclass(frozen=True, slots=True)
class ActivityRules:
    """Kinds and roles by code."""

    kinds: Mapping[str, ActivityKind] = field(default_factory=dict)
    roles: Mapping[str, AttendanceRole] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Count:
    """A number that somebody counted, or only judged by eye 余、多."""

    number: int = 0
    approximate: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of an activity; a correction says all of it again. `sealed`: title and reason.

    `others` came without being named; `places` were reached by no earlier activity of the campaign.
    """

    day: date
    region: str
    channel: str = ""
    others: Count = Count()
    places: Count = Count()
    materials: Count = Count()
    evidence: tuple[str, ...] = ()
    sealed: bytes | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Activity:
    """One activity. `edition` counts what was said of it; `named` counts the people who came by name and count."""

    activity_id: str
    number: str
    kind: str
    campaign: str
    said: Said
    state: ActivityState
    recorded_by: str
    recorded_at: datetime
    edition: int = 1
    named: int = 0
    version: int = 0

    def say(self, said: Said, state: ActivityState, by: str, at: datetime) -> "Activity":
        """The next edition."""
        return replace(self, said=said, state=state, edition=self.edition + 1, recorded_by=by, recorded_at=at)


@dataclass(frozen=True, slots=True)
class Campaign:
    """A series of activities of one kind with a period and a target."""

    campaign: str
    kind: str
    region: str
    first_day: date
    last_day: date
    target: int
    measure: str


MEASURES = {"sessions": "场次", "times": "人次", "persons": "人", "materials": "份", "places": "处"}


def read_activity_rules(data: object) -> ActivityRules:
    """The rules of a file `{kinds: […], roles: […]}`; raises PolicyError."""
    top = mapping(data, "", {"kinds", "roles"})
    kinds: dict[str, ActivityKind] = {}
    for one, path in items(top.get("kinds"), "kinds"):
        row = mapping(one, path, {"code", "name", "unit", "target", "material", "place", "channels"})
        channels = mapping(row.get("channels", {}), f"{path}.channels", None)
        kind = ActivityKind(
            code=text(row.get("code"), f"{path}.code"),
            name=text(row.get("name"), f"{path}.name"),
            unit=text(row.get("unit"), f"{path}.unit"),
            target=text(row.get("target"), f"{path}.target"),
            material=text(row["material"], f"{path}.material") if "material" in row else "",
            place=text(row["place"], f"{path}.place") if "place" in row else "",
            channels={str(key): text(name, f"{path}.channels.{key}") for key, name in channels.items()},
        )
        if kind.code in kinds:
            raise PolicyError(path, f"“{kind.code}”写了两次")
        kinds[kind.code] = kind
    roles: dict[str, AttendanceRole] = {}
    for one, path in items(top.get("roles"), "roles"):
        row = mapping(one, path, {"code", "name", "counts"})
        code = text(row.get("code"), f"{path}.code")
        if code in roles:
            raise PolicyError(path, f"“{code}”写了两次")
        roles[code] = AttendanceRole(
            code, text(row.get("name"), f"{path}.name"), truth(row, "counts", path, default=True)
        )
    return ActivityRules(kinds, roles)
