"""Merges and what was once merged, keys by which twins are found, and the queue of files that may be one person's."""

from tuoqi.kit.migrate import run_sql

revision = "registry0007"
down_revision = "registry0006"
branch_labels = None
depends_on = None

# Twin and name keys are the first eight bytes of keyed hashes; twins are noted as rows are loaded, names by a scan
# alone, which needs them to compare numbers. Reasons are sealed under the file's own key.
TABLES = """
CREATE INDEX persons_merged_files ON persons (person_id) WHERE merged_into IS NOT NULL;

CREATE INDEX person_history_households ON person_history (household_id) WHERE household_id IS NOT NULL;

CREATE TABLE merges (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    act text NOT NULL CHECK (act IN ('merged', 'unmerged')),
    file_id text NOT NULL REFERENCES persons,
    person_id text NOT NULL REFERENCES persons,
    at timestamptz NOT NULL,
    by text NOT NULL,
    although boolean NOT NULL,
    private bytea NOT NULL
);

CREATE INDEX merges_files ON merges (file_id, number);

CREATE TABLE twin_keys (
    person_id text PRIMARY KEY,
    twin_key bigint NOT NULL
) WITH (fillfactor = 90);

CREATE INDEX twin_keys_twins ON twin_keys (twin_key);

CREATE TABLE name_keys (
    person_id text PRIMARY KEY,
    name_key bigint NOT NULL
) WITH (fillfactor = 90);

CREATE INDEX name_keys_names ON name_keys (name_key, person_id);

CREATE TABLE duplicate_pairs (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_id text NOT NULL,
    second_id text NOT NULL,
    reason text NOT NULL,
    found_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'later', 'merged', 'different')),
    decided_at timestamptz,
    decided_by text NOT NULL,
    private bytea,
    UNIQUE (first_id, second_id),
    CHECK (first_id < second_id)
);

CREATE INDEX duplicate_pairs_queue ON duplicate_pairs (state, number);
"""


def upgrade() -> None:
    """Make the tables; an act of merging, once done, is never changed."""
    run_sql(TABLES)
    run_sql(
        "CREATE TRIGGER merges_append_only BEFORE UPDATE OR DELETE ON merges"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        whole=True,
    )


def downgrade() -> None:
    """Refused: the register is never dropped."""
    raise RuntimeError("the register is never dropped")
