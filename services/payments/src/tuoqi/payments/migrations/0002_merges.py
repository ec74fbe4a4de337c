"""Merged files: whose second file a person is, and whose money a step of cash moved."""

from tuoqi.kit.migrate import run_sql

revision = "payments0002"
branch_labels = None
down_revision = "payments0001"
depends_on = None

# `merged_into` is empty for a person's own file, `from_person_id` where a step moved the person's own money or case.
TABLES = """
ALTER TABLE person_facts ADD COLUMN merged_into text COLLATE "C" NOT NULL DEFAULT '';

CREATE INDEX person_facts_merged ON person_facts (person_id) WHERE merged_into <> '';

ALTER TABLE cash_steps ADD COLUMN from_person_id text COLLATE "C" NOT NULL DEFAULT '';
"""


def upgrade() -> None:
    """Add the columns."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: what was decided and paid is never dropped."""
    raise RuntimeError("payments' tables hold what was paid and are never dropped")
