"""What finance does with the money of sources: allotments in, project spending out, and whether a source is short."""

from __future__ import annotations

from collections.abc import Sequence

from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.funding import FundMovement
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.store import funding
from tuoqi.payments.store.cycles import lock_money
from tuoqi.payments.store.funding import Receipt, Standing

LOTTERY = "lottery"


async def refuse_when_short(tools: Tools, tx: Tx, cycle: Cycle, programmes: Sequence[str]) -> None:
    """Raises payments.funding_short where a source would go below zero and the county wants that refused."""
    if not tools.funding.refuse_when_short:
        return
    bearing = {source for one in programmes for source in tools.funding.parts(one, cycle.month)}
    standing = await funding.standings(tx)
    short = {source: standing[source].balance_fen for source in sorted(bearing) if source in standing}
    lacking = [f"{tools.funding.name(source)}缺 {_yuan(-fen)} 元" for source, fen in short.items() if fen < 0]
    if lacking:
        raise TuoqiError("payments.funding_short", cycle=cycle.name, short="、".join(lacking))


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


async def allot(
    tools: Tools, source: str, amount_fen: int, document_no: str, note: str, *, by: str
) -> tuple[Receipt, Standing]:
    """Book money that came in; the same document again changes nothing.

    Raises payments.funding_source_unknown, payments.funding_document_taken.
    """
    return await _book(tools, source, FundMovement.ALLOTTED, amount_fen, document_no, note, by=by)


async def spend(
    tools: Tools, source: str, amount_fen: int, document_no: str, note: str, *, by: str
) -> tuple[Receipt, Standing]:
    """Book what a project spent. Raises payments.funding_no_project and payments.funding_project_short too."""
    return await _book(tools, source, FundMovement.SPENT, amount_fen, document_no, note, by=by)


async def _book(
    tools: Tools, source: str, kind: FundMovement, amount_fen: int, document_no: str, note: str, *, by: str
) -> tuple[Receipt, Standing]:
    known = {one.key: one for one in tools.funding.sources}
    if source not in known:
        raise TuoqiError("payments.funding_source_unknown", source=source, allowed="、".join(known))
    if kind is FundMovement.SPENT and known[source].level != LOTTERY:
        raise TuoqiError("payments.funding_no_project", source=known[source].name)
    now = tools.clock.now()
    receipt = Receipt(
        receipt_id=tools.ids(now, f"receipt|{source}|{kind}|{document_no}", 0),
        source=source,
        kind=kind.value,
        amount_fen=amount_fen,
        document_no=document_no.strip(),
        note=note,
        made_at=now,
        made_by=by,
    )

    async def body(tx: Tx) -> tuple[Receipt, Standing]:
        await lock_money(tx)
        if not await funding.add_receipt(tx, receipt):
            return await _booked(tx, receipt), (await funding.standings(tx))[source]
        after = (await funding.standings(tx))[source]
        if kind is FundMovement.SPENT and amount_fen > 0 and after.balance_fen < 0:
            raise TuoqiError("payments.funding_project_short", source=known[source].name)
        return receipt, after

    booked: tuple[Receipt, Standing] = await tools.commander.transaction(body)
    return booked


async def _booked(tx: Tx, receipt: Receipt) -> Receipt:
    """What this document booked already, where it is the same."""
    before = await funding.receipt_of(tx, receipt.source, receipt.kind, receipt.document_no)
    if before is None or before.amount_fen != receipt.amount_fen:
        raise TuoqiError("payments.funding_document_taken", document_no=receipt.document_no)
    return before
