"""Alerts and the books they stand in."""

from tuoqi.kit.migrate import run_sql

revision = "alerts0001"
down_revision = None
branch_labels = None
depends_on = None

# One row of alert_books is one aggregate: whoever changes a person's alerts locks it and raises its version.
# Ids are compared byte by byte, so that every writer locks in the same order whatever the database's language.
TABLES = """
CREATE TABLE alert_books (
    person_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL
);

CREATE TABLE alerts (
    alert_id text COLLATE "C" PRIMARY KEY,
    person_id text COLLATE "C" NOT NULL,
    facility text NOT NULL,
    kind text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('CRITICAL', 'HIGH', 'MEDIUM')),
    raised_at timestamptz NOT NULL,
    severity_since timestamptz NOT NULL,
    rules_from date NOT NULL,
    rules_version text NOT NULL,
    joined int NOT NULL,
    causes jsonb NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text NOT NULL,
    escalations jsonb NOT NULL,
    closed_at timestamptz,
    closed_as text NOT NULL,
    due_at timestamptz CHECK (closed_at IS NULL OR due_at IS NULL)
);

CREATE UNIQUE INDEX alerts_one_open ON alerts (person_id, kind) WHERE closed_at IS NULL;
CREATE INDEX alerts_due ON alerts (due_at, person_id) WHERE due_at IS NOT NULL;
CREATE INDEX alerts_open ON alerts (severity) WHERE closed_at IS NULL;
CREATE INDEX alerts_by_time ON alerts (raised_at, alert_id);
CREATE INDEX alerts_by_person ON alerts (person_id, raised_at, alert_id);
"""


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)


def downgrade() -> None:
    """Take them away; the events in the outbox stay."""
    run_sql("DROP TABLE alerts;\nDROP TABLE alert_books")
