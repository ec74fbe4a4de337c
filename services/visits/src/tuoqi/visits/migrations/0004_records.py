"""Records whole, their attachments and corrections."""

from tuoqi.kit.migrate import run_sql

revision = "visits0004"
down_revision = "visits0003"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE visit_records
    ADD COLUMN counts boolean NOT NULL DEFAULT false,
    ADD COLUMN not_counted_because text NOT NULL DEFAULT '',
    ADD COLUMN arrival bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN ended_at timestamptz,
    ADD COLUMN created_offline boolean NOT NULL DEFAULT false,
    ADD COLUMN clock_behind boolean NOT NULL DEFAULT false,
    ADD COLUMN way text NOT NULL DEFAULT 'file' CHECK (way IN ('file', 'device')),
    ADD COLUMN uploaded_by text NOT NULL DEFAULT '',
    ADD COLUMN grade text NOT NULL DEFAULT '',
    ADD COLUMN plan_number int NOT NULL DEFAULT 0,
    ADD COLUMN corrects text COLLATE "C",
    ADD COLUMN corrected_by text COLLATE "C",
    ADD COLUMN digest bytea;

UPDATE visit_records
SET counts = result IN ('MET', 'INFORMANT_ONLY'),
    not_counted_because = CASE WHEN result IN ('MET', 'INFORMANT_ONLY') THEN '' ELSE lower(result) END;

CREATE UNIQUE INDEX visit_records_corrects ON visit_records (corrects) WHERE corrects IS NOT NULL;

CREATE TABLE attachments (
    attachment_id text COLLATE "C" PRIMARY KEY,
    visit_id text COLLATE "C" NOT NULL,
    person_id text COLLATE "C" NOT NULL,
    region text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('photo', 'signature')),
    media_type text NOT NULL,
    sha256 text NOT NULL,
    size int NOT NULL,
    consent_by text NOT NULL,
    consented_at timestamptz,
    state text NOT NULL CHECK (state IN ('COMING', 'HERE', 'DELETED', 'SWEPT')),
    object_name text COLLATE "C" NOT NULL,
    object_gone boolean NOT NULL DEFAULT false,
    put_by text NOT NULL,
    put_at timestamptz NOT NULL,
    deleted_by text NOT NULL DEFAULT '',
    deleted_at timestamptz,
    deleted_because bytea,
    sweep_at timestamptz,
    UNIQUE (visit_id, sha256, kind)
);

CREATE INDEX attachments_to_sweep ON attachments (sweep_at) WHERE sweep_at IS NOT NULL;
"""


def upgrade() -> None:
    """Make the tables."""
    run_sql(TABLES)


def downgrade() -> None:
    """Refused: what was recorded is never dropped."""
    raise RuntimeError("records are never dropped")
