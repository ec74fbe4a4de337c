"""Files for banks and what comes back: batches by template, signed; replies read; answers that fit nothing decided.

Account numbers are asked of the registry with the caller's rights, page by page, and kept nowhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.bankfiles import (
    BankFileError,
    Part,
    Splitter,
    Values,
    file_name,
    render,
    sheet_hash,
    table,
    totals_of,
)
from tuoqi.payments.domain.banks import BankFormat
from tuoqi.payments.domain.cycle import PAYING_OUT, Cycle
from tuoqi.payments.jobs.results import Taking, take_results
from tuoqi.payments.jobs.tools import Tools, known_cycle
from tuoqi.payments.store import bank
from tuoqi.payments.store.bank import Export, Unmatched
from tuoqi.payments.store.cycles import lock_money
from tuoqi.payments.store.instructions import Result, read_sent

PAGE = 2_000
PIECE_BYTES = 1 << 20
PIECE_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a file, bytes or spreadsheet rows; or, with no file, the manifest at the end."""

    file: str
    data: bytes = b""
    rows: Sequence[Sequence[str]] = ()
    manifest: str = ""


def format_of(tools: Tools, key: str) -> BankFormat:
    """A template of the county. Raises payments.bank_format_unknown."""
    found = tools.banks.find(key)
    if found is None:
        raise TuoqiError("payments.bank_format_unknown", format=key, allowed="、".join(tools.banks.keys))
    return found


async def export_files(
    tools: Tools, named: str, format_: BankFormat, export_no: int, *, by: str
) -> AsyncIterator[Piece]:
    """A batch of a cycle as files and a signed manifest; the same batch is the same bytes whenever it is asked for.

    Raises payments.export_nothing, payments.export_other_format, payments.export_unknown, payments.export_changed and
    what a template cannot hold; a new batch that its template cannot hold is taken back.
    """
    cycle, export, new = await _batch(tools, named, format_, export_no, by)
    files: list[dict[str, object]] = []
    try:
        async for part in _parts(tools, cycle, export, format_):
            pieces, described = await asyncio.to_thread(_written, format_, cycle, export, part)
            files.append(described)
            for piece in pieces:
                yield piece
    except BankFileError:
        if new:
            await tools.commander.transaction(lambda tx: bank.undo_export(tx, export))
        raise
    manifest = _manifest(tools, cycle, export, files)
    digest = hashlib.sha256(manifest.encode()).hexdigest()
    if not await tools.commander.transaction(lambda tx: bank.keep_manifest(tx, export, digest)):
        raise TuoqiError("payments.export_changed", cycle=cycle.name, no=export.export_no)
    yield Piece("", manifest=manifest)


async def _batch(tools: Tools, named: str, format_: BankFormat, export_no: int, by: str) -> tuple[Cycle, Export, bool]:
    """The batch that is asked for, made where there is something new; and whether it is new."""

    async def body(tx: Tx) -> tuple[Cycle, Export, bool]:
        await lock_money(tx)
        cycle = await known_cycle(tx, named)
        if cycle.state not in PAYING_OUT:
            raise TuoqiError("payments.export_nothing", cycle=cycle.name)
        made: Export | None = None
        if not export_no:
            now = tools.clock.now()
            wanted = Export(cycle.cycle_id, 0, format_.key, 0, 0, tools.policy_version, now, by)
            made = await bank.next_export(tx, cycle.cycle_id, wanted)
        if made is not None:
            return cycle, made, True
        earlier = await bank.exports_of(tx, cycle.cycle_id)
        found = [one for one in earlier if not export_no or one.export_no == export_no]
        if not found:
            slug = "payments.export_unknown" if export_no else "payments.export_nothing"
            raise TuoqiError(slug, cycle=cycle.name, no=export_no)
        if found[-1].format != format_.key:
            raise TuoqiError(
                "payments.export_other_format", cycle=cycle.name, no=found[-1].export_no, format=found[-1].format
            )
        return cycle, found[-1], False

    batch: tuple[Cycle, Export, bool] = await tools.commander.transaction(body)
    return batch


async def _parts(tools: Tools, cycle: Cycle, export: Export, format_: BankFormat) -> AsyncIterator[Part]:
    splitter, after = Splitter(format_), ("", "")
    while True:
        async with tools.database.begin() as tx:
            page = await bank.page_of_export(tx, cycle.cycle_id, export.export_no, after, PAGE)
        if not page:
            break
        accounts = await tools.registry.accounts(sorted({row.account_version_id for row in page}))
        for row in page:
            account = accounts[row.account_version_id]
            values: Values = {
                "batch": f"{cycle.name}-b{export.export_no}",
                "instruction_id": row.instruction_id,
                "account_name": account.account_name,
                "account_no": account.account_no,
                "bank": account.bank,
                "amount": row.amount_fen,
                "memo": tools.policy.programme(row.programme).name,
            }
            full = splitter.add(values)
            if full is not None:
                yield full
        after = (page[-1].programme, page[-1].instruction_id)
    for part in splitter.rest():
        yield part


