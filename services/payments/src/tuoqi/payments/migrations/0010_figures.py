"""Frozen reports of what was paid, and a short way to what was taken back."""

from tuoqi.kit.migrate import run_sql

revision = "payments0010"
branch_labels = None
down_revision = "payments0009"
depends_on = None

TABLES = """
CREATE TABLE figure_reports (
    report_id text COLLATE "C" PRIMARY KEY,
    title text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    broken_down_by text NOT NULL,
    frozen_at timestamptz NOT NULL,
    frozen_by text NOT NULL,
    definitions_hash text NOT NULL,
    content_hash text NOT NULL,
    content text NOT NULL
);

CREATE INDEX instructions_settled ON instructions (settled_on) WHERE state = 'SUCCESS';

CREATE INDEX ledger_entries_repaid ON ledger_entries (booked_at)
    WHERE account = 'SUBSIDY_FUND' AND movement = 'REPAID';

CREATE INDEX ledger_entries_set_off ON ledger_entries (cycle_id)
    WHERE account = 'PAYABLE' AND movement IN ('NETTED', 'CASE_REDUCED', 'OFFSET');
"""

REPORTS_STAY = """
CREATE TRIGGER figure_reports_append_only BEFORE UPDATE OR DELETE ON figure_reports
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    """Make the table and the indexes."""
    run_sql(TABLES)
    run_sql(REPORTS_STAY, whole=True)


def downgrade() -> None:
    """Refused: what was reported is never dropped."""
    raise RuntimeError("frozen reports are never dropped")
