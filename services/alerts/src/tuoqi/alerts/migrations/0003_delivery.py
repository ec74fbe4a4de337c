"""Who is told of what, and the proof of it."""

from tuoqi.kit.migrate import run_sql

revision = "alerts0003"
down_revision = "alerts0002"
branch_labels = None
depends_on = None

# A notice is written with the happening it tells of, so none is lost and none is told twice. A delivery is one message
# to one person by one channel; its id derives from the notice, the person and the channel, so a channel that gets it
# twice knows it again. `sent_at` and `next_try_at` are the system's time, `at` and `due_at` the county's.
TABLES = """
CREATE TABLE notices (
    notice_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id text COLLATE "C" NOT NULL,
    occasion text NOT NULL,
    level text NOT NULL,
    at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'WAITING' CHECK (state IN ('WAITING', 'SENT', 'NOBODY', 'CANCELLED')),
    reached text NOT NULL DEFAULT '',
    UNIQUE (alert_id, occasion, level, at)
);
CREATE INDEX notices_waiting ON notices (notice_id) WHERE state = 'WAITING';
CREATE INDEX notices_nobody ON notices (at) WHERE state = 'NOBODY';

CREATE TABLE deliveries (
    delivery_id text COLLATE "C" PRIMARY KEY,
    notice_id bigint NOT NULL REFERENCES notices,
    alert_id text COLLATE "C" NOT NULL,
    recipient text NOT NULL,
    channel text NOT NULL,
    urgency int NOT NULL,
    body text NOT NULL,
    state text NOT NULL DEFAULT 'WAITING' CHECK (state IN ('WAITING', 'SENT', 'READ', 'DEAD', 'CANCELLED')),
    tries int NOT NULL DEFAULT 0,
    made_at timestamptz NOT NULL DEFAULT now(),
    next_try_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    read_at timestamptz,
    proof text NOT NULL DEFAULT '',
    fault text NOT NULL DEFAULT ''
);
CREATE INDEX deliveries_waiting ON deliveries (channel, urgency DESC, made_at) WHERE state = 'WAITING';
CREATE INDEX deliveries_inbox ON deliveries (recipient, made_at DESC, delivery_id) WHERE channel = 'console';
CREATE INDEX deliveries_newest ON deliveries (made_at DESC, delivery_id);
"""


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: what was recorded is never dropped."""
    raise RuntimeError("records are never dropped")
