"""The kit's own tables: inbox, outbox, dead letters, consumer stops, imports, audit, clock."""

from tuoqi.kit.migrate import run_sql

revision = "kit0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE SEQUENCE outbox_seq CACHE 1;

CREATE TABLE outbox (
    seq bigint NOT NULL,
    ce_id text NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    partition int,
    ce_type text NOT NULL,
    aggregate_version bigint NOT NULL,
    causation_id text NOT NULL,
    ce_time timestamptz NOT NULL,
    traceparent text NOT NULL,
    correlation_id text NOT NULL,
    value bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (seq, recorded_at)
) PARTITION BY RANGE (recorded_at);

CREATE TABLE outbox_default PARTITION OF outbox DEFAULT;

CREATE TABLE unsent (
    seq bigint PRIMARY KEY,
    recorded_at timestamptz NOT NULL
) WITH (fillfactor = 100, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE inbox (
    consumer text NOT NULL,
    ce_id text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, ce_id)
);

CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer text NOT NULL,
    identity text NOT NULL,
    ce_id text NOT NULL,
    ce_type text NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    key text NOT NULL,
    headers text NOT NULL,
    value bytea,
    reason text NOT NULL,
    detail text NOT NULL,
    parks boolean NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'applied', 'dismissed')),
    dead_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    ended_by text,
    ended_why text,
    UNIQUE (consumer, identity)
);

CREATE INDEX dead_letters_open_keys ON dead_letters (consumer, key) WHERE state = 'open';

CREATE TABLE parked (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer text NOT NULL,
    ce_id text NOT NULL,
    key text NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    headers text NOT NULL,
    value bytea,
    parked_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (consumer, ce_id)
);

CREATE INDEX parked_keys ON parked (consumer, key, id);

CREATE TABLE consumer_stops (
    consumer text PRIMARY KEY,
    reason text NOT NULL,
    stopped_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE imports (
    content_hash text NOT NULL,
    kind text NOT NULL,
    attempt int NOT NULL,
    file_name text NOT NULL,
    actor text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    rows_done bigint NOT NULL DEFAULT 0,
    rows_changed bigint NOT NULL DEFAULT 0,
    rows_unchanged bigint NOT NULL DEFAULT 0,
    rows_rejected bigint NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (content_hash, kind, attempt)
);

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    purpose text NOT NULL,
    method text NOT NULL,
    subject text NOT NULL,
    request_hash text NOT NULL,
    outcome text NOT NULL,
    correlation_id text NOT NULL
);

CREATE TABLE clock (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    now timestamptz NOT NULL
);
"""

# A partition a month, made ahead by the migrator's rights; rows that find none lie in the default one.
MAKE_PARTITIONS = """
CREATE FUNCTION make_outbox_partitions(months int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first date;
BEGIN
    FOR i IN 1..months LOOP
        first := date_trunc('month', now())::date + make_interval(months => i);
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF outbox FOR VALUES FROM (%L) TO (%L)',
            'outbox_' || to_char(first, 'YYYYMM'), first, (first + interval '1 month')::date);
    END LOOP;
END $$
"""

# What was done stays written: not even the service's own role may change or remove it.
APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)
    run_sql(MAKE_PARTITIONS, whole=True)
    run_sql(APPEND_ONLY, whole=True)
    for table in ("audit", "outbox"):
        run_sql(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            whole=True,
        )


def downgrade() -> None:
    """Refused: the log of record is never dropped."""
    raise RuntimeError("the kit's tables hold the log of record and are never dropped")
