"""Recovery files by id: state, items, plan and history. The open amount of record is that of `recovery_cases`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import Change, expect_rows
from tuoqi.payments.domain.recovery import FileState, Instalment, Item, Notice, Proposal, RecoveryFile, Terms
from tuoqi.payments.store.lines import month_of, month_text

_COLUMNS: tuple[tuple[str, str], ...] = (
    ("recovery_id", "text"),
    ("person_id", "text"),
    ("state", "text"),
    ("version", "bigint"),
    ("opened_on", "date"),
    ("closed_on", "date"),
    ("owed_fen", "bigint"),
    ("repaid_fen", "bigint"),
    ("offset_fen", "bigint"),
    ("reduced_fen", "bigint"),
    ("written_off_fen", "bigint"),
    ("refunded_fen", "bigint"),
    ("notice_no", "int"),
    ("notice_fen", "bigint"),
    ("noticed_on", "date"),
    ("due_on", "date"),
    ("delivered_on", "date"),
    ("delivered_how", "text"),
    ("overdue_told", "boolean"),
    ("plan_paid_fen", "bigint"),
    ("signed_on", "date"),
    ("agreed_at", "timestamptz"),
    ("cap_fen", "bigint"),
    ("cap_hundredths", "int"),
    ("programmes", "text"),
    ("write_off_id", "text"),
    ("proposed_fen", "bigint"),
    ("proposed_by", "text"),
    ("proposed_reason", "text"),
)
_NAMES = ", ".join(name for name, _ in _COLUMNS)
_ARRAYS = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS)
_FIXED = frozenset({"recovery_id", "person_id", "opened_on"})
_INSERT = f"INSERT INTO recovery_files ({_NAMES}) SELECT * FROM unnest({_ARRAYS}) ON CONFLICT DO NOTHING"
_UPDATE = f"""
UPDATE recovery_files SET {", ".join(f"{name} = t.{name}" for name, _ in _COLUMNS if name not in _FIXED)}
FROM unnest({_ARRAYS}, CAST(:loaded AS bigint[])) AS t({_NAMES}, loaded)
WHERE recovery_files.recovery_id = t.recovery_id AND recovery_files.version = t.loaded
"""
_ITEMS = """
INSERT INTO recovery_items (person_id, programme, benefit_month, recovery_id, owed_fen, raised_fen, agreed_fen, reason,
                            cycle_id, opened_on)
SELECT * FROM unnest(CAST(:persons AS text[]), CAST(:programmes AS text[]), CAST(:months AS text[]),
    CAST(:files AS text[]), CAST(:owed AS bigint[]), CAST(:raised AS bigint[]), CAST(:agreed AS bigint[]),
    CAST(:reasons AS text[]), CAST(:cycles AS text[]), CAST(:opened AS date[]))
ON CONFLICT (person_id, programme, benefit_month) DO UPDATE
SET owed_fen = excluded.owed_fen, raised_fen = excluded.raised_fen, agreed_fen = excluded.agreed_fen,
    reason = excluded.reason, cycle_id = excluded.cycle_id, opened_on = excluded.opened_on
WHERE recovery_items.recovery_id = excluded.recovery_id
"""
_PLANS = """
INSERT INTO recovery_instalments (recovery_id, nth, due_on, amount_fen, upto_fen, judged, missed)
SELECT * FROM unnest(CAST(:files AS text[]), CAST(:nths AS int[]), CAST(:due AS date[]), CAST(:amounts AS bigint[]),
    CAST(:upto AS bigint[]), CAST(:judged AS boolean[]), CAST(:missed AS boolean[]))
"""

# The file's row is locked, so nobody else counts meanwhile.
_ACTS = """
INSERT INTO recovery_acts (recovery_id, nth, act, actor, at, amount_fen, code, reference, note)
SELECT t.file, t.nth + (SELECT count(*) FROM recovery_acts a WHERE a.recovery_id = t.file), t.act, t.actor, t.at,
       t.amount_fen, t.code, t.reference, t.note
