"""Reads the county's kinds of pairings from plain data; a fault names its place and reason."""

from collections.abc import Mapping
from typing import Any

from tuoqi.visits.domain.fields import PolicyError, day, items, mapping, number, one_of, text, texts, truth
from tuoqi.visits.domain.pairings import COUNTY, STEPS, TOWNSHIP, PairingKind, PairingRules

KEYS = {"kind", "name", "effective_from", "document", "posts", "relatives", "for", "women_for_girls_from"} | {
    "max_load", "target", "balance", "reach",
}  # fmt: skip


def read_pairing_rules(data: object) -> PairingRules:
    """The kinds of a file `{pairings: [...]}`; raises PolicyError."""
    top = mapping(data, "", {"pairings"})
    kinds: dict[str, tuple[PairingKind, ...]] = {}
    for one, path in items(top.get("pairings"), "pairings"):
        kind = _kind(mapping(one, path, KEYS), path)
        before = kinds.get(kind.key, ())
        if before and before[-1].effective_from >= kind.effective_from:
            raise PolicyError(f"{path}.effective_from", "同一种结对的生效日期须依次递增")
        kinds[kind.key] = (*before, kind)
    return PairingRules(kinds)


def _kind(row: Mapping[str, Any], path: str) -> PairingKind:
    whom = mapping(row.get("for"), f"{path}.for", {"categories", "age_from", "age_to"})
    posts, relatives = texts(row, "posts", path), truth(row, "relatives", path)
    if bool(posts) == relatives:
        raise PolicyError(f"{path}.posts", "posts 与 relatives 须填其一")
    max_load = number(row, "max_load", path, 8, least=1)
    target = number(row, "target", path, 0)
    if target > max_load:
        raise PolicyError(f"{path}.target", "不得大于 max_load")
    girls = number(row, "women_for_girls_from", path, 0) if "women_for_girls_from" in row else None
    return PairingKind(
        key=text(row.get("kind"), f"{path}.kind"),
        name=text(row.get("name"), f"{path}.name"),
        posts=posts,
        relatives=relatives,
        categories=texts(whom, "categories", f"{path}.for"),
        age_from=number(whom, "age_from", f"{path}.for", 0),
        age_to=number(whom, "age_to", f"{path}.for", 17),
        women_for_girls_from=girls,
        max_load=max_load,
        target=target,
        balance=one_of(row.get("balance", TOWNSHIP), f"{path}.balance", STEPS),
        reach=one_of(row.get("reach", COUNTY), f"{path}.reach", STEPS),
        effective_from=day(row.get("effective_from"), f"{path}.effective_from"),
    )
