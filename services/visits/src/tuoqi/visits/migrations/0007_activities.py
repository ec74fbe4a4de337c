"""Activities, campaigns, and who came."""

from tuoqi.kit.migrate import run_sql

revision = "visits0007"
down_revision = "visits0006"
branch_labels = None
depends_on = None

# activities.others: how many came whom nobody named; named: how many named ones count. sealed: title and reason.
# activity_editions: what was said each time, never changed. attendance: a row is ended, never overwritten.
TABLES = """
CREATE TABLE campaigns (
    campaign text COLLATE "C" PRIMARY KEY,
    kind text NOT NULL,
    region text COLLATE "C" NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    target int NOT NULL CHECK (target >= 0),
    measure text NOT NULL CHECK (measure IN ('sessions', 'times', 'persons', 'materials', 'places')),
    sealed bytea,
    opened_by text NOT NULL,
    opened_at timestamptz NOT NULL,
    CHECK (first_day <= last_day)
);

CREATE TABLE activities (
    activity_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    number text COLLATE "C" NOT NULL UNIQUE,
    kind text COLLATE "C" NOT NULL,
    campaign text COLLATE "C" NOT NULL,
    region text COLLATE "C" NOT NULL,
    channel text NOT NULL,
    state text NOT NULL CHECK (state IN ('PLANNED', 'HELD', 'CANCELLED')),
    edition int NOT NULL,
    day date NOT NULL,
    others int NOT NULL CHECK (others >= 0),
    others_approximate boolean NOT NULL,
    places int NOT NULL CHECK (places >= 0),
    places_approximate boolean NOT NULL,
    materials int NOT NULL CHECK (materials >= 0),
    materials_approximate boolean NOT NULL,
    evidence text NOT NULL,
    named int NOT NULL CHECK (named >= 0),
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    sealed bytea
);

CREATE INDEX activities_days ON activities (day, activity_id);

CREATE INDEX activities_of_campaign ON activities (campaign) WHERE campaign <> '';

CREATE TABLE activity_editions (
    activity_id text COLLATE "C" NOT NULL REFERENCES activities,
    edition int NOT NULL,
    state text NOT NULL,
    day date NOT NULL,
    region text NOT NULL,
    channel text NOT NULL,
    others int NOT NULL,
    others_approximate boolean NOT NULL,
    places int NOT NULL,
    places_approximate boolean NOT NULL,
    materials int NOT NULL,
    materials_approximate boolean NOT NULL,
    evidence text NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    sealed bytea,
    PRIMARY KEY (activity_id, edition)
);

CREATE TABLE attendance (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    activity_id text COLLATE "C" NOT NULL REFERENCES activities,
    person_id text COLLATE "C" NOT NULL,
    role text NOT NULL,
    counts boolean NOT NULL,
    region text COLLATE "C" NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    ended_by text NOT NULL DEFAULT '',
    ended_at timestamptz,
    sealed bytea
);

CREATE UNIQUE INDEX attendance_once ON attendance (activity_id, person_id) WHERE ended_at IS NULL;

CREATE INDEX attendance_of_person ON attendance (person_id) WHERE ended_at IS NULL;
"""

EDITIONS_STAY = """
CREATE TRIGGER activity_editions_append_only BEFORE UPDATE OR DELETE ON activity_editions
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)
    run_sql(EDITIONS_STAY, whole=True)


def downgrade() -> None:
    """Refused: what was recorded is never dropped."""
    raise RuntimeError("records are never dropped")
