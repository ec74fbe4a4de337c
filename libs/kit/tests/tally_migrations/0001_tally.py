"""The tables of the pipeline's tests."""

from tuoqi.kit.migrate import run_sql

revision = "tally0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    run_sql("""
CREATE TABLE tally (person_id text PRIMARY KEY, missed int NOT NULL,
    grade text NOT NULL CONSTRAINT short_grade CHECK (length(grade) < 20), version bigint NOT NULL);
CREATE TABLE mirror (person_id text PRIMARY KEY, grade text NOT NULL, version bigint NOT NULL);
""")
