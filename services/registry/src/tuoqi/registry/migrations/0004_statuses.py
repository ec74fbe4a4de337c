"""Reserved for the tables of: statuses."""

from tuoqi.kit.migrate import run_sql

revision = "registry0004"
down_revision = "registry0003"
branch_labels = None
depends_on = None

TABLES = ""


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: the register is never dropped."""
    raise RuntimeError("the register is never dropped")
