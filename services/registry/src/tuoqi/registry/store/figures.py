"""SQL of figures: one reading counts all figures by stored region code; nothing here is locked or kept.

What is written into a statement besides parameters are whole numbers and days of the county's own definitions, never a
text. A row was known at a moment from its `known_at` on, until another took its place.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.figures import Atom, Clause, Figure, Has, Opened, Site, StaysIn, born_by

WINDOW: Final = 100_000
"""People looked through at once where a figure is opened to its rows."""
# The planner knows nothing of how many rows come out of the parts below and would go through them pair by pair.
_PLANNING: Final = (
    "SET LOCAL work_mem = '256MB'",
    "SET LOCAL enable_nestloop = off",
    "SET LOCAL enable_mergejoin = off",
)
_PERSON: Final = "person_id, merged_into, birth_date, sex, died_on, absences, residence_region, hukou, known_at"
_AT: Final = "known_at <= :known_at AND superseded_at > :known_at"
_INTERVAL: Final = "category, subtype, level, applied_on, decided_on"
# Where nobody asks for an earlier knowledge, what was known before need not be read.
_NOW: Final = {"files": "", "intervals": "", "stays": ""}
_THEN: Final = {
    "files": f"UNION ALL SELECT {_PERSON} FROM person_history WHERE {_AT}",
    "intervals": """UNION ALL
    SELECT s.person_id, s.category, s.subtype, s.level, s.applied_on, s.decided_on, h.ended_on, h.valid_until,
           h.loaded_order
    FROM person_status_history h JOIN person_statuses s USING (interval_id)
    WHERE h.known_at <= :known_at AND h.superseded_at > :known_at AND s.category = ANY(CAST(:categories AS text[]))""",
    "stays": f"UNION ALL SELECT person_id, facility_code, began_on, ended_on FROM stay_history WHERE {_AT}",
}
# A person is where he was by the end of the day, as far as it was known: the first version that was still in force then.
_PEOPLE: Final = """
files AS (
    SELECT {person}, coalesce(merged_into, person_id) AS subject FROM (
        SELECT {person} FROM persons WHERE known_at <= :known_at {files}
    ) f {window}
),
people AS (
    SELECT f.subject, f.birth_date, f.sex, v.residence_region LIKE :county AS is_resident,
           CASE WHEN v.residence_region LIKE :county OR h.region IS NULL THEN v.residence_region ELSE h.region END AS place
    FROM files f
    CROSS JOIN LATERAL (
        SELECT coalesce(past.residence_region, f.residence_region) AS residence_region,
               coalesce(past.hukou, f.hukou) AS hukou
        FROM (SELECT 1) one LEFT JOIN LATERAL (
            SELECT p.residence_region, p.hukou FROM person_history p
            WHERE f.known_at > :placed_at AND p.person_id = f.person_id AND p.superseded_at > :placed_at
            ORDER BY p.version LIMIT 1
        ) past ON true
    ) v
    LEFT JOIN LATERAL (
        SELECT e ->> 0 AS region FROM jsonb_array_elements(v.hukou::jsonb) WITH ORDINALITY AS t(e, place)
        WHERE v.residence_region NOT LIKE :county AND (place = 1 OR (e ->> 1)::date <= :day)
        ORDER BY place DESC LIMIT 1
    ) h ON true
    WHERE f.merged_into IS NULL AND f.birth_date <= :day AND (f.died_on IS NULL OR f.died_on > :day)
      AND (f.absences = '[]' OR NOT EXISTS (
          SELECT FROM jsonb_array_elements(f.absences::jsonb) AS a
          WHERE (a ->> 0)::date <= :day AND (a ->> 1 = '' OR (a ->> 1)::date > :day)))
)"""
# Of a category only the interval decided last by the day counts, also where it has ended; one that is void never was.
_FACTS: Final = """
intervals AS (
    SELECT f.subject, i.* FROM (
        SELECT person_id, {interval}, ended_on, valid_until, loaded_order FROM person_statuses
        WHERE known_at <= :known_at AND category = ANY(CAST(:categories AS text[])) {intervals}
    ) i JOIN files f USING (person_id)
    WHERE i.decided_on <= :day AND (i.ended_on IS NULL OR i.ended_on >= least(i.applied_on, i.decided_on))
),
latest AS (
    SELECT DISTINCT ON (subject, category) subject, category, subtype, level, ended_on,
           CASE WHEN category <> 'old_age_accepted' THEN valid_until END AS valid_until
    FROM intervals ORDER BY subject, category, decided_on DESC, loaded_order DESC
),
firsts AS (
    SELECT subject, category, min(decided_on) AS decided_on FROM intervals
    WHERE category = ANY(CAST(:opened AS text[])) GROUP BY subject, category
),
stayed AS (
    SELECT f.subject, s.facility_code FROM (
        SELECT person_id, facility_code, began_on, ended_on FROM stays WHERE known_at <= :known_at {stays}
    ) s JOIN files f USING (person_id)
    WHERE s.began_on <= :day AND (s.ended_on IS NULL OR s.ended_on >= :day)
),
facts AS (
    SELECT l.subject, a.bit FROM latest l
    JOIN jsonb_to_recordset(CAST(:has AS jsonb)) AS a(category text, subtypes jsonb, levels jsonb, bit bigint)
        ON a.category = l.category AND (a.subtypes IS NULL OR jsonb_exists(a.subtypes, l.subtype))
       AND (a.levels IS NULL OR jsonb_exists(a.levels, l.level))
    WHERE least(l.ended_on, l.valid_until) IS NULL OR least(l.ended_on, l.valid_until) >= :day
    UNION ALL
    SELECT o.subject, a.bit FROM firsts o
    JOIN jsonb_to_recordset(CAST(:openings AS jsonb)) AS a(category text, since date, bit bigint)
        ON a.category = o.category AND a.since <= o.decided_on
    UNION ALL
    SELECT s.subject, a.bit FROM stayed s JOIN facilities c ON c.code = s.facility_code
    JOIN jsonb_to_recordset(CAST(:kinds AS jsonb)) AS a(kind text, bit bigint) ON a.kind = c.kind
),
marked AS (SELECT subject, bit_or(bit) AS bits FROM facts GROUP BY subject)"""
_SITES: Final = """
SELECT f.code, f.kind, f.region, f.details, f.closed_on, f.known_at,
       coalesce(r.bits, 0) AS bits,
       ARRAY(SELECT DISTINCT a.kind FROM facility_agreements a
             WHERE a.facility_code = f.code AND a.valid_from <= :day AND (a.valid_to IS NULL OR a.valid_to >= :day))
           AS agreements
