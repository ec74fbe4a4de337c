"""Stays for facility lines; what the bank was handed and answered; who was paid twice; where the money comes from."""

from tuoqi.kit.migrate import run_sql

revision = "payments0006"
branch_labels = None
down_revision = "payments0005"
depends_on = None

STAYS = """
ALTER TABLE status_facts ADD COLUMN stays text NOT NULL DEFAULT '[]';
"""

# An item is the money of one piece of `outgoing` as an instruction carries it; items are never changed, so that a bank's
# answer can be weighed against them however late it comes. `overpayments` holds what live instructions carry beyond the
# piece: money for which a recovery case was opened.
BANK = """
ALTER TABLE instructions
    ADD COLUMN issued_at timestamptz,
    ADD COLUMN exported_at timestamptz,
    ADD COLUMN export_no int NOT NULL DEFAULT 0,
    ADD COLUMN result_source text NOT NULL DEFAULT '',
    ADD COLUMN reissue_reason text NOT NULL DEFAULT '';

CREATE TABLE instruction_items (
    instruction_id text COLLATE "C" NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    cycle_id text COLLATE "C" NOT NULL,
    programme text COLLATE "C" NOT NULL,
    benefit_month text COLLATE "C" NOT NULL,
    part int NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    PRIMARY KEY (instruction_id, person_id, cycle_id, programme, benefit_month, part)
);

CREATE INDEX instruction_items_of_piece ON instruction_items (person_id, cycle_id, programme, benefit_month, part);

INSERT INTO instruction_items
SELECT instruction_id, person_id, cycle_id, programme, benefit_month, part, amount_fen
FROM outgoing WHERE instruction_id <> '' AND amount_fen > 0;

CREATE TABLE overpayments (
    person_id text COLLATE "C" NOT NULL,
    cycle_id text COLLATE "C" NOT NULL,
    programme text COLLATE "C" NOT NULL,
    benefit_month text COLLATE "C" NOT NULL,
    part int NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen >= 0),
    given_back_fen bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (person_id, cycle_id, programme, benefit_month, part)
);

CREATE TABLE bank_answers (
    answer bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instruction_id text COLLATE "C" NOT NULL,
    result text NOT NULL,
    settled_on date,
    source text NOT NULL,
    taken_at timestamptz NOT NULL,
    taken_by text NOT NULL
);

CREATE INDEX bank_answers_of_instruction ON bank_answers (instruction_id, answer DESC);

CREATE TABLE unmatched_results (
    result_id text COLLATE "C" PRIMARY KEY,
    why text NOT NULL CHECK (why IN ('UNKNOWN', 'AMOUNT', 'CONTRADICTION')),
    instruction_id text NOT NULL,
    result text NOT NULL,
    settled_on date,
    amount_fen bigint,
    return_reason text NOT NULL,
    source text NOT NULL,
    row_number int NOT NULL,
    state text NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'ASSIGNED', 'DISMISSED')),
    taken_at timestamptz NOT NULL,
    taken_by text NOT NULL,
    decided_at timestamptz,
    decided_by text NOT NULL DEFAULT '',
    assigned_to text NOT NULL DEFAULT '',
    because text NOT NULL DEFAULT ''
);

CREATE INDEX unmatched_results_open ON unmatched_results (instruction_id) WHERE state = 'OPEN';

CREATE TABLE bank_exports (
    cycle_id text COLLATE "C" NOT NULL REFERENCES cycles,
    export_no int NOT NULL,
    format text NOT NULL,
    instructions int NOT NULL,
    amount_fen bigint NOT NULL,
    rule_version text NOT NULL,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    manifest_hash text NOT NULL DEFAULT '',
    PRIMARY KEY (cycle_id, export_no)
);

CREATE INDEX ledger_entries_of_bank ON ledger_entries (cycle_id, programme, movement)
    WHERE account IN ('IN_TRANSIT', 'SUBSIDY_FUND');
"""

# The shares of a cycle's programme are frozen with its first instructions; sums move by them, never single people.
FUNDING = """
CREATE TABLE funding_shares (
    cycle_id text COLLATE "C" NOT NULL,
    programme text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    parts int NOT NULL CHECK (parts > 0),
    PRIMARY KEY (cycle_id, programme, source)
);

CREATE TABLE funding_sums (
    cycle_id text COLLATE "C" NOT NULL,
    programme text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    committed_fen bigint NOT NULL,
    paid_fen bigint NOT NULL,
    returned_fen bigint NOT NULL,
    repaid_fen bigint NOT NULL,
    PRIMARY KEY (cycle_id, programme, source)
);

CREATE TABLE funding_receipts (
    receipt_id text COLLATE "C" PRIMARY KEY,
    source text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('ALLOTTED', 'SPENT')),
    amount_fen bigint NOT NULL CHECK (amount_fen <> 0),
    document_no text NOT NULL,
    note text NOT NULL,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    UNIQUE (source, kind, document_no)
);

CREATE SEQUENCE funding_posting;

CREATE TABLE funding_entries (
    posting bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    movement text NOT NULL,
    account text NOT NULL,
    amount_fen bigint NOT NULL,
    cycle_id text COLLATE "C" NOT NULL,
    programme text COLLATE "C" NOT NULL,
    reference text NOT NULL,
    booked_at timestamptz NOT NULL
);

CREATE INDEX funding_entries_of_source ON funding_entries (source, account);

CREATE INDEX funding_entries_of_cycle ON funding_entries (cycle_id, programme)
"""

STAY_AS_WRITTEN = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    """Make the tables."""
    for part in (STAYS, BANK, FUNDING):
        run_sql(part)
    for table in ("instruction_items", "bank_answers", "funding_shares", "funding_receipts", "funding_entries"):
        run_sql(STAY_AS_WRITTEN.format(table=table), whole=True)


def downgrade() -> None:
    """Refused: what was decided and paid is never dropped."""
    raise RuntimeError("payments' tables hold what was paid and are never dropped")
