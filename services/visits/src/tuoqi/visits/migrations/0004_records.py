"""Records whole, their attachments and corrections."""

from tuoqi.kit.migrate import run_sql

revision = "visits0004"
down_revision = "visits0003"
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
