"""Lines of steady people as bytes for COPY, with what follows from each: what is to be instructed, and its posting.

Most of a row is the same for everybody who is paid the same by the same rule, so that it is packed once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows
from tuoqi.kit.packing import bigint, boolean, row, text, timestamptz
from tuoqi.payments.domain.ledger import ACCOUNTS, Movement
from tuoqi.payments.store.cash import OUTGOING_COLUMNS
from tuoqi.payments.store.ledger import ENTRY_COLUMNS
from tuoqi.payments.store.lines import LINE_COLUMNS

Kind = tuple[str, str, str, int, str, str, bool, bool]
"""What lines have in common: programme, month, type, fen, reason, version of the rules, facility, may be posted."""


@dataclass(slots=True)
class Packed:
    """Rows of three tables, in the order of their columns."""

    cycle_id: str
    at: datetime
    """The business time at which it is booked."""
    lines: list[bytes] = field(default_factory=list)
    outgoing: list[bytes] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)
    _known: dict[Kind, tuple[bytes, ...]] = field(default_factory=dict)

    def add(self, kind: Kind, person_id: str, line_id: str, facts: str, posting: int) -> None:
        """One line whose whole amount is to be instructed; nothing was paid for its month before."""
        parts = self._known.get(kind)
        if parts is None:
            parts = self._known[kind] = self._parts(kind)
        programme, month, content, rules, cycle, sent, debit, credit, booked = parts
        person, number = text(person_id), bigint(posting)
        self.lines.append(b"".join((programme, person, month, text(line_id), content, text(facts), rules)))
        self.outgoing.append(cycle + person + sent)
        self.entries.append(b"".join((_ENTRY, number, debit, person, booked, _ENTRY, number, credit, person, booked)))

    def _parts(self, kind: Kind) -> tuple[bytes, ...]:
        programme, month, line_type, fen, reason, rule_version, facility, posted = kind
        cycle, amount = text(self.cycle_id), bigint(fen)
        debit, credit = (text(account) for account in ACCOUNTS[Movement.DECIDED])
        decided = cycle + text(Movement.DECIDED)
        return (
            row(len(LINE_COLUMNS)) + cycle + text(programme),
            text(month),
            text(line_type) + amount + text(reason) + amount + bigint(0),
            text(rule_version) + boolean(facility) + boolean(posted),
            row(len(OUTGOING_COLUMNS)) + cycle,
            text(programme) + text(month) + amount + text("TO_INSTRUCT") + boolean(facility),
            decided + debit + amount + text(programme),
            decided + credit + bigint(-fen) + text(programme),
            text(month) + text("") + timestamptz(self.at),
        )

    async def write(self, tx: Tx) -> None:
        """Write all rows; the tables' own keys refuse a line that is there already."""
        for table, columns, rows, each in (
            ("payment_lines", LINE_COLUMNS, self.lines, 1),
            ("outgoing", OUTGOING_COLUMNS, self.outgoing, 1),
            ("ledger_entries", ENTRY_COLUMNS, self.entries, 2),
        ):
            expect_rows(await tx.copy_packed(table, columns, rows), each * len(rows))


_ENTRY = row(len(ENTRY_COLUMNS))
