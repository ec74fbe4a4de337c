"""Which event of another service raises which kind of alert 预警来源, as the county says it."""

from dataclasses import dataclass

from tuoqi.alerts.domain.fields import PolicyError, items, mapping, one_of, text

FINDING = "FindingReported"
TASK_OVERDUE = "ExtraTaskOverdue"
DISPUTED = "InstructionDisputed"
VERIFIED = "VerificationFound"
EVENTS = frozenset({FINDING, TASK_OVERDUE, DISPUTED, VERIFIED})


@dataclass(frozen=True, slots=True)
class Source:
    """One row: `event` whose code is `when` (empty: any) raises `kind`."""

    event: str
    kind: str
    when: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """The rows in order; the first that fits holds. `unknown` is raised for a kind that the county does not know."""

    rows: tuple[Source, ...] = ()
    unknown: str = "unknown_finding"

    def kind_of(self, event: str, code: str = "") -> str:
        """What an event raises; empty where nothing."""
        return next((one.kind for one in self.rows if one.event == event and one.when in {"", code}), "")

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind that it names."""
        return frozenset({one.kind for one in self.rows} | {self.unknown})


def read_sources(data: object) -> Sources:
    """The rows of a file `{unknown_kind: …, sources: [{event, when?, kind}]}`; raises PolicyError."""
    top = mapping(data, "", {"unknown_kind", "sources"})
    rows = []
    for one, path in items(top.get("sources"), "sources"):
        row = mapping(one, path, {"event", "when", "kind"})
        event = one_of(row.get("event"), f"{path}.event", EVENTS)
        if event == FINDING:
            raise PolicyError(f"{path}.event", "发现自带预警种类，这里只写其他事件")
        when = text(row["when"], f"{path}.when") if "when" in row else ""
        rows.append(Source(event, text(row.get("kind"), f"{path}.kind"), when))
    return Sources(tuple(rows), text(top.get("unknown_kind"), "unknown_kind"))
