"""One-off aid and what other systems submit: each grant is an amount for one person, programme and month."""

from tuoqi.kit.migrate import run_sql

revision = "payments0003"
branch_labels = None
down_revision = "payments0002"
depends_on = None

# A grant counts in a cycle where it was known at the cut-off and not taken back by then; it is never changed otherwise.
TABLES = """
CREATE TABLE grants (
    grant_id text COLLATE "C" PRIMARY KEY,
    person_id text COLLATE "C" NOT NULL,
    programme text COLLATE "C" NOT NULL,
    benefit_month text COLLATE "C" NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    known_at timestamptz NOT NULL,
    voided_at timestamptz
);

CREATE INDEX grants_of_person ON grants (person_id);

CREATE INDEX grants_known ON grants (known_at);

CREATE INDEX grants_voided ON grants (voided_at) WHERE voided_at IS NOT NULL;
"""


def upgrade() -> None:
    """Make the table."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: what was decided and paid is never dropped."""
    raise RuntimeError("payments' tables hold what was paid and are never dropped")
