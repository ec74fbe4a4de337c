"""When plans ran, and frozen reports.

Plans that ran before this migration have no spans: they are read back from the service's own events (`tuoqi visits
rebuild-spans`), which SQL alone cannot do.
"""

from tuoqi.kit.migrate import run_sql

revision = "visits0008"
down_revision = "visits0007"
branch_labels = None
depends_on = None

# plan_spans: a plan runs on a day when it runs at the day's end; `to_day` is the last such day, infinity while it runs.
# One row for each grade and village of a plan. frozen_people: the people of a frozen month, so that its cells open.
TABLES = """
CREATE TABLE plan_spans (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id text COLLATE "C" NOT NULL,
    number int NOT NULL,
    grade text NOT NULL,
    region text COLLATE "C" NOT NULL,
    from_day date NOT NULL,
    to_day date NOT NULL DEFAULT 'infinity'
);

CREATE UNIQUE INDEX plan_spans_running ON plan_spans (person_id) WHERE to_day = 'infinity';

CREATE INDEX plan_spans_of_person ON plan_spans (person_id, from_day);

CREATE INDEX plan_spans_ends ON plan_spans (to_day);

CREATE INDEX visit_records_days ON visit_records (counts_on, person_id);

CREATE INDEX overdues_of_person ON overdues (deadline, person_id);

CREATE TABLE frozen_reports (
    report_id text COLLATE "C" PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('coverage', 'figures')),
    title text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    broken_down_by text NOT NULL,
    frozen_at timestamptz NOT NULL,
    frozen_by text NOT NULL,
    definitions_hash text NOT NULL,
    content_hash text NOT NULL,
    content text NOT NULL
);

CREATE INDEX frozen_reports_newest ON frozen_reports (kind, frozen_at, report_id);

CREATE TABLE frozen_people (
    report_id text COLLATE "C" NOT NULL REFERENCES frozen_reports,
    person_id text COLLATE "C" NOT NULL,
    grade text NOT NULL,
    region text COLLATE "C" NOT NULL,
    worker text NOT NULL,
    channel text NOT NULL,
    seen boolean NOT NULL,
    kept_own boolean NOT NULL,
    visits int NOT NULL,
    met int NOT NULL,
    found int NOT NULL,
    made_up int NOT NULL,
    cleared int NOT NULL,
    withdrawn int NOT NULL,
    ended int NOT NULL,
    still_open int NOT NULL,
    PRIMARY KEY (report_id, person_id)
);
"""

STAY = tuple(
    f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    for table in ("frozen_reports", "frozen_people")
)


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)
    for trigger in STAY:
        run_sql(trigger, whole=True)


def downgrade() -> None:
    """Refused: what was reported is never dropped."""
    raise RuntimeError("frozen reports are never dropped")
