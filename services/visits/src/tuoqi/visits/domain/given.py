"""Kinds of services given 服务项目, as the county names them. A code that it does not name is kept all the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tuoqi.visits.domain.fields import PolicyError, items, mapping, text


@dataclass(frozen=True, slots=True)
class ServiceKind:
    """One kind: what it is called, what one of it is called, and the group it is counted in (助餐 …)."""

    code: str
    name: str
    unit: str
    group: str


@dataclass(frozen=True, slots=True)
class ServiceKinds:
    """A county's kinds by code."""

    kinds: Mapping[str, ServiceKind] = field(default_factory=dict)

    def named(self, code: str) -> ServiceKind:
        """The kind of a code; one that the county does not name is called by its code."""
        return self.kinds.get(code) or ServiceKind(code, code, "次", "")


def read_service_kinds(data: object) -> ServiceKinds:
    """The kinds of a file `{services: [...]}`; raises PolicyError."""
    top = mapping(data, "", {"services"})
    kinds: dict[str, ServiceKind] = {}
    for one, path in items(top.get("services"), "services"):
        row = mapping(one, path, {"code", "name", "unit", "group"})
        kind = ServiceKind(*(text(row.get(key), f"{path}.{key}") for key in ("code", "name", "unit", "group")))
        if kind.code in kinds:
            raise PolicyError(path, f"“{kind.code}”写了两次")
        kinds[kind.code] = kind
    return ServiceKinds(kinds)
