"""What people are found by: keyed tokens of what names them, and the open facts that lists are filtered and paged by."""

from tuoqi.kit.migrate import run_sql

revision = "registry0003"
down_revision = "registry0002"
branch_labels = None
depends_on = None

# One row for each person. `tokens` are keyed hashes, `file` is the open part of
# the person as an answer carries it, so that a thousand of them are one concatenation. `file` and `alive` stand in no
# index: a change of them alone leaves all indexes as they are (fillfactor keeps room for it on the page).
# `person_changes` has for each person that changed after it was first written the transaction that changed it last: what
# is kept in memory is checked against it.
# `person_search_order` is the order of all pages. Statistics of `tokens` tell common characters from rare ones: the
# planner walks the order for the first and reads the inverted index for the second.
TABLES = """
CREATE TABLE person_search (
    person_id text PRIMARY KEY,
    region text COLLATE "C" NOT NULL,
    birth_date date NOT NULL,
    sex text NOT NULL,
    died_on date,
    household_id text,
    is_merged boolean NOT NULL,
    tokens bigint[] NOT NULL,
    categories text[] NOT NULL DEFAULT '{}',
    file bytea NOT NULL
) WITH (fillfactor = 90, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);

ALTER TABLE person_search ALTER COLUMN tokens SET STATISTICS 300;

CREATE INDEX person_search_order ON person_search (region, birth_date, person_id);

CREATE INDEX person_search_dead ON person_search (region, birth_date, person_id) WHERE died_on IS NOT NULL;

CREATE INDEX person_search_found ON person_search USING gin (tokens, categories);

CREATE INDEX person_search_births ON person_search (birth_date);

CREATE INDEX person_search_households ON person_search (household_id) WHERE household_id IS NOT NULL;

CREATE TABLE person_changes (
    person_id text PRIMARY KEY,
    xid xid8 NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX person_changes_latest ON person_changes (xid);

CREATE TABLE person_reindex (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    after_id text NOT NULL,
    done bigint NOT NULL,
    begun_at timestamptz NOT NULL,
    finished_at timestamptz
);
"""
# Only the owner may gather statistics, and after a rebuild nobody wants to wait for autovacuum.
ANALYZE = """
CREATE FUNCTION analyze_person_search() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
$$ BEGIN ANALYZE person_search; END $$
"""


def upgrade() -> None:
    """Make the tables; people who were there before are put in by `tuoqi person reindex`."""
    run_sql(TABLES)
    run_sql(ANALYZE, whole=True)


def downgrade() -> None:
    """Refused: the register is never dropped."""
    raise RuntimeError("the register is never dropped")
