"""Plans, missed visits, visit records."""

from tuoqi.kit.migrate import run_sql

revision = "visits0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE plans (
    person_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    region text COLLATE "C" NOT NULL,
    birth_date date,
    grade text,
    opened_on date,
    window_first date,
    deadline date,
    closed_on date,
    next_due timestamptz,
    state text NOT NULL,
    CHECK ((grade IS NULL) = (deadline IS NULL))
) WITH (fillfactor = 80);

CREATE INDEX plans_due ON plans (next_due, person_id) WHERE next_due IS NOT NULL;

CREATE INDEX plans_tasks ON plans (deadline, person_id) WHERE grade IS NOT NULL;

CREATE TABLE overdues (
    overdue_id text COLLATE "C" PRIMARY KEY,
    person_id text COLLATE "C" NOT NULL,
    grade text NOT NULL,
    deadline date NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'CLEARED', 'MADE_UP', 'WITHDRAWN', 'ENDED')),
    UNIQUE (person_id, deadline)
);

CREATE INDEX overdues_newest ON overdues (deadline, overdue_id);

CREATE TABLE visit_records (
    visit_id text COLLATE "C" PRIMARY KEY,
    person_id text COLLATE "C" NOT NULL,
    started_at timestamptz NOT NULL,
    arrived_at timestamptz NOT NULL,
    counts_on date NOT NULL,
    clock_ahead boolean NOT NULL,
    channel text NOT NULL,
    result text NOT NULL,
    visitor_role text NOT NULL,
    findings text NOT NULL,
    services text NOT NULL,
    sealed bytea
);

CREATE INDEX visit_records_of_person ON visit_records (person_id, started_at);

CREATE TABLE rules_seen (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version text NOT NULL
);
"""


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: records of visits are never dropped."""
    raise RuntimeError("records of visits are never dropped")
