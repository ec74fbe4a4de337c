"""People as a cycle reads them: windows of people by id, who of them has to be looked at anew, and their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.facts import Grant
from tuoqi.payments.domain.months import Month

# What became known of people beside their status and their person: each row counts once, and none is ever taken away, so
# that an equal count means that nothing new is known. Another kind of fact that counts in a cycle is another SELECT here.
_FURTHER = """
    SELECT person_id FROM grants WHERE person_id > :after AND person_id <= :last AND known_at <= :cut_off
    UNION ALL
    SELECT person_id FROM grants WHERE person_id > :after AND person_id <= :last AND voided_at <= :cut_off
"""

_COUNTED = "known_at <= :cut_off AND (voided_at IS NULL OR voided_at > :cut_off)"

# Both halves end where the whole would, so that neither is read to its own end.
_NEXT = """
SELECT max(person_id) AS last, count(DISTINCT person_id) AS persons FROM (
    (SELECT person_id FROM status_facts WHERE person_id > :after ORDER BY person_id LIMIT CAST(:size AS int))
    UNION ALL
    (SELECT person_id FROM grants WHERE person_id > :after ORDER BY person_id LIMIT CAST(:size AS int))
    ORDER BY person_id LIMIT CAST(:size AS int)
) next
"""

# The facts themselves are read of those only who are looked at anew. Whoever has a marker but no facts any more is
# among them, so that nobody is paid of whom nothing is known.
_ANEW = f"""
WITH statuses AS MATERIALIZED (
    SELECT person_id, max(version) AS version FROM status_facts
    WHERE person_id > :after AND person_id <= :last AND known_at <= :cut_off GROUP BY person_id
), persons AS MATERIALIZED (
    SELECT person_id, max(version) AS version FROM person_facts
    WHERE person_id > :after AND person_id <= :last AND known_at <= :cut_off GROUP BY person_id
), further AS MATERIALIZED (
    SELECT person_id, count(*) AS n FROM ({_FURTHER}) one GROUP BY person_id
), known AS (
    SELECT person_id, s.version, coalesce(f.n, 0) AS further FROM statuses s FULL JOIN further f USING (person_id)
), marks AS (
    SELECT * FROM reckonings WHERE person_id > :after AND person_id <= :last
), anew AS MATERIALIZED (
    SELECT person_id, k.version AS status_version, p.version AS person_version, k.further, r.rules IS NOT NULL AS marked
    FROM known k FULL JOIN marks r USING (person_id) LEFT JOIN persons p USING (person_id)
    WHERE k.person_id IS NULL OR r.person_id IS NULL OR r.cycle_seq <> ALL(CAST(:trusted AS int[]))
       OR r.rules <> :rules OR r.stable_until < :month OR r.further <> k.further
       OR r.status_version IS DISTINCT FROM k.version OR r.person_version IS DISTINCT FROM p.version
       OR person_id = ANY(CAST(:named AS text[]))
       OR person_id IN (SELECT person_id FROM recovery_cases
                        WHERE person_id > :after AND person_id <= :last AND amount_fen > 0)
)
SELECT anew.*, s.intervals, f.birth_date, f.died_on, f.absences, f.hukou FROM anew
LEFT JOIN LATERAL (
    SELECT * FROM status_facts o WHERE o.person_id = anew.person_id AND o.version = anew.status_version LIMIT 1
) s ON true
LEFT JOIN LATERAL (
    SELECT * FROM person_facts o WHERE o.person_id = anew.person_id AND o.version = anew.person_version LIMIT 1
) f ON true
ORDER BY anew.person_id
"""


@dataclass(frozen=True, slots=True)
class Window:
    """The people after one id up to another."""

    after: str
    last: str
    persons: int
    """About how many: those of whom anything was ever known."""

    @property
    def bounds(self) -> dict[str, str]:
        """The parameters `:after` and `:last`."""
        return {"after": self.after, "last": self.last}


@dataclass(frozen=True, slots=True)
class Trust:
    """Which markers a cycle may trust: made in these cycles, by these rules, and holding in its month."""

    cycles: Sequence[int]
    rules: int
    month: Month


@dataclass(frozen=True, slots=True)
class People:
    """People looked at together, with the files merged into them."""

    ids: Sequence[str]
    """The people's own files and the merged ones."""
    root_of: Mapping[str, str]
    """File → person, of all merged files."""

    where = "person_id = ANY(CAST(:ids AS text[]))"
    """These people's rows of a small table; for one that grows with every cycle `rows`."""

    @staticmethod
    def rows(table: str, where: str = "true") -> str:
        """The rows of these people, for a FROM: each one's by the index of the table, whatever the planner knows of it."""
        return (
            "unnest(CAST(:ids AS text[])) AS one(id) CROSS JOIN LATERAL"
            f" (SELECT * FROM {table} WHERE person_id = one.id AND {where} OFFSET 0) o"
        )

    @property
    def bounds(self) -> dict[str, Any]:
        """The parameters of `where` and `rows`."""
        return {"ids": list(self.ids)}

    def root(self, person_id: str) -> str:
        """The person whom a row counts for."""
        return self.root_of.get(person_id, person_id)


async def next_window(tx: Tx, after: str, size: int) -> Window | None:
    """The window of the next so many facts; None where nobody comes after."""
    (row,) = await tx.fetch(_NEXT, after=after, size=size)
    return None if row.last is None else Window(after, row.last, row.persons)


async def read_anew(tx: Tx, window: Window, cut_off: datetime, trust: Trust, named: Sequence[str]) -> Sequence[Any]:
    """Those of a window whose marker cannot be trusted, or who owe, or who are named; with facts as known at the cut-off.

    To be decoded by `store.facts.decode`.
    """
    return await tx.fetch(
        _ANEW,
        **window.bounds,
        cut_off=cut_off,
        trusted=list(trust.cycles),
        rules=trust.rules,
        month=int(trust.month),
        named=list(named),
    )


async def read_grants(tx: Tx, people: People, cut_off: datetime) -> dict[str, list[Grant]]:
    """The grants of people, as known and not taken back at the cut-off; those of merged files count with the person."""
    found: dict[str, list[Grant]] = {}
    for row in await tx.fetch(
        f"SELECT grant_id, person_id, programme, benefit_month, amount_fen FROM {people.rows('grants', _COUNTED)}"
        " ORDER BY grant_id",
        **people.bounds,
        cut_off=cut_off,
    ):
        grant = Grant(row.grant_id, row.programme, Month.parse(row.benefit_month), row.amount_fen)
        found.setdefault(people.root(row.person_id), []).append(grant)
    return found
