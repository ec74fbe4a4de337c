"""Recovery files: what a person owes, item by item, and what was done about it; repayments, plans, write-offs."""

from tuoqi.kit.migrate import run_sql

revision = "payments0005"
branch_labels = None
down_revision = "payments0004"
depends_on = None

# An item is the case of one file, programme and month; the open amount of record stays in `recovery_cases`.
FILES = """
CREATE TABLE recovery_files (
    recovery_id text COLLATE "C" PRIMARY KEY,
    person_id text COLLATE "C" NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'NOTICED', 'AGREED', 'SETTLED', 'WRITTEN_OFF', 'CANCELLED')),
    version bigint NOT NULL,
    opened_on date NOT NULL,
    closed_on date,
    owed_fen bigint NOT NULL CHECK (owed_fen >= 0),
    repaid_fen bigint NOT NULL CHECK (repaid_fen >= 0),
    offset_fen bigint NOT NULL CHECK (offset_fen >= 0),
    reduced_fen bigint NOT NULL,
    written_off_fen bigint NOT NULL CHECK (written_off_fen >= 0),
    refunded_fen bigint NOT NULL CHECK (refunded_fen >= 0),
    notice_no int NOT NULL,
    notice_fen bigint NOT NULL,
    noticed_on date,
    due_on date,
    delivered_on date,
    delivered_how text NOT NULL,
    overdue_told boolean NOT NULL,
    plan_paid_fen bigint NOT NULL,
    signed_on date,
    agreed_at timestamptz,
    cap_fen bigint,
    cap_hundredths int,
    programmes text NOT NULL,
    write_off_id text NOT NULL,
    proposed_fen bigint NOT NULL,
    proposed_by text NOT NULL,
    proposed_reason text NOT NULL
);

CREATE INDEX recovery_files_of_person ON recovery_files (person_id);

CREATE INDEX recovery_files_due ON recovery_files (due_on) WHERE state = 'NOTICED' AND NOT overdue_told;

CREATE INDEX recovery_files_agreed ON recovery_files (person_id) WHERE agreed_at IS NOT NULL;

CREATE TABLE recovery_items (
    person_id text COLLATE "C" NOT NULL,
    programme text COLLATE "C" NOT NULL,
    benefit_month text COLLATE "C" NOT NULL,
    recovery_id text COLLATE "C" NOT NULL REFERENCES recovery_files,
    owed_fen bigint NOT NULL CHECK (owed_fen >= 0),
    raised_fen bigint NOT NULL,
    agreed_fen bigint NOT NULL,
    reason text NOT NULL,
    cycle_id text COLLATE "C" NOT NULL,
    opened_on date NOT NULL,
    PRIMARY KEY (person_id, programme, benefit_month)
);

CREATE INDEX recovery_items_of_file ON recovery_items (recovery_id);

CREATE TABLE recovery_instalments (
    recovery_id text COLLATE "C" NOT NULL REFERENCES recovery_files,
    nth int NOT NULL,
    due_on date NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    upto_fen bigint NOT NULL,
    judged boolean NOT NULL,
    missed boolean NOT NULL,
    PRIMARY KEY (recovery_id, nth)
);

CREATE INDEX recovery_instalments_due ON recovery_instalments (due_on) WHERE NOT judged;

CREATE TABLE recovery_acts (
    recovery_id text COLLATE "C" NOT NULL REFERENCES recovery_files,
    nth int NOT NULL,
    act text NOT NULL,
    actor text NOT NULL,
    at timestamptz NOT NULL,
    amount_fen bigint NOT NULL,
    code text NOT NULL,
    reference text NOT NULL,
    note text NOT NULL,
    PRIMARY KEY (recovery_id, nth)
);
"""

# The notes that clerks write, and receipt numbers, stay in these tables: no event and no log has them.
MONEY = """
CREATE TABLE recovery_repayments (
    repayment_id text COLLATE "C" PRIMARY KEY,
    recovery_id text COLLATE "C" NOT NULL REFERENCES recovery_files,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    paid_on date NOT NULL,
    receipt_no text COLLATE "C" NOT NULL,
    payer text NOT NULL,
    named text NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    reversed_by text NOT NULL DEFAULT '',
    reversed_at timestamptz,
    reversed_because text NOT NULL DEFAULT ''
);

CREATE UNIQUE INDEX recovery_repayments_receipt ON recovery_repayments (receipt_no) WHERE reversed_at IS NULL;

CREATE INDEX recovery_repayments_of_file ON recovery_repayments (recovery_id);

CREATE TABLE recovery_allocations (
    repayment_id text COLLATE "C" NOT NULL REFERENCES recovery_repayments,
    person_id text COLLATE "C" NOT NULL,
    programme text COLLATE "C" NOT NULL,
    benefit_month text COLLATE "C" NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    PRIMARY KEY (repayment_id, person_id, programme, benefit_month)
);

CREATE TABLE recovery_write_offs (
    write_off_id text COLLATE "C" NOT NULL,
    recovery_id text COLLATE "C" NOT NULL REFERENCES recovery_files,
    person_id text COLLATE "C" NOT NULL,
    programme text COLLATE "C" NOT NULL,
    benefit_month text COLLATE "C" NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    restored_fen bigint NOT NULL DEFAULT 0 CHECK (restored_fen BETWEEN 0 AND amount_fen),
    PRIMARY KEY (write_off_id, person_id, programme, benefit_month)
);

CREATE INDEX recovery_write_offs_of_case ON recovery_write_offs (person_id, programme, benefit_month);

ALTER TABLE cash_steps ADD COLUMN other_month text COLLATE "C" NOT NULL DEFAULT '';

ALTER TABLE outgoing ADD COLUMN refund boolean NOT NULL DEFAULT false;

CREATE INDEX outgoing_refunds ON outgoing (person_id, programme, benefit_month) WHERE refund;
"""

ACTS_STAY = """
CREATE TRIGGER recovery_acts_append_only BEFORE UPDATE OR DELETE ON recovery_acts
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    """Make the tables."""
    run_sql(FILES)
    run_sql(MONEY)
    run_sql(ACTS_STAY, whole=True)


def downgrade() -> None:
    """Refused: what was decided and paid is never dropped."""
    raise RuntimeError("payments' tables hold what was paid and are never dropped")
