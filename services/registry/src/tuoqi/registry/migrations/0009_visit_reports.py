"""What visits report of people who moved or died, until the register knows it or a clerk refutes it."""

from tuoqi.kit.migrate import run_sql

revision = "registry0009"
down_revision = "registry0008"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE visit_reports (
    finding_id text PRIMARY KEY,
    person_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('death', 'move')),
    found_on date NOT NULL,
    visit_id text NOT NULL,
    refuted_by text NOT NULL DEFAULT '',
    refuted_at timestamptz,
    private bytea
);

CREATE TABLE visit_reports_corrected (
    visit_id text PRIMARY KEY
);

CREATE INDEX visit_reports_open ON visit_reports (person_id, kind) WHERE refuted_at IS NULL;
"""


def upgrade() -> None:
    """Make the table."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: what was reported is never dropped."""
    raise RuntimeError("reports are never dropped")
