"""Pairings and proposals."""

from tuoqi.kit.migrate import run_sql

revision = "visits0006"
down_revision = "visits0005"
branch_labels = None
depends_on = None

# helpers.posts: JSON as `consumer` mirrors it. Lists of ids (refuses, wants) are words apart by a space. A helper is a
# worker of the registry (helper_as = 'worker') or a person of its register ('person', relatives only).
TABLES = """
CREATE TABLE helpers (
    worker_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    sex text NOT NULL,
    posts text NOT NULL
);

CREATE TABLE pairing_people (
    person_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    sex text NOT NULL
);

CREATE INDEX plans_births ON plans (birth_date, person_id);

CREATE TABLE pairings (
    pairing_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    kind text NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    helper_id text COLLATE "C" NOT NULL,
    helper_as text NOT NULL CHECK (helper_as IN ('worker', 'person')),
    region text COLLATE "C" NOT NULL,
    began_on date NOT NULL,
    ended_on date,
    end_reason text NOT NULL,
    set_id text COLLATE "C" NOT NULL,
    begun_by text NOT NULL,
    begun_at timestamptz NOT NULL,
    ended_by text NOT NULL,
    ended_at timestamptz,
    sealed bytea,
    CHECK ((ended_on IS NULL) = (end_reason = ''))
);

CREATE UNIQUE INDEX pairings_in_force ON pairings (kind, person_id) WHERE ended_on IS NULL;

CREATE INDEX pairings_of_person ON pairings (person_id, kind, began_on);

CREATE INDEX pairings_of_helper ON pairings (helper_id, kind) WHERE ended_on IS NULL;

CREATE INDEX pairings_ended ON pairings (ended_on, kind) WHERE ended_on IS NOT NULL;

CREATE TABLE pairing_contacts (
    contact_key text COLLATE "C" PRIMARY KEY,
    pairing_id text COLLATE "C" NOT NULL REFERENCES pairings,
    day date NOT NULL,
    channel text NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL
);

CREATE INDEX pairing_contacts_of ON pairing_contacts (pairing_id, day);

CREATE TABLE pairing_relatives (
    helper_id text COLLATE "C" NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    helper_as text NOT NULL CHECK (helper_as IN ('worker', 'person')),
    registered_by text NOT NULL,
    registered_at timestamptz NOT NULL,
    PRIMARY KEY (helper_id, person_id)
);

CREATE TABLE pairing_wishes (
    subject_id text COLLATE "C" PRIMARY KEY,
    subject text NOT NULL CHECK (subject IN ('helper', 'child')),
    sex text NOT NULL CHECK (sex IN ('', 'M', 'F')),
    age_from int NOT NULL,
    age_to int NOT NULL,
    at_most int,
    village text NOT NULL,
    refuses text NOT NULL,
    wants text NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL
);

CREATE TABLE pairing_conflicts (
    helper_id text COLLATE "C" NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (helper_id, person_id)
);

CREATE TABLE pairing_sets (
    set_id text COLLATE "C" PRIMARY KEY,
    kind text NOT NULL,
    state text NOT NULL CHECK (state IN ('COMPUTING', 'READY')),
    region text COLLATE "C" NOT NULL,
    regions text NOT NULL,
    max_load int NOT NULL,
    balance text NOT NULL,
    rules_from date,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    ready_at timestamptz,
    figures text NOT NULL
);

CREATE INDEX pairing_sets_newest ON pairing_sets (asked_at, set_id);

CREATE INDEX pairing_sets_computing ON pairing_sets (asked_at) WHERE state = 'COMPUTING';

CREATE TABLE pairing_proposals (
    set_id text COLLATE "C" NOT NULL REFERENCES pairing_sets,
    person_id text COLLATE "C" NOT NULL,
    region text COLLATE "C" NOT NULL,
    helper_id text COLLATE "C" NOT NULL,
    helper_as text NOT NULL,
    helper_region text NOT NULL,
    step text NOT NULL,
    refused_wishes text NOT NULL,
    reason text NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'ACCEPTED', 'REFUSED', 'STALE', 'LEFT_OVER')),
    decided_by text NOT NULL,
    decided_at timestamptz,
    sealed bytea,
    PRIMARY KEY (set_id, person_id),
    CHECK ((helper_id = '') = (state = 'LEFT_OVER'))
);

CREATE TABLE pairings_looked (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    day date NOT NULL
);
"""


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: what was recorded is never dropped."""
    raise RuntimeError("records are never dropped")
