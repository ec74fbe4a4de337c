"""Where grants come from: batches of other systems, one-off aid by application; and goods, which are no money."""

from tuoqi.kit.migrate import run_sql

revision = "payments0007"
branch_labels = None
down_revision = "payments0006"
depends_on = None

# A batch is known outside by its id and inside by its number, which keeps the rows of the lines short. The idempotency
# wall is the key of a client; the wall of the lines is the client's own reference, once for ever.
BATCHES = """
CREATE SEQUENCE disbursement_batch_no;

CREATE TABLE disbursement_batches (
    batch_id text COLLATE "C" PRIMARY KEY,
    batch_no bigint NOT NULL UNIQUE,
    client text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    body_hash bytea NOT NULL,
    answer bytea NOT NULL,
    state text NOT NULL CHECK (state IN ('SUBMITTED', 'RELEASED')),
    version bigint NOT NULL,
    accepted int NOT NULL,
    duplicates int NOT NULL,
    rejected int NOT NULL,
    voided int NOT NULL,
    amount_fen bigint NOT NULL,
    policy_version text NOT NULL,
    submitted_at timestamptz NOT NULL,
    released_by text NOT NULL,
    released_at timestamptz,
    UNIQUE (client, idempotency_key)
);

CREATE TABLE disbursements (
    batch_no bigint NOT NULL,
    ordinal int NOT NULL,
    client text COLLATE "C" NOT NULL,
    line_ref text COLLATE "C" NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    programme text COLLATE "C" NOT NULL,
    benefit_month text COLLATE "C" NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    told text COLLATE "C" NOT NULL DEFAULT 'ACCEPTED',
    voided_because text NOT NULL DEFAULT '',
    PRIMARY KEY (client, line_ref)
);

CREATE UNIQUE INDEX disbursements_of_batch ON disbursements (batch_no, ordinal);

CREATE INDEX disbursements_under_way ON disbursements (batch_no)
    WHERE told IN ('RELEASED', 'IN_CYCLE', 'WAITING', 'INSTRUCTED', 'RETURNED', 'NOT_PAID');

CREATE TABLE disbursements_followed (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    standing text NOT NULL
);
"""

# Everything about one person's aid hangs on one row, whose version its events carry and whose lock keeps two decisions
# about the same person apart.
AID = """
CREATE TABLE aid_files (
    person_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL
);

CREATE TABLE aid_applications (
    application_id text COLLATE "C" PRIMARY KEY,
    person_id text COLLATE "C" NOT NULL REFERENCES aid_files,
    programme text COLLATE "C" NOT NULL,
    type text NOT NULL,
    items text NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    region text COLLATE "C" NOT NULL,
    applied_by text NOT NULL,
    applied_on date NOT NULL,
    request_key text COLLATE "C" NOT NULL,
    request_hash text NOT NULL,
    remark text NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (
        state IN ('APPLIED', 'FIRST_DECIDED', 'PAPERS_DUE', 'GRANTED', 'REFUSED', 'VOIDED')
    ),
    level text NOT NULL,
    granted_fen bigint NOT NULL,
    benefit_month text NOT NULL,
    papers_due_on date,
    decided_by text NOT NULL,
    decided_at timestamptz,
    reason text NOT NULL,
    rule_version text NOT NULL,
    UNIQUE (applied_by, request_key)
);

CREATE INDEX aid_applications_of_person ON aid_applications (person_id);

CREATE INDEX aid_applications_newest ON aid_applications (applied_on, application_id);

CREATE INDEX aid_applications_papers ON aid_applications (papers_due_on) WHERE state = 'PAPERS_DUE';
"""

GOODS = """
CREATE TABLE goods_entries (
    issue_id text COLLATE "C" PRIMARY KEY,
    person_id text COLLATE "C" NOT NULL REFERENCES aid_files,
    occasion text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    quantity int NOT NULL CHECK (quantity <> 0),
    value_fen bigint NOT NULL,
    issued_on date NOT NULL,
    issued_by text NOT NULL,
    region text COLLATE "C" NOT NULL,
    request_key text COLLATE "C" NOT NULL,
    request_hash text NOT NULL,
    corrects text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    CHECK (sign(quantity) = sign(value_fen)),
    UNIQUE (issued_by, request_key, person_id)
);

CREATE UNIQUE INDEX goods_entries_taken_back_once ON goods_entries (corrects) WHERE corrects <> '';

CREATE INDEX goods_entries_days ON goods_entries (issued_on, issue_id)
"""

GOODS_STAY = """
CREATE TRIGGER goods_entries_append_only BEFORE UPDATE OR DELETE ON goods_entries
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""

# Whoever serves may draw from a sequence but not look at it; this one number he may know.
LAST_POSTING = """
CREATE FUNCTION last_ledger_posting() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS 'SELECT last_value FROM ledger_posting'
"""


def upgrade() -> None:
    """Make the tables."""
    for part in (BATCHES, AID, GOODS):
        run_sql(part)
    run_sql(GOODS_STAY, whole=True)
    run_sql(LAST_POSTING, whole=True)


def downgrade() -> None:
    """Refused: what was decided and paid is never dropped."""
    raise RuntimeError("payments' tables hold what was paid and are never dropped")
