"""Decisions and hearings, life events that were told, screening lists, and the days on which people were met."""

from tuoqi.kit.migrate import run_sql

revision = "registry0004"
down_revision = "registry0003"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE person_statuses ADD COLUMN loaded_by text NOT NULL DEFAULT '';

ALTER TABLE person_status_history ADD COLUMN loaded_by text NOT NULL DEFAULT '';

CREATE INDEX person_statuses_certificates ON person_statuses (valid_until) WHERE valid_until IS NOT NULL;

CREATE TABLE status_hearings (
    hearing_id text PRIMARY KEY,
    person_id text NOT NULL REFERENCES persons,
    category text NOT NULL,
    held_on date NOT NULL,
    heard_by text NOT NULL,
    known_at timestamptz NOT NULL,
    private bytea NOT NULL
);

CREATE INDEX status_hearings_persons ON status_hearings (person_id);

CREATE TABLE status_decisions (
    decision_id text PRIMARY KEY,
    person_id text NOT NULL REFERENCES persons,
    interval_id text NOT NULL REFERENCES person_statuses,
    action text NOT NULL CHECK (action IN ('OPEN', 'CHANGE', 'END')),
    hearing_id text UNIQUE REFERENCES status_hearings,
    decided_by text NOT NULL,
    known_at timestamptz NOT NULL,
    loaded_order bigint NOT NULL,
    private bytea NOT NULL
);

CREATE INDEX status_decisions_persons ON status_decisions (person_id);

CREATE INDEX persons_births ON persons (birth_date) WHERE died_on IS NULL AND merged_into IS NULL;

CREATE TABLE life_events (
    person_id text NOT NULL REFERENCES persons,
    kind text NOT NULL,
    interval_id text NOT NULL,
    due_on date NOT NULL,
    told_on date NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (person_id, kind, interval_id, due_on),
    UNIQUE (person_id, version)
);

CREATE TABLE life_clock (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    told_up_to date NOT NULL
);

CREATE TABLE life_rechecks (
    person_id text PRIMARY KEY,
    noted_at timestamptz NOT NULL
);

CREATE TABLE visited_days (
    person_id text NOT NULL,
    day date NOT NULL,
    PRIMARY KEY (person_id, day)
);

CREATE TABLE screening_runs (
    run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list text NOT NULL,
    day date NOT NULL,
    run_by text NOT NULL,
    run_at timestamptz NOT NULL
);

CREATE TABLE screening_rows (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list text NOT NULL,
    person_id text NOT NULL REFERENCES persons,
    found_on date NOT NULL,
    seen_on date NOT NULL,
    seen_run bigint NOT NULL,
    outcome text NOT NULL DEFAULT '',
    decided_by text NOT NULL DEFAULT '',
    decided_at timestamptz,
    again_on date,
    private bytea
);

CREATE UNIQUE INDEX screening_rows_open ON screening_rows (list, person_id) WHERE outcome = '';

CREATE INDEX screening_rows_people ON screening_rows (person_id, list);

CREATE INDEX screening_rows_lists ON screening_rows (list, number);
"""
# What is told of a life is looked at again where a day that has passed may count after all: another birth date, a death
# or a move taken back, a merge undone.
NOTE_RECHECK = """
CREATE FUNCTION note_life_recheck() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO life_rechecks (person_id, noted_at) VALUES (NEW.person_id, NEW.known_at) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$
"""
RECHECK = """
CREATE TRIGGER persons_life_recheck AFTER UPDATE ON persons FOR EACH ROW
WHEN (OLD.birth_date <> NEW.birth_date OR (OLD.died_on IS NOT NULL AND NEW.died_on IS NULL)
      OR OLD.absences <> NEW.absences OR (OLD.merged_into IS NOT NULL AND NEW.merged_into IS NULL))
EXECUTE FUNCTION note_life_recheck()
"""
APPEND_ONLY = ("status_hearings", "status_decisions", "life_events")


def upgrade() -> None:
    """Make the tables; what was heard, decided or told is never changed."""
    run_sql(TABLES)
    run_sql(NOTE_RECHECK, whole=True)
    run_sql(RECHECK, whole=True)
    for table in APPEND_ONLY:
        run_sql(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            whole=True,
        )


def downgrade() -> None:
    """Refused: the register is never dropped."""
    raise RuntimeError("the register is never dropped")
