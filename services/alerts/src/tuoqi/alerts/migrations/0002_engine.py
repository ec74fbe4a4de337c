"""Alerts about anything, what people report and do, their histories, who lives where, and weather warnings."""

from tuoqi.kit.migrate import run_sql

revision = "alerts0002"
down_revision = "alerts0001"
branch_labels = None
depends_on = None

# A book is a person's (its key is the person's id) or another subject's (`<kind>:<id>`). `person_id` says whom an alert
# is about, empty where it is about no person; `region` is where a subject lies that is no person.
TABLES = """
CREATE TABLE people (
    person_id text COLLATE "C" PRIMARY KEY,
    region text NOT NULL,
    merged_into text COLLATE "C" NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX people_merged ON people (merged_into) WHERE merged_into <> '';

CREATE TABLE facilities (
    code text COLLATE "C" PRIMARY KEY,
    region text NOT NULL,
    version bigint NOT NULL
);

ALTER TABLE alert_books RENAME COLUMN person_id TO book;
ALTER TABLE alerts RENAME COLUMN person_id TO book;
ALTER TABLE alerts DROP COLUMN facility;
ALTER TABLE alerts
    ADD COLUMN subject_kind text NOT NULL DEFAULT 'person',
    ADD COLUMN subject_id text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN region text NOT NULL DEFAULT '',
    ADD COLUMN restricted boolean NOT NULL DEFAULT false,
    ADD COLUMN reporters jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN acts jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN proposal jsonb NOT NULL DEFAULT 'null',
    ADD COLUMN reopened_at timestamptz;
UPDATE alerts SET subject_id = book;
ALTER TABLE alerts ADD COLUMN person_id text COLLATE "C"
    GENERATED ALWAYS AS (CASE WHEN subject_kind = 'person' THEN subject_id ELSE '' END) STORED;

DROP INDEX alerts_one_open;
CREATE UNIQUE INDEX alerts_one_open ON alerts (book, kind, subject_id) WHERE closed_at IS NULL;

CREATE TABLE alert_history (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    what text NOT NULL,
    by_user text NOT NULL,
    codes jsonb NOT NULL,
    note bytea
);
CREATE INDEX alert_history_of ON alert_history (alert_id, at, seq);

INSERT INTO alert_history (alert_id, at, what, by_user, codes)
SELECT alert_id, at, what, by_user, codes FROM (
    SELECT alert_id, raised_at AS at, 1 AS place, 'raised' AS what, '' AS by_user, jsonb_build_object() AS codes
    FROM alerts
    UNION ALL
    SELECT alert_id, acknowledged_at, 2, 'acknowledged', acknowledged_by, jsonb_build_object() FROM alerts
    WHERE acknowledged_at IS NOT NULL
    UNION ALL
    SELECT a.alert_id, CAST(e.step ->> 1 AS timestamptz), 3, 'escalated', '', jsonb_build_object('step', e.step ->> 0)
    FROM alerts a, jsonb_array_elements(a.escalations) AS e (step)
    UNION ALL
    SELECT alert_id, closed_at, 4, 'closed', '', jsonb_build_object('closed_as', closed_as) FROM alerts
    WHERE closed_at IS NOT NULL
) AS told ORDER BY at, place;

CREATE TABLE alert_reports (
    by_user text COLLATE "C" NOT NULL,
    report_key text COLLATE "C" NOT NULL,
    alert_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    cause text NOT NULL,
    reported_at timestamptz NOT NULL,
    PRIMARY KEY (by_user, report_key)
);
CREATE INDEX alert_reports_of ON alert_reports (alert_id);

CREATE TABLE warnings (
    warning_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    source_key text COLLATE "C" NOT NULL UNIQUE,
    kind text NOT NULL,
    colour text NOT NULL,
    regions text[] NOT NULL,
    begins_at timestamptz NOT NULL,
    ends_at timestamptz,
    tasks_due_at timestamptz,
    issued_at timestamptz NOT NULL,
    issued_by text NOT NULL,
    ended_at timestamptz,
    ended_by text NOT NULL
);
CREATE INDEX warnings_due ON warnings (ends_at) WHERE ended_at IS NULL;
CREATE INDEX warnings_by_time ON warnings (issued_at, warning_id);
"""


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: what was recorded is never dropped."""
    raise RuntimeError("records are never dropped")
