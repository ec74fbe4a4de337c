"""facilities.csv 设施. Loaded again, a row updates: an empty cell leaves what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import ParsedRow
from tuoqi.registry.domain.cells import Flaws
from tuoqi.registry.domain.facility import Facility, apply_facility_row, has_fire_gap
from tuoqi.registry.domain.person_rows import Regions
from tuoqi.registry.domain.stay import Beds
from tuoqi.registry.handlers import facility_event
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.chunk import Chunk, cells_of, open_chunk
from tuoqi.registry.jobs.columns import facility_columns
from tuoqi.registry.store.accounts import AccountVersion, add_accounts
from tuoqi.registry.store.facilities import load_facilities, save_facilities
from tuoqi.registry.store.regions import region_codes
from tuoqi.registry.store.stays import occupied_beds


class FacilityImporter:
    """Takes facilities.csv, with the kinds of the county."""

    kind = "facilities"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rules = desk.policy.facility_rules
        self.columns = facility_columns(desk.policy.facility_kinds)

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows in the file's order."""
        chunk = await open_chunk(self._desk, tx, self.columns, ctx)
        now = await load_facilities(tx, {str(row.values["code"]) for row in rows}, chunk.ring)
        taken = await occupied_beds(tx, now.keys(), chunk.today)
        regions = Regions(await region_codes(tx), self._desk.policy.county)
        changed: dict[str, Facility] = {}
        accounts: list[AccountVersion] = []
        for row in rows:
            cells, flaws = cells_of(row), Flaws()
            before = now.get(cells.text("code"))
            chunk.check_regions(flaws, "region", cells.text("region"), before.region if before else "")
            after = None if flaws.is_rejected() else apply_facility_row(before, cells, flaws, regions=regions)
            if after is not None:
                self._warn(chunk, after, Beds(after.beds, taken.get(after.code, ())), flaws)
            chunk.report(row, flaws)
            if after is None:
                continue
            if after == before:
                chunk.outcome.unchanged += 1
                continue
            chunk.outcome.changed += 1
            after = replace(after, version=after.version + 1)
            now[after.code] = changed[after.code] = after
            if after.account != (before.account if before else ("", "", "")):
                accounts.append(AccountVersion(chunk.new_id(row, "account"), "", after.code, *after.account))
            chunk.tell(row, facility_event(after, self._rules), key=after.code, version=after.version)
        if changed:
            await save_facilities(tx, list(changed.values()), chunk.at, chunk.ring)
        await add_accounts(tx, accounts, chunk.at, self._desk.vault, chunk.ring)
        return await chunk.close(tx)

    def _warn(self, chunk: Chunk, after: Facility, beds: Beds, flaws: Flaws) -> None:
        """What is doubtful in a facility; nothing of it keeps the row out."""
        if after.details.get("fire_equipment") and has_fire_gap(after, self._rules):
            flaws.warn("fire_equipment", after.details["fire_equipment"], "所填不是可用的消防设施，记为消防缺口。")
        if beds.beds is not None and (most := beds.most_from(chunk.today)) > beds.beds:
            flaws.warn("beds", str(beds.beds), f"床位少于在住人数：已登记 {most} 人入住，请核对。")
