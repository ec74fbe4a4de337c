"""regions.csv 行政区划, and changes of regions by document. Loaded again, a row updates: an empty cell leaves all as is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow
from tuoqi.registry.domain.cells import Flaws
from tuoqi.registry.domain.region import Geography, Region, apply_region_row
from tuoqi.registry.domain.region_change import Change, Changed, ChangeRefused, change_regions
from tuoqi.registry.handlers import region_event
from tuoqi.registry.jobs.act import Act, Desk
from tuoqi.registry.jobs.chunk import cells_of, open_chunk
from tuoqi.registry.jobs.columns import REGIONS
from tuoqi.registry.store.regions import add_change, load_geography, load_regions, region_codes, save_regions


class RegionImporter:
    """Takes regions.csv."""

    kind = "regions"
    columns: Sequence[Column] = REGIONS

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows in the file's order; a parent may stand anywhere in the chunk."""
        chunk = await open_chunk(self._desk, tx, self.columns, ctx)
        now = await load_regions(tx, {str(row.values["code"]) for row in rows})
        known = await region_codes(tx) | {str(row.values["code"]) for row in rows}
        changed: dict[str, Region] = {}
        for row in rows:
            cells, flaws = cells_of(row), Flaws()
            before = now.get(cells.text("code"))
            chunk.check_regions(flaws, "code", cells.text("code"))
            after = apply_region_row(before, cells, flaws, today=chunk.today, known=known)
            chunk.report(row, flaws)
            if after is None:
                continue
            if after == before:
                chunk.outcome.unchanged += 1
                continue
            chunk.outcome.changed += 1
            after = replace(after, version=after.version + 1)
            now[after.code] = changed[after.code] = after
            chunk.tell(row, region_event(after), key=after.code, version=after.version)
        if changed:
            await save_regions(tx, list(changed.values()))
        return await chunk.close(tx)


@dataclass(frozen=True, slots=True)
class ChangeMade:
    """A change that was carried out."""

    change_id: str
    regions: tuple[Region, ...]
    """As they are now."""


class RegionActs:
    """Commands about regions."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def change(self, tx: Tx, actor: Actor, change: Change, document_no: str) -> ChangeMade:
        """Merge, rename, split or move regions; nobody's own region is rewritten.

        Raises registry.region_… and auth.no_region.
        """
        act = await self._desk.begin(tx, actor)
        geography = await load_geography(tx, lock=True)
        for code in (*change.old, *(new.code for new in change.new), *(new.parent for new in change.new if new.parent)):
            actor.require_region(code)
        changed = _changed(geography, change, act)
        first = geography.regions[change.old[0]]
        cause = f"ChangeRegion|{first.code}|{first.version}|{actor.user}"
        change_id = act.new_id(cause, "change")
        successors: dict[str, list[str]] = {}
        for one in changed.successions:
            successors.setdefault(one.old, []).append(one.new)
        regions = tuple(replace(one, version=one.version + 1) for one in changed.regions)
        for region in regions:
            closed = region.valid_to is not None
            event = region_event(region, replaced_by=successors.get(region.code, ()) if closed else (), change=change)
            act.tell(cause, event, key=region.code, version=region.version)
        await save_regions(tx, regions)
        await add_change(
            tx, change_id, changed, known_at=act.at, kind=change.kind, document_no=document_no, by=actor.user
        )
        await act.send(tx)
        return ChangeMade(change_id, regions)


def _changed(geography: Geography, change: Change, act: Act) -> Changed:
    try:
        return change_regions(geography, change, today=act.today)
    except ChangeRefused as refusal:
        raise TuoqiError(f"registry.{refusal.slug}", **refusal.details) from refusal
