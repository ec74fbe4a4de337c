"""The registry's tables: places, households, persons, status intervals, payee accounts, keys, fences."""

from tuoqi.kit.migrate import run_sql

revision = "registry0001"
down_revision = None
branch_labels = None
depends_on = None

# What names a person or an account stands only in columns of type bytea: sealed for one subject, or a keyed hash.
TABLES = """
CREATE TABLE regions (
    code text PRIMARY KEY,
    version bigint NOT NULL,
    name text NOT NULL,
    parent text NOT NULL,
    kind text NOT NULL,
    valid_from date,
    valid_to date
);

CREATE TABLE facilities (
    code text PRIMARY KEY,
    version bigint NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    region text NOT NULL,
    details text NOT NULL,
    private bytea NOT NULL
);

CREATE TABLE subject_keys (
    subject text PRIMARY KEY,
    wrapped bytea NOT NULL
);

CREATE TABLE households (
    household_id text PRIMARY KEY,
    version bigint NOT NULL,
    no_hash bytea NOT NULL UNIQUE,
    head_person_id text NOT NULL
);

CREATE TABLE persons (
    person_id text PRIMARY KEY,
    version bigint NOT NULL,
    status_version bigint NOT NULL,
    loaded_order bigint NOT NULL,
    id_hash bytea UNIQUE,
    temp_hash bytea UNIQUE,
    birth_date date NOT NULL,
    sex text NOT NULL CHECK (sex IN ('M', 'F')),
    hukou text NOT NULL,
    residence_region text NOT NULL,
    died_on date,
    absences text NOT NULL,
    household_id text,
    private bytea NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX persons_households ON persons (household_id) WHERE household_id IS NOT NULL;

CREATE TABLE person_statuses (
    interval_id text PRIMARY KEY,
    person_id text NOT NULL REFERENCES persons,
    category text NOT NULL,
    subtype text NOT NULL,
    level text NOT NULL,
    applied_on date,
    decided_on date,
    ended_on date,
    valid_until date,
    amount_fen bigint NOT NULL CHECK (amount_fen >= 0),
    loaded_order bigint NOT NULL,
    private bytea NOT NULL,
    UNIQUE NULLS NOT DISTINCT (person_id, category, subtype, level, applied_on, decided_on)
) WITH (fillfactor = 80);

CREATE TABLE payee_accounts (
    account_version_id text PRIMARY KEY,
    person_id text REFERENCES persons,
    facility_code text REFERENCES facilities,
    known_at timestamptz NOT NULL,
    ordinal int NOT NULL,
    account_key text,
    held_by_guardian boolean NOT NULL,
    private bytea NOT NULL,
    CHECK ((person_id IS NULL) <> (facility_code IS NULL))
);

CREATE INDEX payee_accounts_persons ON payee_accounts (person_id, known_at DESC, ordinal DESC)
    WHERE person_id IS NOT NULL;

CREATE INDEX payee_accounts_moments ON payee_accounts (known_at, ordinal);

CREATE TABLE fences (
    number bigint PRIMARY KEY,
    fence_id text NOT NULL UNIQUE,
    cutoff timestamptz NOT NULL,
    raised_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Make the tables; a version of an account, once known, is never changed."""
    run_sql(TABLES)
    run_sql(
        "CREATE TRIGGER payee_accounts_append_only BEFORE UPDATE OR DELETE ON payee_accounts"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        whole=True,
    )


def downgrade() -> None:
    """Refused: the register is never dropped."""
    raise RuntimeError("the register is never dropped")
