"""What the county does upon weather warnings 气象预警: kinds, colours, and from which colour on people must be seen."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tuoqi.alerts.domain.fields import PolicyError, items, mapping, number, one_of, text

COLOURS = ("BLUE", "YELLOW", "ORANGE", "RED")
NEVER = "NEVER"
"""Written where no colour of a kind has people visited."""


@dataclass(frozen=True, slots=True)
class WarningKind:
    """One kind of weather: from `visit_from` on people must be seen, from `alert_from` on an alert is raised."""

    kind: str
    name: str
    visit_from: str
    alert_from: str

    def visits(self, colour: str) -> bool:
        """Whether people must be seen."""
        return _reaches(colour, self.visit_from)

    def alerts(self, colour: str) -> bool:
        """Whether an alert is raised for each region."""
        return _reaches(colour, self.alert_from)


@dataclass(frozen=True, slots=True)
class WarningRules:
    """The county's kinds; `alert_kind` is what is raised, `within` how soon people must be seen from the issue on."""

    kinds: tuple[WarningKind, ...]
    alert_kind: str
    within: timedelta

    def kind(self, key: str) -> WarningKind | None:
        """The kind of this name; None where the county has none."""
        return next((one for one in self.kinds if one.kind == key), None)

    def due(self, issued_at: datetime) -> datetime:
        """By when everybody concerned must have been seen."""
        return issued_at + self.within


def read_warnings(data: object) -> WarningRules:
    """The rules of a file `{alert_kind, within_hours, kinds: [{kind, name, visit_from, alert_from}]}`; PolicyError."""
    top = mapping(data, "", {"alert_kind", "within_hours", "kinds"})
    kinds = []
    for one, path in items(top.get("kinds"), "kinds"):
        row = mapping(one, path, {"kind", "name", "visit_from", "alert_from"})
        allowed = {*COLOURS, NEVER}
        kinds.append(
            WarningKind(
                text(row.get("kind"), f"{path}.kind"),
                text(row.get("name"), f"{path}.name"),
                one_of(row.get("visit_from"), f"{path}.visit_from", allowed),
                one_of(row.get("alert_from"), f"{path}.alert_from", allowed),
            )
        )
    if len({one.kind for one in kinds}) != len(kinds):
        raise PolicyError("kinds", "同一种类写了两次")
    hours = number(top, "within_hours", "", 24, least=1)
    return WarningRules(tuple(kinds), text(top.get("alert_kind"), "alert_kind"), timedelta(hours=hours))


def _reaches(colour: str, least: str) -> bool:
    return least != NEVER and COLOURS.index(colour) >= COLOURS.index(least)
