"""Checks after the payment, life certification and care vouchers."""

from tuoqi.kit.migrate import run_sql

revision = "payments0009"
branch_labels = None
down_revision = "payments0008"
depends_on = None

# A sample is frozen: what it was drawn from can be drawn from again, less the lines whose money had not gone out.
SAMPLES = """
CREATE TABLE verification_samples (
    sample_id text COLLATE "C" PRIMARY KEY,
    key text COLLATE "C" NOT NULL UNIQUE,
    wishes text NOT NULL,
    cycle_ids text[] NOT NULL,
    facts_at timestamptz NOT NULL,
    population_lines bigint NOT NULL,
    population_fen bigint NOT NULL,
    random_items int NOT NULL,
    risk_items int NOT NULL,
    seed text NOT NULL,
    content_hash text NOT NULL,
    rule_version text NOT NULL,
    drawn_by text NOT NULL,
    drawn_at timestamptz NOT NULL
);

CREATE INDEX verification_samples_drawn ON verification_samples (drawn_at, sample_id);

CREATE TABLE verification_excluded (
    sample_id text COLLATE "C" NOT NULL,
    line_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (sample_id, line_id)
);

CREATE TABLE verification_strata (
    sample_id text COLLATE "C" NOT NULL REFERENCES verification_samples,
    programme text COLLATE "C" NOT NULL,
    township text COLLATE "C" NOT NULL,
    population_lines bigint NOT NULL,
    population_fen bigint NOT NULL,
    drawn int NOT NULL,
    PRIMARY KEY (sample_id, programme, township)
);

CREATE TABLE verification_items (
    sample_id text COLLATE "C" NOT NULL REFERENCES verification_samples,
    position int NOT NULL,
    line_id text NOT NULL,
    cycle_id text COLLATE "C" NOT NULL REFERENCES cycles,
    person_id text COLLATE "C" NOT NULL,
    programme text NOT NULL,
    benefit_month text NOT NULL,
    line_type text NOT NULL,
    amount_fen bigint NOT NULL,
    region text NOT NULL,
    part text NOT NULL CHECK (part IN ('RANDOM', 'RISK')),
    risks text NOT NULL,
    PRIMARY KEY (sample_id, position)
);

CREATE TABLE verification_findings (
    sample_id text COLLATE "C" NOT NULL,
    position int NOT NULL,
    revision int NOT NULL,
    finding text NOT NULL,
    right_fen bigint NOT NULL,
    checked_by text NOT NULL,
    checked_on date NOT NULL,
    method text NOT NULL,
    evidence text NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (sample_id, position, revision),
    FOREIGN KEY (sample_id, position) REFERENCES verification_items
);
"""

# `person_checks` counts the events that payments has told of a person's checks and certifications.
CERTIFICATIONS = """
CREATE TABLE person_checks (
    person_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL
);

CREATE TABLE life_certifications (
    person_id text COLLATE "C" NOT NULL,
    certified_on date NOT NULL,
    channel text COLLATE "C" NOT NULL,
    known_at timestamptz NOT NULL,
    campaign_id text COLLATE "C" NOT NULL,
    evidence text NOT NULL,
    recorded_by text NOT NULL,
    PRIMARY KEY (person_id, certified_on, channel)
);

CREATE INDEX life_certifications_known ON life_certifications (known_at);

CREATE TABLE certification_campaigns (
    campaign_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    title text NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'CLOSED')),
    programme text NOT NULL,
    age_from int NOT NULL,
    region text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    remind_days int[] NOT NULL,
    grace_days int NOT NULL,
    reminded_on date,
    opened_by text NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_by text NOT NULL,
    closed_because text NOT NULL
);

CREATE INDEX certification_campaigns_open ON certification_campaigns (last_day) WHERE state = 'OPEN';

CREATE TABLE certification_members (
    campaign_id text COLLATE "C" NOT NULL REFERENCES certification_campaigns,
    person_id text COLLATE "C" NOT NULL,
    region text COLLATE "C" NOT NULL,
    extended_until date,
    extended_by text NOT NULL DEFAULT '',
    extended_because text NOT NULL DEFAULT '',
    PRIMARY KEY (campaign_id, region, person_id)
);

CREATE UNIQUE INDEX certification_members_once ON certification_members (campaign_id, person_id);
"""

