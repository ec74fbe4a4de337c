"""The database's own limit for the same rows: what a run left behind is staged and written once more."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from tuoqi.cli.local.home import Home
from tuoqi.cli.local.plan import Endpoints
from tuoqi.cli.local.vault import Vault, read_secret

STAGE = """
CREATE TEMP TABLE stage_outbox AS SELECT * FROM outbox;
CREATE TEMP TABLE stage_inbox AS SELECT * FROM inbox;
CREATE TEMP TABLE stage_tally AS SELECT t.* FROM tally t;
CREATE TEMP TABLE stage_updates AS
    SELECT key AS person_id, 1 AS missed, 'HIGH'::text AS grade, date '2026-11-10' AS last_deadline,
           aggregate_version AS version
    FROM outbox ORDER BY seq;
TRUNCATE outbox, inbox, unsent, tally;
ANALYZE stage_outbox, stage_inbox, stage_updates;
"""

WRITE = """
INSERT INTO inbox SELECT * FROM stage_inbox;
INSERT INTO tally SELECT DISTINCT ON (person_id) * FROM stage_updates ORDER BY person_id, version DESC;
INSERT INTO outbox SELECT * FROM stage_outbox;
INSERT INTO unsent SELECT seq, recorded_at FROM stage_outbox;
DELETE FROM unsent;
"""


class Sql:
    """The measured service's database, as its migrator."""

    def __init__(self, home: Home, endpoints: Endpoints) -> None:
        password = read_secret(Vault(home.secrets).migrator("alerts"))
        self.url = f"postgresql://tuoqi_alerts_migrator:{password}@{endpoints.postgres}/tuoqi_alerts"

    def limit(self) -> float:
        """Seconds to write inbox, state, outbox and unsent rows of the run in one transaction, and to empty unsent."""
        return asyncio.run(self._limit())

    async def _limit(self) -> float:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute("ALTER TABLE outbox DISABLE TRIGGER outbox_append_only")
            await connection.execute(STAGE)
            begun = time.perf_counter()
            async with connection.transaction():
                await connection.execute(WRITE)
            return time.perf_counter() - begun
        finally:
            await connection.close()
