"""What makes a cycle quick: cached spans of what people are entitled to, kept sums, leaner keys on the bulk tables."""

from tuoqi.kit.migrate import run_sql

revision = "payments0004"
branch_labels = None
down_revision = "payments0003"
depends_on = None

# A cache of a pure function: both tables may be emptied at any time, and the next cycle fills them again. A marker says
# from which facts the person's spans were made (versions, and how many grants, voidings and certifications were known),
# by which rules, in which cycle, and up to which cycle's month the answer holds. Months are ordinals: year × 12 + month − 1.
SPANS = """
CREATE TABLE reckonings (
    person_id text COLLATE "C" PRIMARY KEY,
    person_version bigint NOT NULL,
    status_version bigint,
    further bigint NOT NULL,
    rules bigint NOT NULL,
    cycle_seq int NOT NULL,
    stable_until int NOT NULL
);

CREATE TABLE entitlement_spans (
    person_id text COLLATE "C" NOT NULL,
    programme text COLLATE "C" NOT NULL,
    first_month int NOT NULL,
    last_month int NOT NULL,
    amount_fen bigint NOT NULL,
    reason text NOT NULL,
    facts text NOT NULL,
    rule_version text NOT NULL,
    facility boolean NOT NULL,
    adult_on date NOT NULL,
    PRIMARY KEY (person_id, programme, first_month)
);
"""

# The version known at a cut-off is found in the index alone.
FACTS = """
ALTER TABLE person_facts DROP CONSTRAINT person_facts_pkey, ADD PRIMARY KEY (person_id, version) INCLUDE (known_at);

ALTER TABLE status_facts DROP CONSTRAINT status_facts_pkey, ADD PRIMARY KEY (person_id, version) INCLUDE (known_at);

DROP INDEX grants_of_person;

CREATE INDEX grants_of_person ON grants (person_id) INCLUDE (known_at, voided_at);
"""

# The one writer of these rows holds the cycle's own row locked, and no cycle is ever deleted: asking for it again with
# every line doubles what a line costs.
BULK = """
ALTER TABLE payment_lines DROP CONSTRAINT payment_lines_cycle_id_fkey;

ALTER TABLE outgoing DROP CONSTRAINT outgoing_cycle_id_fkey;
"""

# What the proof of the money compares, kept by the database itself with every statement that changes a row, whoever
# wrote it: a proof then costs what its act changed, not all that was ever paid.
SUMS = """
CREATE TABLE money_sums (
    kept text COLLATE "C" NOT NULL,
    cycle_id text COLLATE "C" NOT NULL,
    what text COLLATE "C" NOT NULL,
    fen numeric NOT NULL,
    PRIMARY KEY (kept, cycle_id, what)
) WITH (fillfactor = 50);
"""

KEEP = """
CREATE FUNCTION keep_money_sums() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kept text := TG_ARGV[0];
    change text := format('SELECT cycle_id, CAST(%s AS text) AS what, %s AS fen FROM ', TG_ARGV[1], TG_ARGV[2]);
    source text := CASE TG_OP
        WHEN 'INSERT' THEN change || 'added'
        WHEN 'DELETE' THEN 'SELECT cycle_id, what, -fen AS fen FROM (' || change || 'removed) r'
        ELSE change || 'added UNION ALL SELECT cycle_id, what, -fen FROM (' || change || 'removed) r'
    END;
BEGIN
    EXECUTE 'INSERT INTO money_sums (kept, cycle_id, what, fen) SELECT $1, cycle_id, what, sum(fen) FROM (' || source
        || ') changes GROUP BY cycle_id, what HAVING sum(fen) <> 0 '
        || 'ON CONFLICT (kept, cycle_id, what) DO UPDATE SET fen = money_sums.fen + excluded.fen' USING kept;
    RETURN NULL;
END $$
"""

BALANCED = """
CREATE FUNCTION count_unbalanced_postings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO money_sums (kept, cycle_id, what, fen)
    SELECT 'unbalanced', cycle_id, '', count(*) FROM (
        SELECT min(cycle_id) AS cycle_id FROM added GROUP BY posting HAVING sum(amount_fen) <> 0
    ) odd GROUP BY cycle_id
    ON CONFLICT (kept, cycle_id, what) DO UPDATE SET fen = money_sums.fen + excluded.fen;
    RETURN NULL;
END $$
"""

KEPT = {
    "ledger_entries": ("ledger", "account", "amount_fen"),
    "payment_lines": ("lines", "NOT cancelled", "amount_fen"),
    "outgoing": ("outgoing", "state", "amount_fen"),
    "instructions": ("instructions", "state", "amount_fen"),
}
"""Table → name of its sums, what they are told apart by, what is summed."""


def _keep(table: str) -> None:
    kept, what, fen = KEPT[table]
    for act, seen in (
        ("INSERT", "NEW TABLE AS added"),
        ("UPDATE", "OLD TABLE AS removed NEW TABLE AS added"),
        ("DELETE", "OLD TABLE AS removed"),
    ):
        run_sql(
            f"CREATE TRIGGER {table}_sums_{act.lower()} AFTER {act} ON {table} REFERENCING {seen}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION keep_money_sums('{kept}', '{what}', '{fen}')",
            whole=True,
        )
    run_sql(
        f"INSERT INTO money_sums SELECT '{kept}', cycle_id, CAST({what} AS text), sum({fen}) FROM {table} GROUP BY 2, 3",
        whole=True,
    )


def upgrade() -> None:
    """Make the tables, and keep the sums from now on."""
    for part in (SPANS, FACTS, BULK, SUMS):
        run_sql(part)
    run_sql(KEEP, whole=True)
    run_sql(BALANCED, whole=True)
    for table in KEPT:
        _keep(table)
    run_sql(
        "CREATE TRIGGER ledger_entries_balanced AFTER INSERT ON ledger_entries REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION count_unbalanced_postings()",
        whole=True,
    )


def downgrade() -> None:
    """Refused: what was decided and paid is never dropped."""
    raise RuntimeError("payments' tables hold what was paid and are never dropped")
