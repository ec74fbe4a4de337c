"""How regions changed, who holds which post, and what figures are read by."""

from tuoqi.kit.migrate import run_sql

revision = "registry0006"
down_revision = "registry0005"
branch_labels = None
depends_on = None

# A region's row says what it is called now; `region_past_forms` what it was called before a day. A person's region is
# never rewritten: `region_mappings` says what became of a code.
TABLES = """
CREATE TABLE region_changes (
    change_id text PRIMARY KEY,
    kind text NOT NULL,
    old_codes text[] NOT NULL,
    new_codes text[] NOT NULL,
    effective_on date NOT NULL,
    document_no text NOT NULL,
    changed_by text NOT NULL,
    known_at timestamptz NOT NULL
);

CREATE TABLE region_mappings (
    old_code text NOT NULL REFERENCES regions,
    new_code text NOT NULL REFERENCES regions,
    effective_on date NOT NULL,
    change_id text NOT NULL REFERENCES region_changes,
    PRIMARY KEY (old_code, new_code, change_id)
);

CREATE TABLE region_past_forms (
    code text NOT NULL REFERENCES regions,
    until_day date NOT NULL,
    name text NOT NULL,
    parent text NOT NULL,
    kind text NOT NULL,
    change_id text NOT NULL REFERENCES region_changes,
    PRIMARY KEY (code, until_day, change_id)
);

CREATE TABLE workers (
    worker_id text PRIMARY KEY,
    version bigint NOT NULL,
    id_hash bytea NOT NULL UNIQUE,
    sex text NOT NULL CHECK (sex IN ('M', 'F')),
    known_at timestamptz NOT NULL,
    private bytea NOT NULL
);

CREATE TABLE posts (
    post_id text PRIMARY KEY,
    worker_id text NOT NULL REFERENCES workers,
    kind text NOT NULL,
    region text NOT NULL,
    began_on date NOT NULL,
    ended_on date,
    end_reason text NOT NULL,
    known_at timestamptz NOT NULL,
    UNIQUE (worker_id, kind, region, began_on)
);

CREATE INDEX posts_places ON posts (kind, region, began_on);

CREATE TABLE post_history (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post_id text NOT NULL REFERENCES posts,
    known_at timestamptz NOT NULL,
    superseded_at timestamptz NOT NULL,
    ended_on date,
    end_reason text NOT NULL
);

CREATE INDEX post_history_posts ON post_history (post_id);
"""
APPEND_ONLY = ("region_changes", "region_mappings", "region_past_forms", "post_history")


def upgrade() -> None:
    """Make the tables; a change of regions and a past version of a post are never changed."""
    run_sql(TABLES)
    for table in APPEND_ONLY:
        run_sql(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            whole=True,
        )


def downgrade() -> None:
    """Refused: the register is never dropped."""
    raise RuntimeError("the register is never dropped")
