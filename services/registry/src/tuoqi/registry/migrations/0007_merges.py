"""Reserved for the tables of: merges."""

from tuoqi.kit.migrate import run_sql

revision = "registry0007"
down_revision = "registry0006"
branch_labels = None
depends_on = None

TABLES = ""


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: the register is never dropped."""
    raise RuntimeError("the register is never dropped")