def _written(format_: BankFormat, cycle: Cycle, export: Export, part: Part) -> tuple[list[Piece], dict[str, object]]:
    """A file in pieces, and what the manifest says of it."""
    name, totals = file_name(format_, cycle.name, export.export_no, part), totals_of(part, cycle.name, export.export_no)
    if format_.kind == "xlsx":
        rows = table(format_, part, totals)
        digest = sheet_hash(rows)
        pieces = [Piece(name, rows=rows[first : first + PIECE_ROWS]) for first in range(0, len(rows), PIECE_ROWS)]
    else:
        data = render(format_, part, totals)
        digest = hashlib.sha256(data).hexdigest()
        pieces = [Piece(name, data=data[first : first + PIECE_BYTES]) for first in range(0, len(data), PIECE_BYTES)]
    described: dict[str, object] = {
        "file": name,
        "bank": part.code,
        "rows": len(part.records),
        "amount_fen": part.amount_fen,
        "sha256": digest,
        "sha256_of": "cells" if format_.kind == "xlsx" else "bytes",
    }
    return pieces, described


def _manifest(tools: Tools, cycle: Cycle, export: Export, files: Sequence[dict[str, object]]) -> str:
    """What was handed over, in one canonical JSON text with the signature of all before it."""
    if tools.signer is None:
        raise TuoqiError("payments.bank_no_signer")
    content: dict[str, object] = {
        "county": tools.policy.county,
        "cycle": cycle.name,
        "export_no": export.export_no,
        "format": export.format,
        "rule_version": export.rule_version,
        "instructions": export.instructions,
        "amount_fen": export.amount_fen,
        "files": list(files),
        "public_key": tools.signer.public_key,
    }
    content["signature"] = tools.signer.sign(canonical(content))
    return json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def canonical(content: dict[str, object]) -> bytes:
    """What is signed: the manifest without its signature, keys sorted, no blanks."""
    unsigned = {key: value for key, value in content.items() if key != "signature"}
    return json.dumps(unsigned, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


async def assign(tools: Tools, result_id: str, instruction_id: str, *, by: str) -> Unmatched:
    """Take an answer that was kept aside for the instruction that it means.

    Raises payments.unmatched_unknown, payments.unmatched_decided, payments.unmatched_same_person,
    payments.unmatched_no_instruction, payments.unmatched_amount, payments.unmatched_no_day.
    """

    async def body(tx: Tx) -> Unmatched:
        await lock_money(tx)
        one = await _to_decide(tx, result_id, by)
        sent = await read_sent(tx, [instruction_id])
        if instruction_id not in sent:
            raise TuoqiError("payments.unmatched_no_instruction", instruction=instruction_id)
        before = sent[instruction_id]
        if one.amount_fen is not None and one.amount_fen != before.amount_fen:
            raise TuoqiError("payments.unmatched_amount", instruction=instruction_id)
        if one.result == "SUCCESS" and one.settled_on is None:
            raise TuoqiError("payments.unmatched_no_day")
        now = tools.clock.now()
        same = before.state == one.result or (before.state == "WITHDRAWN" and one.result == "RETURNED")
        if not same:
            day = one.settled_on if one.result == "SUCCESS" else None
            result = Result(instruction_id, one.result, day, one.return_reason)
            source = f"unmatched|{result_id}"
            await take_results(tools, tx, sent, [result], Taking(source, now, by, cause=source))
        await bank.decide_unmatched(tx, result_id, "ASSIGNED", by=by, at=now, assigned_to=instruction_id)
        return replace(one, state="ASSIGNED", decided_by=by, decided_at=now, assigned_to=instruction_id)

    decided: Unmatched = await tools.commander.transaction(body)
    return decided


async def dismiss(tools: Tools, result_id: str, because: str, *, by: str) -> Unmatched:
    """End an answer that was kept aside: nothing follows from it. Raises what `assign` raises of the answer itself."""

    async def body(tx: Tx) -> Unmatched:
        one, now = await _to_decide(tx, result_id, by), tools.clock.now()
        await bank.decide_unmatched(tx, result_id, "DISMISSED", by=by, at=now, because=because)
        return replace(one, state="DISMISSED", decided_by=by, decided_at=now, because=because)

    decided: Unmatched = await tools.commander.transaction(body)
    return decided


async def _to_decide(tx: Tx, result_id: str, by: str) -> Unmatched:
    one = await bank.find_unmatched(tx, result_id)
    if one is None:
        raise TuoqiError("payments.unmatched_unknown", result=result_id)
    if one.state != "OPEN":
        raise TuoqiError("payments.unmatched_decided", by=one.decided_by)
    if one.taken_by == by:
        raise TuoqiError("payments.unmatched_same_person", by=by)
    return one
