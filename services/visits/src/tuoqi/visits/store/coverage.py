"""Coverage of a month in one temporary table, a row for each person to be seen: counted, opened, frozen, all in sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.visits.domain.coverage import COLUMNS, Line, Tally

# A visit that counts, by its result, by the county's channels, and while no correction took its place.
MET: Final = "v.counts"
STANDS: Final = "v.corrected_by IS NULL"
_GATHER: Final = f"""
CREATE TEMPORARY TABLE coverage ON COMMIT DROP AS
WITH running AS (
    SELECT DISTINCT ON (person_id) person_id, grade, region FROM plan_spans
    WHERE from_day <= :last AND to_day >= :first AND to_day >= from_day
    ORDER BY person_id, from_day DESC, id DESC
), met AS (
    SELECT v.person_id, count(*) AS visits, count(*) FILTER (WHERE {MET}) AS met,
           (array_agg(v.channel ORDER BY v.started_at, v.visit_id) FILTER (WHERE {MET}))[1] AS channel
    FROM visit_records v WHERE v.counts_on BETWEEN :first AND :last AND {STANDS} GROUP BY 1
), missed AS (
    SELECT person_id, count(*) AS found,
           count(*) FILTER (WHERE state = 'MADE_UP') AS made_up, count(*) FILTER (WHERE state = 'CLEARED') AS cleared,
           count(*) FILTER (WHERE state = 'WITHDRAWN') AS withdrawn, count(*) FILTER (WHERE state = 'ENDED') AS ended,
           count(*) FILTER (WHERE state = 'OPEN') AS still_open
    FROM overdues WHERE deadline BETWEEN :first AND :last GROUP BY 1
)
SELECT r.person_id, r.grade, r.region, coalesce(a.worker_id, '') AS worker, coalesce(m.channel, '') AS channel,
       coalesce(m.met, 0) > 0 AS seen,
       coalesce(o.made_up, 0) + coalesce(o.ended, 0) + coalesce(o.still_open, 0) = 0 AS kept_own,
       CAST(coalesce(m.visits, 0) AS int) AS visits, CAST(coalesce(m.met, 0) AS int) AS met,
       CAST(coalesce(o.found, 0) AS int) AS found, CAST(coalesce(o.made_up, 0) AS int) AS made_up,
       CAST(coalesce(o.cleared, 0) AS int) AS cleared, CAST(coalesce(o.withdrawn, 0) AS int) AS withdrawn,
       CAST(coalesce(o.ended, 0) AS int) AS ended, CAST(coalesce(o.still_open, 0) AS int) AS still_open
FROM running r
LEFT JOIN met m USING (person_id)
LEFT JOIN missed o USING (person_id)
LEFT JOIN assignments a ON a.person_id = r.person_id AND a.active
WHERE r.region LIKE ANY(CAST(:regions AS text[])) AND r.region LIKE :below
"""
KEYS: Final = {
    "": "''",
    "village": "c.region",
    "township": "rpad(left(c.region, 9), 12, '0')",
    "worker": "c.worker",
    "grade": "c.grade",
    "channel": "c.channel",
}
_NUMBERS: Final = {
    "to_see": "count(*)",
    "seen": "count(*) FILTER (WHERE c.seen)",
    "kept_own": "count(*) FILTER (WHERE c.kept_own)",
}
_SUMS: Final = ", ".join(f"coalesce({_NUMBERS.get(name, f'sum(c.{name})')}, 0) AS {name}" for name in COLUMNS)
ADDS: Final = {
    "to_see": "1",
    "seen": "c.seen::int",
    "not_seen": "(NOT c.seen)::int",
    "kept_own": "c.kept_own::int",
    "visits": "c.visits",
    "visits_met": "c.met",
    **{name: f"c.{name}" for name in ("found", "made_up", "cleared", "withdrawn", "ended", "still_open")},
}
"""Column → what one person adds to it."""
_PEOPLE: Final = (
    "person_id, grade, region, worker, channel, seen, kept_own, visits, met, found, made_up, cleared, withdrawn, ended,"
    " still_open"
)
_UNSEEN: Final = f"""
SELECT p.person_id, p.region, p.grade, p.opened_on, p.deadline, l.last_seen, coalesce(a.worker_id, '') AS worker,
       coalesce(l.last_seen, p.opened_on) AS since
FROM plans p
LEFT JOIN (SELECT v.person_id, max(v.counts_on) AS last_seen FROM visit_records v WHERE {MET} AND {STANDS} GROUP BY 1) l
     USING (person_id)
