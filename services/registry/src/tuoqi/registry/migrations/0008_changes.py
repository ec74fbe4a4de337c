"""Change requests and their rows, and what rows of comparison lists found."""

from tuoqi.kit.migrate import run_sql

revision = "registry0008"
down_revision = "registry0007"
branch_labels = None
depends_on = None

# All cells of a request, and what its maker saw, are sealed under the request's own key.
TABLES = """
CREATE TABLE change_requests (
    change_id text PRIMARY KEY,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    kind text NOT NULL,
    state text NOT NULL CHECK (state IN ('DRAFT', 'SUBMITTED', 'APPLYING', 'APPROVED', 'REFUSED', 'CONFLICT',
                                         'WITHDRAWN', 'UNDONE')),
    columns text[] NOT NULL,
    regions text[] NOT NULL,
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    needs_checker boolean NOT NULL,
    checked_by text NOT NULL,
    checked_at timestamptz,
    undoes text REFERENCES change_requests,
    rows_total bigint NOT NULL,
    rows_done bigint NOT NULL,
    rows_changed bigint NOT NULL,
    rows_unchanged bigint NOT NULL,
    rows_skipped bigint NOT NULL,
    private bytea NOT NULL,
    CHECK (checked_by <> made_by OR NOT needs_checker)
);

CREATE INDEX change_requests_applying ON change_requests (checked_at) WHERE state = 'APPLYING';

CREATE UNIQUE INDEX change_requests_undoes ON change_requests (undoes)
    WHERE undoes IS NOT NULL AND state NOT IN ('REFUSED', 'WITHDRAWN');

CREATE TABLE change_rows (
    change_id text NOT NULL REFERENCES change_requests,
    number bigint NOT NULL,
    person_id text NOT NULL,
    person_version bigint NOT NULL,
    status_version bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('WAITING', 'CHANGED', 'UNCHANGED', 'CONFLICT', 'REJECTED')),
    private bytea NOT NULL,
    PRIMARY KEY (change_id, number)
) WITH (fillfactor = 60);

CREATE TABLE list_findings (
    finding_id text PRIMARY KEY,
    content_hash text NOT NULL,
    attempt int NOT NULL,
    row_number bigint NOT NULL,
    list text NOT NULL,
    person_id text NOT NULL REFERENCES persons,
    kind text NOT NULL,
    happened_on date,
    outcome text NOT NULL CHECK (outcome IN ('NEW', 'KNOWN', 'WITHDRAWN')),
    state text NOT NULL CHECK (state IN ('OPEN', 'ACCEPTED', 'REFUTED', 'REPLACED', 'WITHDRAWN', 'NONE')),
    known_at timestamptz NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamptz,
    change_ids text[] NOT NULL,
    private bytea NOT NULL,
    UNIQUE (content_hash, list, attempt, row_number)
) WITH (fillfactor = 80);

CREATE INDEX list_findings_persons ON list_findings (person_id, kind);

CREATE TABLE guardian_links (
    child_id text PRIMARY KEY,
    guardian_hash bytea
);

CREATE INDEX guardian_links_guardians ON guardian_links (guardian_hash) WHERE guardian_hash IS NOT NULL;

CREATE INDEX list_findings_lists ON list_findings (list, known_at);
"""


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: the register is never dropped."""
    raise RuntimeError("the register is never dropped")
