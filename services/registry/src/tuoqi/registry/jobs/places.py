"""regions.csv 行政区划 and facilities.csv 设施. Loaded again, a row updates: an empty cell leaves what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow
from tuoqi.registry.domain.cells import Flaws
from tuoqi.registry.domain.person_rows import Regions
from tuoqi.registry.domain.place import FACILITY_PRIVATE, Facility, Region, apply_facility_row, apply_region_row
from tuoqi.registry.handlers import facility_event, region_event
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.chunk import Chunk, cells_of, open_chunk
from tuoqi.registry.jobs.columns import REGIONS, facility_columns
from tuoqi.registry.store.accounts import AccountVersion, add_accounts
from tuoqi.registry.store.places import load_facilities, load_regions, region_codes, save_facilities, save_regions


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


class FacilityImporter:
    """Takes facilities.csv, with the kinds of the county."""

    kind = "facilities"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.columns = facility_columns(desk.policy.facility_kinds)

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows in the file's order."""
        chunk = await open_chunk(self._desk, tx, self.columns, ctx)
        now = await load_facilities(tx, {str(row.values["code"]) for row in rows}, chunk.ring)
        regions = Regions(await region_codes(tx), self._desk.policy.county)
        changed: dict[str, Facility] = {}
        accounts: list[AccountVersion] = []
        for row in rows:
            cells, flaws = cells_of(row), Flaws()
            before = now.get(cells.text("code"))
            chunk.check_regions(flaws, "region", cells.text("region"), before.region if before else "")
            after = None if flaws.is_rejected() else apply_facility_row(before, cells, flaws, regions=regions)
            chunk.report(row, flaws)
            if after is None:
                continue
            if after == before:
                chunk.outcome.unchanged += 1
                continue
            chunk.outcome.changed += 1
            after = replace(after, version=after.version + 1)
            now[after.code] = changed[after.code] = after
            if _account_of(after) != _account_of(before):
                accounts.append(_account(chunk, row, after))
            chunk.tell(row, facility_event(after), key=after.code, version=after.version)
        if changed:
            await save_facilities(tx, list(changed.values()), chunk.ring)
        await add_accounts(tx, accounts, chunk.at, self._desk.vault, chunk.ring)
        return await chunk.close(tx)


def _account_of(facility: Facility | None) -> tuple[str, ...]:
    return tuple(facility.private.get(key, "") if facility else "" for key in FACILITY_PRIVATE)


def _account(chunk: Chunk, row: ParsedRow, facility: Facility) -> AccountVersion:
    number, name, bank = _account_of(facility)
    return AccountVersion(chunk.new_id(row, "account"), "", facility.code, number, name, bank)
