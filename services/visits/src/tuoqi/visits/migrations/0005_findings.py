"""Findings' referrals, services given, care contracts."""

from tuoqi.kit.migrate import run_sql

revision = "visits0005"
down_revision = "visits0004"
branch_labels = None
depends_on = None

# service_given: `source` is the visit's id, or what names a service given outside of any visit.
TABLES = """
CREATE TABLE service_given (
    source text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    count int NOT NULL CHECK (count > 0),
    day date NOT NULL,
    region text COLLATE "C" NOT NULL,
    provider text NOT NULL DEFAULT '',
    by_visit boolean NOT NULL,
    voided boolean NOT NULL DEFAULT false,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (source, kind)
);

CREATE UNIQUE INDEX service_given_keys ON service_given (source) WHERE NOT by_visit;

CREATE INDEX service_given_days ON service_given (day, region) WHERE NOT voided;

CREATE INDEX service_given_of_person ON service_given (person_id, day);

CREATE TABLE findings (
    finding_id text COLLATE "C" PRIMARY KEY,
    visit_id text COLLATE "C" NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    code text NOT NULL,
    kind text NOT NULL,
    alert_kind text NOT NULL,
    rules_from date NOT NULL,
    found_at timestamptz NOT NULL,
    reported_at timestamptz NOT NULL,
    corrected_at timestamptz
);

CREATE INDEX findings_of_visit ON findings (visit_id);

CREATE INDEX findings_of_person ON findings (person_id, found_at);

CREATE TABLE referrals (
    referral_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    department text NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'ACCEPTED', 'DECLINED', 'DONE', 'CORRECTED')),
    rules_from date NOT NULL,
    opened_at timestamptz NOT NULL,
    last_found_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    sources text NOT NULL,
    accepted_at timestamptz,
    accepted_by text NOT NULL,
    settled_at timestamptz,
    settled_by text NOT NULL,
    overdue_told boolean NOT NULL,
    sealed bytea
);

CREATE INDEX referrals_of_person ON referrals (person_id, opened_at);

CREATE INDEX referrals_due ON referrals (due_at, referral_id) WHERE settled_at IS NULL AND NOT overdue_told;

CREATE INDEX referrals_open ON referrals (due_at, referral_id) WHERE settled_at IS NULL;

CREATE TABLE care_contracts (
    contract_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    care_level text NOT NULL,
    facility text NOT NULL,
    team text NOT NULL,
    relative_id text NOT NULL,
    signed_on date NOT NULL,
    begins_on date NOT NULL,
    ends_on date NOT NULL,
    rules_from date NOT NULL,
    signed_by text NOT NULL,
    signed_at timestamptz NOT NULL,
    ended_on date,
    ended_as text NOT NULL,
    ended_by text NOT NULL,
    ended_at timestamptz,
    sealed bytea,
    CHECK (begins_on <= ends_on),
    CHECK ((ended_at IS NULL) = (ended_as = ''))
);

CREATE UNIQUE INDEX care_contracts_once ON care_contracts (person_id, kind, begins_on) WHERE ended_at IS NULL;

CREATE INDEX care_contracts_running ON care_contracts (contract_id) WHERE ended_at IS NULL;

CREATE TABLE contracts_looked (
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
