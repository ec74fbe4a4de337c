"""Payments' tables: facts as known, cycles, lines, where their money goes, the ledger, the bank's instructions."""

from tuoqi.kit.migrate import run_sql

revision = "payments0001"
branch_labels = None
down_revision = None
depends_on = None

# What the registry told, every version of it: a cycle reads the facts as they were known at its cut-off.
FACTS = """
CREATE TABLE person_facts (
    person_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    known_at timestamptz NOT NULL,
    birth_date date NOT NULL,
    died_on date,
    absences text NOT NULL,
    hukou text NOT NULL,
    PRIMARY KEY (person_id, version)
);

CREATE TABLE status_facts (
    person_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    known_at timestamptz NOT NULL,
    intervals text NOT NULL,
    PRIMARY KEY (person_id, version)
);

CREATE TABLE fences (
    fence_id text COLLATE "C" NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    cutoff timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (fence_id, topic, partition)
);

CREATE TABLE price_index (
    loaded_order bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    month text COLLATE "C" NOT NULL,
    published_on date NOT NULL,
    cpi_tenths int NOT NULL,
    food_tenths int NOT NULL,
    scpi_tenths int NOT NULL,
    loaded_at timestamptz NOT NULL
);

CREATE INDEX price_index_months ON price_index (month, published_on, loaded_order);
"""

CYCLES = """
CREATE TABLE cycles (
    cycle_id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL UNIQUE,
    seq int NOT NULL UNIQUE,
    month text NOT NULL,
    cut_off timestamptz NOT NULL,
    rules text NOT NULL,
    state text NOT NULL,
    version bigint NOT NULL,
    positive_fen bigint NOT NULL,
    reviewed_by text NOT NULL,
    posted_on date,
    posting_cut_because text NOT NULL,
    approved_by text NOT NULL,
    instructed_on date,
    cancelled_because text NOT NULL,
    policy_version text NOT NULL
);

CREATE TABLE cycle_totals (
    cycle_id text COLLATE "C" NOT NULL REFERENCES cycles,
    programme text NOT NULL,
    line_type text NOT NULL,
    lines bigint NOT NULL,
    amount_fen bigint NOT NULL,
    PRIMARY KEY (cycle_id, programme, line_type)
);
"""

# The second wall against paying twice: the line's own key, and at most one REGULAR line a month in live cycles.
LINES = """
CREATE TABLE payment_lines (
    cycle_id text COLLATE "C" NOT NULL REFERENCES cycles,
    programme text COLLATE "C" NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    benefit_month text COLLATE "C" NOT NULL,
    line_id text NOT NULL,
    line_type text COLLATE "C" NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen <> 0),
    reason text NOT NULL,
    entitled_fen bigint NOT NULL,
    paid_fen bigint NOT NULL,
    facts text NOT NULL,
    rule_version text NOT NULL,
    facility boolean NOT NULL,
    may_be_posted boolean NOT NULL,
    cancelled boolean NOT NULL DEFAULT false,
    PRIMARY KEY (cycle_id, programme, person_id, benefit_month)
);

CREATE INDEX payment_lines_of_person ON payment_lines (person_id) WHERE NOT cancelled;

CREATE UNIQUE INDEX payment_lines_regular_once ON payment_lines (person_id, programme, benefit_month)
    WHERE line_type = 'REGULAR' AND NOT cancelled;

CREATE TABLE beyond_limit (
    cycle_id text COLLATE "C" NOT NULL REFERENCES cycles,
    person_id text COLLATE "C" NOT NULL,
    programme text NOT NULL,
    benefit_month text NOT NULL,
    amount_fen bigint NOT NULL,
    cancelled boolean NOT NULL DEFAULT false,
    PRIMARY KEY (person_id, cycle_id, programme, benefit_month)
);
"""

# Where the cash of a line is. `part` counts the pieces of one line's money: a withdrawal that is undone after the rest
# went out becomes a piece of its own.
CASH = """
CREATE TABLE outgoing (
    cycle_id text COLLATE "C" NOT NULL REFERENCES cycles,
    person_id text COLLATE "C" NOT NULL,
    programme text NOT NULL,
    benefit_month text NOT NULL,
    part int NOT NULL DEFAULT 0,
    amount_fen bigint NOT NULL CHECK (amount_fen >= 0),
    state text NOT NULL CHECK (state IN ('TO_INSTRUCT', 'WAITING', 'SENT', 'RETURNED', 'CANCELLED')),
    facility boolean NOT NULL,
    reason text NOT NULL DEFAULT '',
    instruction_id text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (person_id, cycle_id, programme, benefit_month, part)
);

CREATE INDEX outgoing_of_cycle ON outgoing (cycle_id) WHERE state = 'TO_INSTRUCT';

CREATE INDEX outgoing_held ON outgoing (state) WHERE state IN ('WAITING', 'RETURNED');

CREATE INDEX outgoing_of_instruction ON outgoing (instruction_id) WHERE instruction_id <> '';

CREATE TABLE cash_steps (
    cycle_id text COLLATE "C" NOT NULL REFERENCES cycles,
    person_id text COLLATE "C" NOT NULL,
    ordinal int NOT NULL,
    kind text NOT NULL,
    programme text NOT NULL,
    benefit_month text NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    other text NOT NULL,
    from_cycle_id text NOT NULL,
    from_part int NOT NULL,
    PRIMARY KEY (cycle_id, person_id, ordinal)
);

CREATE TABLE recovery_cases (
    person_id text COLLATE "C" NOT NULL,
    programme text COLLATE "C" NOT NULL,
    benefit_month text COLLATE "C" NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen >= 0),
    PRIMARY KEY (person_id, programme, benefit_month)
);
"""

BANK = """
CREATE TABLE instructions (
    instruction_id text COLLATE "C" PRIMARY KEY,
    cycle_id text COLLATE "C" NOT NULL REFERENCES cycles,
    programme text COLLATE "C" NOT NULL,
    account_version_id text NOT NULL,
    account_key text NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    state text NOT NULL CHECK (state IN ('OPEN', 'SUCCESS', 'RETURNED', 'WITHDRAWN')),
    reissue_of text NOT NULL DEFAULT '',
    settled_on date,
    return_reason text NOT NULL DEFAULT ''
);

CREATE UNIQUE INDEX instructions_once ON instructions (cycle_id, programme, account_key) WHERE reissue_of = '';

CREATE INDEX instructions_of_cycle ON instructions (cycle_id, state);

CREATE SEQUENCE ledger_posting;

CREATE TABLE ledger_entries (
    posting bigint NOT NULL,
    cycle_id text COLLATE "C" NOT NULL,
    movement text NOT NULL,
    account text NOT NULL,
    amount_fen bigint NOT NULL,
    programme text NOT NULL,
    person_id text NOT NULL,
    benefit_month text NOT NULL,
    reference text NOT NULL,
    booked_at timestamptz NOT NULL
);

CREATE INDEX ledger_entries_of_cycle ON ledger_entries (cycle_id)
"""

LEDGER_STAYS = """
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE ON ledger_entries
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    """Make the tables."""
    for part in (FACTS, CYCLES, LINES, CASH, BANK):
        run_sql(part)
    run_sql(LEDGER_STAYS, whole=True)


def downgrade() -> None:
    """Refused: what was decided and paid is never dropped."""
    raise RuntimeError("payments' tables hold what was paid and are never dropped")
