"""The one table of the measured service, and the stage from which the limit is taken."""

from tuoqi.kit.migrate import run_sql

revision = "bench0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    run_sql("""
CREATE TABLE tally (
    person_id text PRIMARY KEY,
    missed int NOT NULL,
    grade text NOT NULL,
    last_deadline date NOT NULL,
    version bigint NOT NULL
) WITH (fillfactor = 70);
""")
