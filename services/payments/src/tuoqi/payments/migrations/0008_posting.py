"""Posting lists frozen as they were posted, objections, who did what to a cycle, and cycles of some programmes only."""

from tuoqi.kit.migrate import run_sql

revision = "payments0008"
branch_labels = None
down_revision = "payments0007"
depends_on = None

# Where the person lives decides whose list a line stands on; of people told before, the register stands in for it.
RESIDENCE = """
ALTER TABLE person_facts ADD COLUMN residence text COLLATE "C" NOT NULL DEFAULT '';
"""

CYCLES = """
ALTER TABLE cycles ADD COLUMN scope text NOT NULL DEFAULT '[]';
ALTER TABLE cycles ADD COLUMN objections_open int NOT NULL DEFAULT 0 CHECK (objections_open >= 0);
ALTER TABLE cycles ADD COLUMN must_cancel boolean NOT NULL DEFAULT false;

CREATE TABLE cycle_acts (
    cycle_id text COLLATE "C" NOT NULL REFERENCES cycles,
    nth int NOT NULL,
    act text NOT NULL,
    actor text NOT NULL,
    at timestamptz NOT NULL,
    times int NOT NULL CHECK (times > 0),
    PRIMARY KEY (cycle_id, nth)
);
"""

# No name, no number, no address below the village: those are asked of the registry when a list is printed.
POSTED = """
CREATE TABLE posted_lines (
    cycle_id text COLLATE "C" NOT NULL REFERENCES cycles,
    region text COLLATE "C" NOT NULL,
    position int NOT NULL,
    programme text COLLATE "C" NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    months int NOT NULL CHECK (months > 0),
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    PRIMARY KEY (cycle_id, region, position, person_id)
);

CREATE TABLE objections (
    objection_id text COLLATE "C" PRIMARY KEY,
    cycle_id text COLLATE "C" NOT NULL REFERENCES cycles,
    person_id text COLLATE "C" NOT NULL,
    programme text COLLATE "C" NOT NULL,
    category text NOT NULL,
    note text NOT NULL,
    posted boolean NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    outcome text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'UPHELD', 'DISMISSED')),
    reason text NOT NULL DEFAULT '',
    follow_up text NOT NULL DEFAULT '',
    decision_note text NOT NULL DEFAULT '',
    decided_by text NOT NULL DEFAULT '',
    decided_at timestamptz
);

CREATE INDEX objections_of_cycle ON objections (cycle_id, objection_id);
"""


def upgrade() -> None:
    """Make the tables."""
    for part in (RESIDENCE, CYCLES, POSTED):
        run_sql(part)
    for table in ("cycle_acts", "posted_lines"):
        run_sql(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            whole=True,
        )


def downgrade() -> None:
    """Refused: what was decided and paid is never dropped."""
    raise RuntimeError("payments' tables hold what was paid and are never dropped")