LEFT JOIN assignments a ON a.person_id = p.person_id AND a.active
WHERE p.grade IS NOT NULL AND p.region LIKE ANY(CAST(:regions AS text[])) AND p.region LIKE :below
  AND (CAST(:grade AS text) = '' OR p.grade = :grade) AND (CAST(:worker AS text) = '' OR a.worker_id = :worker)
  AND coalesce(l.last_seen, p.opened_on) <= :by_day
  AND (CAST(:after_day AS date) IS NULL
       OR (coalesce(l.last_seen, p.opened_on), p.person_id) > (CAST(:after_day AS date), :after_id))
ORDER BY coalesce(l.last_seen, p.opened_on), p.person_id LIMIT CAST(:page AS int)
"""


@dataclass(frozen=True, slots=True)
class Month:
    """A month, and where."""

    first: date
    last: date
    regions: Sequence[str]
    below: str


async def gather(tx: Tx, month: Month) -> None:
    """Makes the table `coverage` of this transaction."""
    await tx.execute(
        _GATHER,
        first=month.first,
        last=month.last,
        regions=[f"{one}%" for one in month.regions],
        below=f"{month.below}%",
    )
    await tx.execute("CREATE UNIQUE INDEX ON coverage (person_id)")


async def lines_of(tx: Tx, month: Month, by: str) -> list[Line]:
    """The rows by village, township, worker, grade or channel in order of key; by '' the one row of all."""
    rows = await tx.fetch(f"SELECT {KEYS[by]} AS key, {_SUMS} FROM coverage c {'GROUP BY 1 ORDER BY 1' if by else ''}")
    tallies: dict[str, list[Tally]] = {}
    for row in await tx.fetch(
        f"SELECT {KEYS[by]} AS key, v.channel, v.result, count(*) AS visits"
        f" FROM visit_records v JOIN coverage c USING (person_id)"
        f" WHERE v.counts_on BETWEEN :first AND :last AND {STANDS} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        first=month.first,
        last=month.last,
    ):
        tallies.setdefault(row.key, []).append(Tally(row.channel, row.result, row.visits))
    return [
        Line(row.key, **{name: int(getattr(row, name)) for name in COLUMNS}, tallies=tuple(tallies.get(row.key, ())))
        for row in rows
    ]


async def visits_of_others(tx: Tx, month: Month) -> int:
    """Records of people who were not to be seen, in the regions asked for as they live now."""
    (row,) = await tx.fetch(
        "SELECT count(*) AS visits FROM visit_records v JOIN plans p USING (person_id)"
        f" WHERE v.counts_on BETWEEN :first AND :last AND {STANDS}"
        " AND p.region LIKE ANY(CAST(:regions AS text[])) AND p.region LIKE :below"
        " AND NOT EXISTS (SELECT FROM coverage c WHERE c.person_id = v.person_id)",
        first=month.first,
        last=month.last,
        regions=[f"{one}%" for one in month.regions],
        below=f"{month.below}%",
    )
    return int(row.visits)


async def page_of_people(
    tx: Tx,
    by: str,
    key: str,
    column: str,
    after: str,
    page: int,
    *,
    report_id: str = "",
    regions: Sequence[str] = ("",),
) -> Sequence[Any]:
    """Who is behind a cell, by person id: of the table gathered, or of a frozen month."""
    source = "frozen_people" if report_id else "coverage"
    adds = ADDS[column]
    return await tx.fetch(
        f"SELECT c.*, {adds} AS adds FROM {source} c WHERE {adds} > 0 AND {KEYS[by]} = :key AND c.person_id > :after"
        f" {'AND c.report_id = :report_id AND c.region LIKE ANY(CAST(:regions AS text[]))' if report_id else ''}"
        " ORDER BY c.person_id LIMIT CAST(:page AS int)",
        key=key,
        after=after,
        page=page,
        **({"report_id": report_id, "regions": [f"{one}%" for one in regions]} if report_id else {}),
    )


async def keep_people(tx: Tx, report_id: str) -> None:
    """The people of the table gathered, for ever."""
    await tx.execute(
        f"INSERT INTO frozen_people (report_id, {_PEOPLE}) SELECT :report_id, {_PEOPLE} FROM coverage",
        report_id=report_id,
    )


async def unseen(
    tx: Tx,
    *,
    regions: Sequence[str],
    below: str,
    grade: str,
    worker: str,
    by_day: date,
    after: tuple[date, str] | None,
    page: int,
) -> Sequence[Any]:
    """People whose plan runs and who were last seen by a day; who never was counts from the plan's opening."""
    day, name = after or (None, "")
    return await tx.fetch(
        _UNSEEN,
        regions=[f"{one}%" for one in regions],
        below=f"{below}%",
        grade=grade,
        worker=worker,
        by_day=by_day,
        after_day=day,
        after_id=name,
        page=page,
    )