FROM ({facilities}) f
LEFT JOIN (
    SELECT s.facility_code, bit_or(coalesce(m.bits, 0)) AS bits FROM stayed s JOIN people USING (subject)
    LEFT JOIN marked m USING (subject) GROUP BY s.facility_code
) r ON r.facility_code = f.code
WHERE f.closed_on IS NULL OR f.closed_on >= :day ORDER BY f.code
"""
_FACILITY: Final = "code, kind, region, details, closed_on, known_at"
_FACILITIES: Final = (
    f"SELECT {_FACILITY} FROM facilities WHERE known_at <= :known_at"
    f" UNION ALL SELECT {_FACILITY} FROM facility_history WHERE {_AT}"
)
_BOUNDS: Final = "WHERE coalesce(merged_into, person_id) > :after AND coalesce(merged_into, person_id) <= :upto"
_WINDOW: Final = """
SELECT max(person_id) AS upto FROM (
    SELECT person_id FROM persons WHERE person_id > :after ORDER BY person_id LIMIT :size) w
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """As of which day, and as known when."""

    day: date
    known_at: datetime
    placed_at: datetime
    """The end of the day or `known_at`, whichever is earlier: where people were by then counts."""
    is_past: bool
    """What is known now is not asked for."""
    county: str
    """The six digits with which the county's region codes begin."""


async def count_persons(
    tx: Tx, figures: Sequence[Figure], bits: Mapping[Atom, int], moment: Moment
) -> dict[str, dict[str, int]]:
    """For each figure how many people it counts by stored region code; codes with none are left out."""
    if not figures:
        return {}
    counts = ", ".join(
        f"count(*) FILTER (WHERE {_condition(figure, bits, moment.day)}) AS f{number}"
        for number, figure in enumerate(figures)
    )
    await _plan(tx)
    rows = await tx.fetch(
        f"{_with(moment)} SELECT place, {counts} FROM people p LEFT JOIN marked m USING (subject) GROUP BY place",
        **_parameters(bits, moment),
    )
    found: dict[str, dict[str, int]] = {figure.figure_id: {} for figure in figures}
    for row in rows:
        counted: Sequence[int] = row[1:]
        for figure, count in zip(figures, counted, strict=True):
            if count:
                found[figure.figure_id][row.place] = count
    return found


