"""Workers, who looks after whom, and extra tasks."""

from tuoqi.kit.migrate import run_sql

revision = "visits0003"
down_revision = "visits0002"
branch_labels = None
depends_on = None

# workers.posts, carers.guardians: JSON lists as `consumer` mirrors them. assignments: who has no plan any more keeps a
# row with active = false, so that `seq`, which names the next change, never begins again.
TABLES = """
CREATE TABLE workers (
    worker_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    posts text NOT NULL
);

CREATE TABLE assignments (
    person_id text COLLATE "C" PRIMARY KEY,
    worker_id text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    by_hand boolean NOT NULL,
    active boolean NOT NULL,
    seq int NOT NULL,
    since timestamptz NOT NULL
);

CREATE INDEX assignments_of_worker ON assignments (worker_id, person_id) WHERE active;

CREATE TABLE assignment_news (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    region text COLLATE "C" NOT NULL
);

CREATE TABLE assignment_units (
    unit text COLLATE "C" PRIMARY KEY
);

CREATE TABLE assignment_clock (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    due_at timestamptz,
    looked_on date NOT NULL
);

CREATE INDEX plans_places ON plans (region, person_id);

CREATE INDEX plans_graded ON plans (grade, region, person_id) WHERE grade IS NOT NULL;

CREATE TABLE task_batches (
    cause_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    kind text NOT NULL,
    source text NOT NULL CHECK (source IN ('order', 'warning', 'carer')),
    regions text NOT NULL,
    grades text NOT NULL,
    categories text NOT NULL,
    persons text NOT NULL,
    opened_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    late_hours int NOT NULL,
    ends_at timestamptz,
    ordered_by text NOT NULL,
    ended_at timestamptz,
    filled boolean NOT NULL,
    settled_at timestamptz,
    done int NOT NULL,
    ended int NOT NULL,
    fill_after text COLLATE "C" NOT NULL DEFAULT ''
);

CREATE INDEX task_batches_unsettled ON task_batches (cause_id) WHERE settled_at IS NULL;

CREATE INDEX task_batches_standing ON task_batches (cause_id) WHERE source = 'warning' AND ended_at IS NULL;

CREATE TABLE extra_tasks (
    task_id text COLLATE "C" PRIMARY KEY,
    person_id text COLLATE "C" NOT NULL,
    cause_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    opened_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'DONE', 'CANCELLED', 'WITHDRAWN', 'NOT_NEEDED')),
    overdue boolean NOT NULL,
    settled_at timestamptz,
    UNIQUE (cause_id, person_id),
    CHECK ((state = 'OPEN') = (settled_at IS NULL))
);

CREATE INDEX extra_tasks_due ON extra_tasks (due_at, task_id) WHERE state = 'OPEN' AND NOT overdue;

CREATE INDEX extra_tasks_open ON extra_tasks (cause_id, person_id) WHERE state = 'OPEN';

CREATE INDEX extra_tasks_of_person ON extra_tasks (person_id) WHERE state = 'OPEN';

CREATE TABLE carer_deaths (
    person_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    died_on date,
    known_at timestamptz NOT NULL
);

CREATE INDEX carer_deaths_days ON carer_deaths (died_on);

CREATE TABLE carers (
    person_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    guardians text NOT NULL,
    guardian_ids text NOT NULL,
    guardian_list text[] GENERATED ALWAYS AS (string_to_array(guardian_ids, ' ')) STORED
);

CREATE INDEX carers_of ON carers USING gin (guardian_list);

CREATE TABLE households (
    household_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    members text NOT NULL,
    member_list text[] GENERATED ALWAYS AS (string_to_array(members, ' ')) STORED
);

CREATE INDEX households_of ON households USING gin (member_list);
"""

# However a plan's row or a worker's posts come to change, the region is noted for the next sharing out: whoever writes
# need not remember it, so nobody can be forgotten. An update that changes neither grade nor village costs nothing here.
FUNCTIONS = (
    """
CREATE FUNCTION note_new_plans() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO assignment_news (region) SELECT DISTINCT region FROM fresh WHERE grade IS NOT NULL;
    RETURN NULL;
END $$
""",
    """
CREATE FUNCTION note_changed_plan() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO assignment_news (region) SELECT DISTINCT region FROM (VALUES (OLD.region), (NEW.region)) AS r(region);
    RETURN NULL;
END $$
""",
    """
CREATE FUNCTION note_posts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := '[]';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        before := CAST(OLD.posts AS jsonb);
    END IF;
    INSERT INTO assignment_news (region)
    SELECT DISTINCT post ->> 1 FROM jsonb_array_elements(CAST(NEW.posts AS jsonb) || before) AS post;
    RETURN NULL;
END $$
""",
    """
CREATE TRIGGER plans_begun AFTER INSERT ON plans REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION note_new_plans()
""",
    """
CREATE TRIGGER plans_changed AFTER UPDATE ON plans FOR EACH ROW
WHEN (OLD.grade IS DISTINCT FROM NEW.grade OR (NEW.grade IS NOT NULL AND OLD.region <> NEW.region))
EXECUTE FUNCTION note_changed_plan()
""",
    """
CREATE TRIGGER posts_changed AFTER INSERT OR UPDATE ON workers FOR EACH ROW EXECUTE FUNCTION note_posts()
""",
)


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)
    for function in FUNCTIONS:
        run_sql(function, whole=True)


def downgrade() -> None:
    """Refused: what was recorded is never dropped."""
    raise RuntimeError("records are never dropped")
