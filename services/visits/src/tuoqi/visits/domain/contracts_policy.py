"""Reads the county's kinds of care contracts from plain data; a fault names its place and reason."""

from tuoqi.visits.domain.contracts import PARTIES, ContractKind, ContractRules
from tuoqi.visits.domain.fields import PolicyError, day, items, mapping, number, one_of, text, texts

KEYS = {"kind", "name", "effective_from", "document", "for", "parties", "days_max"}


def read_contract_rules(data: object) -> ContractRules:
    """The kinds of a file `{warn_days, contracts: [...]}`; raises PolicyError."""
    top = mapping(data, "", {"warn_days", "contracts"})
    kinds: dict[str, tuple[ContractKind, ...]] = {}
    for one, path in items(top.get("contracts"), "contracts"):
        kind = _kind(one, path)
        before = kinds.get(kind.key, ())
        if before and before[-1].effective_from >= kind.effective_from:
            raise PolicyError(f"{path}.effective_from", "同一种协议的生效日期须依次递增")
        kinds[kind.key] = (*before, kind)
    return ContractRules(kinds, number(top, "warn_days", "", 30))


def _kind(data: object, path: str) -> ContractKind:
    row = mapping(data, path, KEYS)
    whom = mapping(row.get("for"), f"{path}.for", {"category", "subtypes"})
    parties = [one_of(one, where, PARTIES) for one, where in items(row.get("parties"), f"{path}.parties")]
    return ContractKind(
        key=text(row.get("kind"), f"{path}.kind"),
        name=text(row.get("name"), f"{path}.name"),
        category=text(whom.get("category"), f"{path}.for.category"),
        subtypes=texts(whom, "subtypes", f"{path}.for"),
        parties=tuple(parties),
        days_max=number(row, "days_max", path, 366, least=1),
        effective_from=day(row.get("effective_from"), f"{path}.effective_from"),
    )
