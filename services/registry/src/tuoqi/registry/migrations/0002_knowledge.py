"""What was known when: past versions of persons and intervals, stays, assessments, and files merged into one."""

from tuoqi.kit.migrate import run_sql

revision = "registry0002"
down_revision = "registry0001"
branch_labels = None
depends_on = None

# `known_at` is the moment at which a row became known, `superseded_at` the one at which another took its place.
TABLES = """
ALTER TABLE persons
    ADD COLUMN known_at timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN merged_into text REFERENCES persons;

ALTER TABLE persons ALTER COLUMN known_at DROP DEFAULT;

CREATE INDEX persons_merged ON persons (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE person_history (
    person_id text NOT NULL,
    version bigint NOT NULL,
    known_at timestamptz NOT NULL,
    superseded_at timestamptz NOT NULL,
    birth_date date NOT NULL,
    sex text NOT NULL,
    hukou text NOT NULL,
    residence_region text NOT NULL,
    died_on date,
    absences text NOT NULL,
    household_id text,
    merged_into text,
    private bytea NOT NULL,
    PRIMARY KEY (person_id, version)
);

ALTER TABLE person_statuses ADD COLUMN known_at timestamptz NOT NULL DEFAULT '-infinity';

ALTER TABLE person_statuses ALTER COLUMN known_at DROP DEFAULT;

CREATE TABLE person_status_history (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    interval_id text NOT NULL,
    person_id text NOT NULL,
    known_at timestamptz NOT NULL,
    superseded_at timestamptz NOT NULL,
    ended_on date,
    valid_until date,
    amount_fen bigint NOT NULL,
    loaded_order bigint NOT NULL,
    private bytea NOT NULL
);

CREATE INDEX person_status_history_persons ON person_status_history (person_id);

CREATE TABLE stays (
    stay_id text PRIMARY KEY,
    person_id text NOT NULL REFERENCES persons,
    facility_code text NOT NULL REFERENCES facilities,
    began_on date NOT NULL,
    ended_on date,
    bed text NOT NULL,
    known_at timestamptz NOT NULL,
    UNIQUE (person_id, facility_code, began_on)
);

CREATE INDEX stays_facilities ON stays (facility_code, began_on);

CREATE TABLE stay_history (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stay_id text NOT NULL,
    person_id text NOT NULL,
    known_at timestamptz NOT NULL,
    superseded_at timestamptz NOT NULL,
    ended_on date,
    bed text NOT NULL
);

CREATE INDEX stay_history_persons ON stay_history (person_id);

CREATE TABLE assessments (
    assessment_id text PRIMARY KEY,
    person_id text NOT NULL REFERENCES persons,
    scale text NOT NULL,
    assessed_on date NOT NULL,
    score int NOT NULL,
    level text NOT NULL,
    loaded_order bigint NOT NULL,
    known_at timestamptz NOT NULL,
    private bytea NOT NULL
);

CREATE INDEX assessments_persons ON assessments (person_id, scale, assessed_on);
"""
APPEND_ONLY = ("person_history", "person_status_history", "stay_history", "assessments")


def upgrade() -> None:
    """Make the tables; what was once known is never changed."""
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
