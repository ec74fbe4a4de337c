"""What the sweep must know of plans without opening them: standing, last look, and looks at the whole county.

Plans that stood before have no standing yet: forgetting by which rules they were seen makes the next sweep look at
each of them once, and that look writes it. `fences` are those of the registry that have arrived.
"""

from tuoqi.kit.migrate import run_sql

revision = "visits0002"
down_revision = "visits0001"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE plans
    ADD COLUMN looked_on date,
    ADD COLUMN standing text COLLATE "C",
    ADD COLUMN county_look timestamptz;

ALTER TABLE rules_seen ADD COLUMN looked_at timestamptz;

DELETE FROM rules_seen;

CREATE TABLE fences (
    fence_id text COLLATE "C" NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    cutoff timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (fence_id, topic, partition)
);

CREATE INDEX fences_old ON fences (cutoff);
"""


def upgrade() -> None:
    """Make the columns and the table."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: what was recorded is never dropped."""
    raise RuntimeError("records are never dropped")
