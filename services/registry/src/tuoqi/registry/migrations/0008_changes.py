"""Reserved for the tables of: changes."""

from tuoqi.kit.migrate import run_sql

revision = "registry0008"
down_revision = "registry0007"
branch_labels = None
depends_on = None

TABLES = ""


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: the register is never dropped."""
    raise RuntimeError("the register is never dropped")