# A voucher's own columns are what its entries come to; the ledger proves it. What was spent and expired never exceeds
# what was issued, whoever writes at the same time.
VOUCHERS = """
CREATE TABLE voucher_issues (
    month text COLLATE "C" PRIMARY KEY,
    issue_id text NOT NULL UNIQUE,
    version bigint NOT NULL,
    cut_off timestamptz NOT NULL,
    rule_version text NOT NULL,
    refused text NOT NULL,
    expired_at timestamptz
);

CREATE TABLE vouchers (
    voucher_id text COLLATE "C" PRIMARY KEY,
    person_id text COLLATE "C" NOT NULL,
    month text COLLATE "C" NOT NULL REFERENCES voucher_issues,
    issued_fen bigint NOT NULL CHECK (issued_fen > 0),
    spent_fen bigint NOT NULL DEFAULT 0 CHECK (spent_fen >= 0),
    expired_fen bigint NOT NULL DEFAULT 0 CHECK (expired_fen >= 0),
    CHECK (spent_fen + expired_fen <= issued_fen)
);

CREATE UNIQUE INDEX vouchers_once ON vouchers (person_id, month);

CREATE INDEX vouchers_left ON vouchers (month, voucher_id) WHERE spent_fen + expired_fen < issued_fen;

CREATE TABLE voucher_books (
    person_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL
);

CREATE TABLE voucher_spends (
    spend_id text COLLATE "C" PRIMARY KEY,
    key text COLLATE "C" NOT NULL UNIQUE,
    voucher_id text COLLATE "C" NOT NULL REFERENCES vouchers,
    person_id text COLLATE "C" NOT NULL,
    month text COLLATE "C" NOT NULL,
    facility text COLLATE "C" NOT NULL,
    receipt_no text NOT NULL,
    bill_fen bigint NOT NULL CHECK (bill_fen > 0),
    covered_fen bigint NOT NULL CHECK (covered_fen > 0 AND covered_fen <= bill_fen),
    spent_on date NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    reversed_at timestamptz,
    reversed_by text NOT NULL DEFAULT '',
    reversed_because text NOT NULL DEFAULT ''
);

CREATE UNIQUE INDEX voucher_spends_receipt ON voucher_spends (facility, receipt_no) WHERE reversed_at IS NULL;

CREATE INDEX voucher_spends_of_person ON voucher_spends (person_id);

CREATE INDEX voucher_spends_of_month ON voucher_spends (month, facility) WHERE reversed_at IS NULL;

CREATE TABLE voucher_providers (
    facility text COLLATE "C" PRIMARY KEY,
    enabled boolean NOT NULL,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL
);

CREATE TABLE voucher_settlements (
    month text COLLATE "C" PRIMARY KEY REFERENCES voucher_issues,
    state text NOT NULL CHECK (state IN ('PREPARED', 'CONFIRMED')),
    prepared_by text NOT NULL,
    confirmed_by text NOT NULL DEFAULT ''
);

CREATE TABLE voucher_settlement_lines (
    month text COLLATE "C" NOT NULL REFERENCES voucher_settlements,
    facility text COLLATE "C" NOT NULL,
    spends bigint NOT NULL,
    bill_fen bigint NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    PRIMARY KEY (month, facility)
);

CREATE SEQUENCE voucher_posting;

CREATE TABLE voucher_entries (
    posting bigint NOT NULL,
    movement text NOT NULL,
    account text NOT NULL,
    amount_fen bigint NOT NULL,
    month text COLLATE "C" NOT NULL,
    voucher_id text NOT NULL,
    facility text NOT NULL,
    reference text NOT NULL,
    booked_at timestamptz NOT NULL
);

CREATE INDEX voucher_entries_of_month ON voucher_entries (month)
"""

STAY = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    """Make the tables; what was drawn, found, certified and booked is only ever added to."""
    for part in (SAMPLES, CERTIFICATIONS, VOUCHERS):
        run_sql(part)
    for table in ("verification_items", "verification_findings", "life_certifications", "voucher_entries"):
        run_sql(STAY.format(table=table), whole=True)


def downgrade() -> None:
    """Refused: what was decided and paid is never dropped."""
    raise RuntimeError("payments' tables hold what was paid and are never dropped")
