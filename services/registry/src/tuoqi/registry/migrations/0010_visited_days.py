"""A day on which somebody was met may turn out to have been none: the newest word about it holds."""

from tuoqi.kit.migrate import run_sql

revision = "registry0010"
down_revision = "registry0009"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE visited_days
    ADD COLUMN seen boolean NOT NULL DEFAULT true,
    ADD COLUMN version bigint NOT NULL DEFAULT 0;
"""


def upgrade() -> None:
    """Add the columns."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: which day was withdrawn would be forgotten."""
    raise RuntimeError("which day was withdrawn would be forgotten")