FROM unnest(CAST(:files AS text[]), CAST(:nths AS int[]), CAST(:acts AS text[]), CAST(:actors AS text[]),
    CAST(:ats AS timestamptz[]), CAST(:amounts AS bigint[]), CAST(:codes AS text[]), CAST(:references AS text[]),
    CAST(:notes AS text[])) AS t(file, nth, act, actor, at, amount_fen, code, reference, note)
"""


class RecoveryStore:
    """Recovery files by id, as the kit's commands load and save them."""

    async def load(self, tx: Tx, keys: Collection[str]) -> dict[str, RecoveryFile]:
        """Those that exist, locked in key order, with items and plan."""
        ids = {"keys": list(keys)}
        where = "WHERE recovery_id = ANY(CAST(:keys AS text[])) ORDER BY recovery_id"
        rows = await tx.fetch(f"SELECT * FROM recovery_files {where} FOR UPDATE", **ids)
        return await files_of_rows(tx, rows)

    async def save(self, tx: Tx, changes: Sequence[Change[RecoveryFile]]) -> None:
        """New ones are inserted, others updated where their version is still the loaded one."""
        new = [change for change in changes if change.loaded_version is None]
        old = [change for change in changes if change.loaded_version is not None]
        if new:
            expect_rows(await tx.execute(_INSERT, **_arrays(new)), len(new))
        if old:
            loaded = [change.loaded_version for change in old]
            expect_rows(await tx.execute(_UPDATE, **_arrays(old), loaded=loaded), len(old))
        files = [change.state for change in changes]
        await _save_items(tx, files)
        await _save_plans(tx, files)
        await _remember(tx, files)


async def files_of_rows(tx: Tx, rows: Sequence[Any]) -> dict[str, RecoveryFile]:
    """Files from their rows, whole."""
    ids = {"keys": [row.recovery_id for row in rows]}
    where = "WHERE recovery_id = ANY(CAST(:keys AS text[])) ORDER BY recovery_id"
    items: dict[str, list[Item]] = {}
    for item in await tx.fetch(f"SELECT * FROM recovery_items {where}, benefit_month, programme, person_id", **ids):
        items.setdefault(item.recovery_id, []).append(_item(item))
    plans: dict[str, list[Instalment]] = {}
    for part in await tx.fetch(f"SELECT * FROM recovery_instalments {where}, nth", **ids):
        instalment = Instalment(part.nth, part.due_on, part.amount_fen, part.upto_fen, part.judged, part.missed)
        plans.setdefault(part.recovery_id, []).append(instalment)
    return {row.recovery_id: _file(row, items.get(row.recovery_id, ()), plans.get(row.recovery_id, ())) for row in rows}


async def _save_items(tx: Tx, files: Sequence[RecoveryFile]) -> None:
    items = [(file.recovery_id, item) for file in files for item in file.items]
    if not items:
        return
    touched = await tx.execute(
        _ITEMS,
        persons=[item.person_id for _, item in items],
        programmes=[item.programme for _, item in items],
        months=[month_text(item.month) for _, item in items],
        files=[recovery_id for recovery_id, _ in items],
        owed=[item.owed_fen for _, item in items],
        raised=[item.raised_fen for _, item in items],
        agreed=[item.agreed_fen for _, item in items],
        reasons=[item.reason for _, item in items],
        cycles=[item.cycle_id for _, item in items],
        opened=[item.opened_on for _, item in items],
    )
    expect_rows(touched, len(items))


async def _save_plans(tx: Tx, files: Sequence[RecoveryFile]) -> None:
    """Whole plans: a plan is short, and a new one takes the place of an older one."""
    ids = [file.recovery_id for file in files]
    await tx.execute("DELETE FROM recovery_instalments WHERE recovery_id = ANY(CAST(:ids AS text[]))", ids=ids)
    parts = [(file.recovery_id, part) for file in files for part in file.plan]
    if parts:
        await tx.execute(
            _PLANS,
            files=[recovery_id for recovery_id, _ in parts],
            nths=[part.nth for _, part in parts],
            due=[part.due_on for _, part in parts],
            amounts=[part.amount_fen for _, part in parts],
            upto=[part.upto_fen for _, part in parts],
            judged=[part.judged for _, part in parts],
            missed=[part.missed for _, part in parts],
        )


