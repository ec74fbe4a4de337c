"""Changes of regions 区划变更 by a document: merge, rename, split, move. Nobody's own region is rewritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from tuoqi.registry.domain.region import LEVEL_OF_KIND, Geography, PastForm, Region, Succession


@dataclass(frozen=True, slots=True)
class NewRegion:
    """What a change makes: a region that exists already keeps what is left empty, a new one takes it from the old."""

    code: str
    name: str = ""
    parent: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of regions 区划变更 by a document."""

    kind: str
    """merge 合并, rename 更名, split 拆分 or move 改隶."""
    old: tuple[str, ...]
    new: tuple[NewRegion, ...]
    on: date
    """The first day on which it holds."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change comes to; nobody's own region is touched."""

    regions: tuple[Region, ...]
    """As they are afterwards, those that changed or are new, their versions not raised yet."""
    forms: tuple[PastForm, ...]
    successions: tuple[Succession, ...]


class ChangeRefused(ValueError):
    """A change that cannot be; `slug` and `details` say why."""

    def __init__(self, slug: str, **details: object) -> None:
        super().__init__(slug, details)
        self.slug = slug
        self.details = details


_SHAPES: Final[Mapping[str, tuple[range, range]]] = {
    "merge": (range(1, 51), range(1, 2)),
    "rename": (range(1, 2), range(1, 2)),
    "split": (range(1, 2), range(2, 51)),
    "move": (range(1, 2), range(1, 2)),
}
"""Kind → how many old and how many new codes."""
CHANGE_KINDS: Final = tuple(_SHAPES)


def change_regions(geography: Geography, change: Change, *, today: date) -> Changed:
    """What a change does. Raises ChangeRefused."""
    _check(geography, change, today)
    now: dict[str, Region] = {}
    forms: list[PastForm] = []
    first = geography.regions[change.old[0]]
    for new in change.new:
        region = geography.regions.get(new.code)
        if region is None:
            now[new.code] = _founded(new, first, change)
        elif change.kind in {"rename", "move"}:
            after = replace(
                region, name=new.name or region.name, parent=new.parent or region.parent, kind=new.kind or region.kind
            )
            forms.append(_past(region, change.on))
            now[new.code] = after
        else:
            now.setdefault(new.code, region)
    new_codes = [new.code for new in change.new]
    closed = [code for code in change.old if code not in new_codes]
    for code in closed:
        now[code] = replace(geography.regions[code], valid_to=date.fromordinal(change.on.toordinal() - 1))
        _move_children(geography, code, change, now, forms)
    changed = tuple(region for code, region in sorted(now.items()) if region != geography.regions.get(code))
    if not changed:
        raise ChangeRefused("region_same")
    successions = [Succession(old, new, change.on) for old in change.old for new in new_codes]
    return Changed(changed, tuple(forms), tuple(successions))


def _founded(new: NewRegion, old: Region, change: Change) -> Region:
    if not new.name and change.kind != "move":
        raise ChangeRefused("region_name_missing", code=new.code)
    return Region(new.code, new.name or old.name, new.parent or old.parent, new.kind or old.kind, valid_from=change.on)


def _past(region: Region, until: date) -> PastForm:
    return PastForm(region.code, until, region.name, region.parent, region.kind)


def _move_children(
    geography: Geography, code: str, change: Change, now: dict[str, Region], forms: list[PastForm]
) -> None:
    children = [one for one in geography.regions.values() if one.parent == code and one.exists_on(change.on)]
    if not children:
        return
    if len(change.new) > 1:
        raise ChangeRefused("region_has_children", code=code, count=len(children))
    for child in children:
        forms.append(_past(child, change.on))
        now[child.code] = replace(now.get(child.code, child), parent=change.new[0].code)


def _check(geography: Geography, change: Change, today: date) -> None:
    olds, news = _SHAPES[change.kind]
    codes = [new.code for new in change.new]
    if len(change.old) not in olds or len(codes) not in news or _repeats(change.old) or _repeats(codes):
        raise ChangeRefused("region_change_shape", kind=change.kind)
    if change.on > today:
        raise ChangeRefused("region_day_in_future", day=change.on, today=today)
    for code in change.old:
        region = geography.regions.get(code)
        if region is None or not region.exists_on(change.on) or not _existed_before(region, change.on):
            raise ChangeRefused("region_not_in_force", code=code, day=change.on)
        if (latest := geography.last_change(code)) and latest > change.on:
            raise ChangeRefused("region_change_order", code=code, day=latest)
    level = geography.regions[change.old[0]].level
    same_code = set(codes) == set(change.old)
    if (change.kind == "rename" and not same_code) or (change.kind == "merge" and same_code):
        raise ChangeRefused("region_change_shape", kind=change.kind)
    for new in change.new:
        _check_new(geography, change, new, level)


def _check_new(geography: Geography, change: Change, new: NewRegion, level: str) -> None:
    region = geography.regions.get(new.code)
    if region is not None and not region.exists_on(change.on):
        raise ChangeRefused("region_code_used", code=new.code)
    if change.kind == "move":
        old = geography.regions[change.old[0]]
        if not new.parent or new.parent == old.parent or (region is not None and new.code != old.code):
            raise ChangeRefused("region_change_shape", kind=change.kind)
    if level != LEVEL_OF_KIND.get(new.kind, level) or (region is not None and region.level != level):
        raise ChangeRefused("region_level", code=new.code)
    if new.parent and not geography.exists(new.parent, change.on):
        raise ChangeRefused("region_not_in_force", code=new.parent, day=change.on)
    if new.parent and new.code in geography.path(new.parent, change.on):
        raise ChangeRefused("region_level", code=new.parent)


def _existed_before(region: Region, day: date) -> bool:
    return region.valid_from is None or region.valid_from < day


def _repeats(codes: Sequence[str]) -> bool:
    return len(set(codes)) != len(codes)