async def persons_counted(
    tx: Tx, figure: Figure, bits: Mapping[Atom, int], moment: Moment, after: str
) -> AsyncIterator[Sequence[Any]]:
    """The people whom a figure counts, `subject` and `place`, in order of their ids, in runs of one window each."""
    await _plan(tx)
    while True:
        ((upto,),) = await tx.fetch(_WINDOW, after=after, size=WINDOW)
        if upto is None:
            return
        yield await tx.fetch(
            f"{_with(moment, _BOUNDS)} SELECT subject, place FROM people p LEFT JOIN marked m USING (subject)"
            f" WHERE {_condition(figure, bits, moment.day)} ORDER BY subject",
            **_parameters(bits, moment),
            after=after,
            upto=upto,
        )
        after = upto


async def load_sites(tx: Tx, bits: Mapping[Atom, int], moment: Moment) -> list[Site]:
    """All facilities as known at the moment that were not closed before the day, with what their residents have."""
    await _plan(tx)
    rows = await tx.fetch(f"{_with(moment)} {_SITES.format(facilities=_FACILITIES)}", **_parameters(bits, moment))
    return [
        Site(row.code, row.kind, row.region, json.loads(row.details), frozenset(row.agreements), row.bits)
        for row in rows
    ]


async def _plan(tx: Tx) -> None:
    for setting in _PLANNING:
        await tx.execute(setting)


def _with(moment: Moment, window: str = "") -> str:
    past = _THEN if moment.is_past else _NOW
    return "WITH" + (_PEOPLE + "," + _FACTS).format(person=_PERSON, interval=_INTERVAL, window=window, **past)


def _parameters(bits: Mapping[Atom, int], moment: Moment) -> dict[str, Any]:
    has = [_entry(atom, bit) for atom, bit in bits.items() if isinstance(atom, Has)]
    openings = [
        {"category": atom.category, "since": atom.since.isoformat(), "bit": bit}
        for atom, bit in bits.items()
        if isinstance(atom, Opened)
    ]
    kinds = [
        {"kind": kind, "bit": bit} for atom, bit in bits.items() if isinstance(atom, StaysIn) for kind in atom.kinds
    ]
    opened = sorted({str(one["category"]) for one in openings})
    return {
        "day": moment.day,
        "known_at": moment.known_at,
        "placed_at": moment.placed_at,
        "county": f"{moment.county}%",
        "categories": sorted({*opened, *(str(one["category"]) for one in has)}),
        "opened": opened,
        "has": json.dumps(has),
        "openings": json.dumps(openings),
        "kinds": json.dumps(kinds),
    }


def _entry(atom: Has, bit: int) -> dict[str, object]:
    entry: dict[str, object] = {"category": atom.category, "bit": bit}
    if atom.subtypes:
        entry["subtypes"] = atom.subtypes
    if atom.levels:
        entry["levels"] = atom.levels
    return entry


def _condition(figure: Figure, bits: Mapping[Atom, int], day: date) -> str:
    """Whom a figure counts, by the columns of `people p` and `marked m`."""
    must = _all_of(figure.must, bits, day)
    if not figure.any_of:
        return must
    return f"{must} AND ({' OR '.join(_all_of(clause, bits, day) for clause in figure.any_of)})"


def _all_of(clause: Clause, bits: Mapping[Atom, int], day: date) -> str:
    parts = ["true"]
    if clause.age_from is not None:
        parts.append(f"p.birth_date <= DATE '{born_by(clause.age_from, day).isoformat()}'")
    if clause.age_below is not None:
        parts.append(f"p.birth_date > DATE '{born_by(clause.age_below, day).isoformat()}'")
    if clause.sex:
        parts.append(f"p.sex = '{'M' if clause.sex == 'M' else 'F'}'")
    if clause.is_resident:
        parts.append("p.is_resident")
    if clause.atoms:
        mask = sum(bits[atom] for atom in frozenset(clause.atoms))
        parts.append(f"coalesce(m.bits, 0) & {mask} = {mask}")
    return f"({' AND '.join(parts)})"
