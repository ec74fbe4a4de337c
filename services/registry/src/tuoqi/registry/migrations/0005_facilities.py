"""Facilities in full: past versions, agreements, mergers; guardianships; whose a stay was that is gone."""

from tuoqi.kit.migrate import run_sql

revision = "registry0005"
down_revision = "registry0004"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE facilities
    ADD COLUMN closed_on date,
    ADD COLUMN merged_into text REFERENCES facilities,
    ADD COLUMN building_use text NOT NULL DEFAULT '',
    ADD COLUMN known_at timestamptz NOT NULL DEFAULT '-infinity';

ALTER TABLE facilities ALTER COLUMN building_use DROP DEFAULT, ALTER COLUMN known_at DROP DEFAULT;

CREATE TABLE facility_history (
    code text NOT NULL,
    version bigint NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    region text NOT NULL,
    details text NOT NULL,
    private bytea NOT NULL,
    closed_on date,
    merged_into text,
    building_use text NOT NULL,
    known_at timestamptz NOT NULL,
    superseded_at timestamptz NOT NULL,
    PRIMARY KEY (code, version)
);

CREATE INDEX payee_accounts_facilities ON payee_accounts (facility_code, known_at DESC, ordinal DESC)
    WHERE facility_code IS NOT NULL;

CREATE TABLE facility_agreements (
    agreement_id text PRIMARY KEY,
    facility_code text NOT NULL REFERENCES facilities,
    kind text NOT NULL,
    partner text NOT NULL,
    valid_from date NOT NULL,
    valid_to date CHECK (valid_to >= valid_from),
    known_at timestamptz NOT NULL,
    UNIQUE (facility_code, kind, partner, valid_from)
);

CREATE TABLE facility_agreement_history (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agreement_id text NOT NULL,
    facility_code text NOT NULL,
    kind text NOT NULL,
    partner text NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    known_at timestamptz NOT NULL,
    superseded_at timestamptz NOT NULL
);

-- `moved` holds, for each resident, the stay that ended, its former last day, and the one that began.
CREATE TABLE facility_mergers (
    merger_id text PRIMARY KEY,
    from_code text NOT NULL REFERENCES facilities,
    into_code text NOT NULL REFERENCES facilities,
    merged_on date NOT NULL,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    from_version bigint NOT NULL,
    into_version bigint NOT NULL,
    moved text NOT NULL,
    undone_at timestamptz,
    undone_by text
);

CREATE UNIQUE INDEX facility_mergers_standing ON facility_mergers (from_code) WHERE undone_at IS NULL;

-- A stay that was taken back has no row any more that says whose it was, and where from when.
ALTER TABLE stay_history
    ADD COLUMN facility_code text NOT NULL DEFAULT '',
    ADD COLUMN began_on date NOT NULL DEFAULT '-infinity';

ALTER TABLE stay_history ALTER COLUMN facility_code DROP DEFAULT, ALTER COLUMN began_on DROP DEFAULT;

CREATE TABLE guardianships (
    guardianship_id text PRIMARY KEY,
    child_id text NOT NULL REFERENCES persons,
    kind text NOT NULL,
    guardian_person_id text REFERENCES persons,
    began_on date NOT NULL,
    ended_on date,
    signed_on date,
    private bytea NOT NULL,
    known_at timestamptz NOT NULL
);

CREATE INDEX guardianships_children ON guardianships (child_id, began_on);

CREATE INDEX guardianships_guardians ON guardianships (guardian_person_id) WHERE guardian_person_id IS NOT NULL;

CREATE TABLE guardianship_history (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    guardianship_id text NOT NULL,
    child_id text NOT NULL,
    kind text NOT NULL,
    guardian_person_id text,
    began_on date NOT NULL,
    ended_on date,
    signed_on date,
    private bytea NOT NULL,
    known_at timestamptz NOT NULL,
    superseded_at timestamptz NOT NULL
);

CREATE INDEX guardianship_history_children ON guardianship_history (child_id);
"""
APPEND_ONLY = ("facility_history", "facility_agreement_history", "guardianship_history")


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