async def _remember(tx: Tx, files: Sequence[RecoveryFile]) -> None:
    done = [(file.recovery_id, nth, act) for file in files for nth, act in enumerate(file.acts, start=1)]
    if done:
        await tx.execute(
            _ACTS,
            files=[recovery_id for recovery_id, _, _ in done],
            nths=[nth for _, nth, _ in done],
            acts=[act.name for *_, act in done],
            actors=[act.by for *_, act in done],
            ats=[act.at for *_, act in done],
            amounts=[act.amount_fen for *_, act in done],
            codes=[act.code for *_, act in done],
            references=[act.reference for *_, act in done],
            notes=[act.note for *_, act in done],
        )


def _arrays(changes: Sequence[Change[RecoveryFile]]) -> dict[str, list[Any]]:
    rows = [_row(change.state) for change in changes]
    return {name: [row[name] for row in rows] for name, _ in _COLUMNS}


def _row(file: RecoveryFile) -> Mapping[str, Any]:
    notice, terms, proposal = file.notice, file.terms, file.proposal
    return {
        "recovery_id": file.recovery_id,
        "person_id": file.person_id,
        "state": str(file.state),
        "version": file.version,
        "opened_on": file.opened_on,
        "closed_on": file.closed_on,
        "owed_fen": file.owed_fen,
        "repaid_fen": file.repaid_fen,
        "offset_fen": file.offset_fen,
        "reduced_fen": file.reduced_fen,
        "written_off_fen": file.written_off_fen,
        "refunded_fen": file.refunded_fen,
        "notice_no": notice.number if notice else 0,
        "notice_fen": notice.amount_fen if notice else 0,
        "noticed_on": notice.issued_on if notice else None,
        "due_on": notice.due_on if notice else None,
        "delivered_on": notice.delivered_on if notice else None,
        "delivered_how": notice.delivered_how if notice else "",
        "overdue_told": file.overdue_told,
        "plan_paid_fen": file.plan_paid_fen,
        "signed_on": terms.signed_on if terms else None,
        "agreed_at": terms.agreed_at if terms else None,
        "cap_fen": terms.cap_fen if terms else None,
        "cap_hundredths": terms.cap_hundredths if terms else None,
        "programmes": json.dumps(terms.programmes if terms else ()),
        "write_off_id": proposal.write_off_id if proposal else "",
        "proposed_fen": proposal.amount_fen if proposal else 0,
        "proposed_by": proposal.by if proposal else "",
        "proposed_reason": proposal.reason if proposal else "",
    }


def _file(row: Any, items: Sequence[Item], plan: Sequence[Instalment]) -> RecoveryFile:
    notice = terms = proposal = None
    if row.notice_no:
        notice = Notice(row.notice_no, row.notice_fen, row.noticed_on, row.due_on, row.delivered_on, row.delivered_how)
    if row.agreed_at is not None:
        programmes = tuple(json.loads(row.programmes))
        terms = Terms(row.signed_on, row.agreed_at, programmes, row.cap_fen, row.cap_hundredths)
    if row.write_off_id:
        proposal = Proposal(row.write_off_id, row.proposed_fen, row.proposed_by, row.proposed_reason)
    return RecoveryFile(
        recovery_id=row.recovery_id,
        person_id=row.person_id,
        opened_on=row.opened_on,
        state=FileState(row.state),
        version=row.version,
        items=tuple(items),
        closed_on=row.closed_on,
        repaid_fen=row.repaid_fen,
        offset_fen=row.offset_fen,
        reduced_fen=row.reduced_fen,
        written_off_fen=row.written_off_fen,
        refunded_fen=row.refunded_fen,
        notice=notice,
        overdue_told=row.overdue_told,
        plan=tuple(plan),
        plan_paid_fen=row.plan_paid_fen,
        terms=terms,
        proposal=proposal,
    )


def _item(row: Any) -> Item:
    return Item(
        person_id=row.person_id,
        programme=row.programme,
        month=month_of(row.benefit_month),
        owed_fen=row.owed_fen,
        raised_fen=row.raised_fen,
        reason=row.reason,
        cycle_id=row.cycle_id,
        opened_on=row.opened_on,
        agreed_fen=row.agreed_fen,
    )
