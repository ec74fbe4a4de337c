"""SQL about finding people: the row by which each is found, and the page of those who fit.

A page is read in the order of `person_search_order`. For what many have (a common surname) PostgreSQL walks that order
and stops at the page's end; for what few have it reads the inverted index and sorts the few. It chooses well only if it
sees what is asked for, hence custom plans.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.kit.turns import slices
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.query import Clause, Query
from tuoqi.registry.store.files import framed
from tuoqi.registry.store.tokens import Tokens

Cursor = tuple[str, date, str]
"""Region, birth date and id of the last person of a page."""
_COLUMNS: Final = (
    "person_id", "region", "birth_date", "sex", "died_on", "household_id", "is_merged", "tokens", "file",
)  # fmt: skip
_UPSERT: Final = """
INSERT INTO person_search (person_id, region, birth_date, sex, died_on, household_id, is_merged, tokens, file)
SELECT t.person_id, t.region, t.birth_date, t.sex, t.died_on, t.household_id, t.is_merged,
       CAST(t.tokens AS bigint[]), t.file
FROM unnest(CAST(:person_ids AS text[]), CAST(:regions AS text[]), CAST(:births AS date[]), CAST(:sexes AS text[]),
            CAST(:deaths AS date[]), CAST(:households AS text[]), CAST(:merged AS boolean[]), CAST(:tokens AS text[]),
            CAST(:files AS bytea[]))
     AS t(person_id, region, birth_date, sex, died_on, household_id, is_merged, tokens, file)
ON CONFLICT (person_id) DO UPDATE
SET region = EXCLUDED.region, birth_date = EXCLUDED.birth_date, sex = EXCLUDED.sex, died_on = EXCLUDED.died_on,
    household_id = EXCLUDED.household_id, is_merged = EXCLUDED.is_merged, tokens = EXCLUDED.tokens,
    file = EXCLUDED.file
"""
_NAMES: Final = (
    "person_ids", "regions", "births", "sexes", "deaths", "households", "merged", "tokens", "files",
)  # fmt: skip
_NOTE_CHANGES: Final = """
INSERT INTO person_changes (person_id, xid)
SELECT one, pg_current_xact_id() FROM unnest(CAST(:ids AS text[])) AS one
ON CONFLICT (person_id) DO UPDATE SET xid = EXCLUDED.xid
"""
_ADD_CATEGORIES: Final = """
UPDATE person_search s
SET categories = ARRAY(SELECT DISTINCT one FROM unnest(s.categories || t.added) AS one ORDER BY one)
FROM (SELECT person_id, array_agg(category) AS added
      FROM unnest(CAST(:persons AS text[]), CAST(:categories AS text[])) AS given(person_id, category)
      GROUP BY person_id ORDER BY person_id) t
WHERE s.person_id = t.person_id AND NOT s.categories @> t.added
"""
# Of the intervals of one category the one decided last counts alone, also where it has ended; a void one never was.
IN_FORCE: Final = """
ARRAY(SELECT counting.category FROM (
    SELECT DISTINCT ON (category) category, least(ended_on, valid_until) AS last_day FROM person_statuses
    WHERE person_id = s.person_id AND decided_on <= :today
          AND (ended_on IS NULL OR ended_on >= least(applied_on, decided_on))
    ORDER BY category, decided_on DESC, loaded_order DESC) AS counting
 WHERE counting.last_day IS NULL OR counting.last_day >= :today)"""
_PAGE: Final = """
SELECT s.person_id, s.region, s.birth_date, s.sex, s.died_on, s.household_id, {more}
FROM (SELECT s.person_id, s.region, s.birth_date, s.sex, s.died_on, s.household_id, s.file FROM person_search s
      WHERE {where} ORDER BY s.region, s.birth_date, s.person_id LIMIT :size) s {join}
ORDER BY s.region, s.birth_date, s.person_id
"""
_WITH_NAMES: Final = (f"p.private, {IN_FORCE} AS categories", "JOIN persons p USING (person_id)")
_WITH_FILE: Final = ("s.file", "")
_LAST: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose files a caller may see."""

    regions: tuple[str, ...]
    """Prefixes of region codes; the empty one stands for everywhere."""
    born_by: date
    """Whoever was born later is a child whom he may not see; `date.max` where he may."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Open conditions of a search; all must hold."""

    reach: Reach
    today: date
    region: str = ""
    """A prefix of region codes."""
    categories: tuple[str, ...] = ()
    """In force today, all of them."""
    born_from: date | None = None
    born_to: date | None = None
    alive: bool | None = None
    sex: str = ""
    household_ids: tuple[str, ...] | None = None
    """None: any household, or none."""
    person_ids: tuple[str, ...] | None = None
    """None: anybody."""


async def save_search(
    tx: Tx, new: Sequence[Person], changed: Sequence[Person], known_at: datetime | None, tokens: Tokens
) -> None:
    """Write by what these persons are found, as known from this moment on (None: from their own).

    `new` ones have no row yet. Raises Conflict where one has.
    """
    if new:
        rows = sorted([_row(person, known_at, tokens) async for some in slices(new) for person in some])
        await tx.copy_new("person_search", _COLUMNS, rows)
    if changed:
        columns = zip(*sorted(_row(person, known_at, tokens) for person in changed), strict=True)
        arrays: dict[str, list[Any]] = dict(zip(_NAMES, map(list, columns), strict=True))
        arrays["tokens"] = [f"{{{','.join(map(str, one))}}}" for one in arrays["tokens"]]
        await tx.execute(_UPSERT, **arrays)
        await tx.execute(_NOTE_CHANGES, ids=arrays["person_ids"])


async def add_categories(tx: Tx, held: Collection[tuple[str, str]]) -> None:
    """Let people be found by categories that they now have or had: (person id, category) each."""
    if held:
        pairs = sorted(set(held))
        await tx.execute(_ADD_CATEGORIES, persons=[one for one, _ in pairs], categories=[one for _, one in pairs])


async def households_named(tx: Tx, hashes: Collection[bytes]) -> tuple[str, ...]:
    """The ids of the households with these keyed hashes of numbers."""
    rows = await tx.fetch(
        "SELECT household_id FROM households WHERE no_hash = ANY(CAST(:hashes AS bytea[]))", hashes=list(hashes)
    )
    return tuple(row.household_id for row in rows)


async def find_page(
    tx: Tx, wanted: Wanted, query: Query, tokens: Tokens, *, after: Cursor | None, size: int
) -> Sequence[Any]:
    """The next so many who have the features and had the categories, with sealed texts and the categories in force.

    Whether somebody is meant is for the caller to say, by `query.fits` and those categories: features can lie a little,
    and a condition that PostgreSQL cannot estimate would lead its plans astray.
    """
    where, values = _conditions(wanted, after)
    for at, clauses in enumerate(query.clauses()):
        ways = [_way(f"t{at}_{number}", one, tokens, values) for number, one in enumerate(clauses)]
        where.append(f"({' OR '.join(ways)})")
    for at, born in enumerate(query.born_on):
        where.append(f"s.birth_date = :born{at}")
        values[f"born{at}"] = born
    return await _page(tx, _WITH_NAMES, where, {**values, "size": size, "today": wanted.today})


async def file_page(tx: Tx, wanted: Wanted, *, after: Cursor | None, size: int) -> Sequence[Any]:
    """The next so many, with the open parts of their files."""
    where, values = _conditions(wanted, after)
    if wanted.categories:
        where.append(f"{IN_FORCE} @> CAST(:categories AS text[])")
        values["today"] = wanted.today
    return await _page(tx, _WITH_FILE, where, {**values, "size": size})


async def _page(tx: Tx, form: tuple[str, str], where: Sequence[str], values: dict[str, Any]) -> Sequence[Any]:
    # A plan made for any values would be wrong for most: a surname of 7 % and one of 7 persons want different ways.
    await tx.fetch("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)")
    more, join = form
    return await tx.fetch(_PAGE.format(more=more, join=join, where=" AND ".join(where)), **values)


def _conditions(wanted: Wanted, after: Cursor | None) -> tuple[list[str], dict[str, Any]]:
    """The WHERE of the open conditions, and its values. Nothing of what is given becomes a part of the statement."""
    where = ["NOT s.is_merged"]
    values: dict[str, Any] = {}
    regions = _narrowed(wanted.reach.regions, wanted.region)
    bounds = []
    for at, prefix in enumerate(regions):
        bounds.append(f"(s.region >= :from{at} AND s.region < :until{at})")
        values |= {f"from{at}": prefix, f"until{at}": prefix + _LAST}
    if regions != ("",):
        where.append(f"({' OR '.join(bounds) or 'false'})")
    else:
        values = {}
    born_to = min(wanted.born_to or date.max, wanted.reach.born_by)
    for condition, name, value in (
        ("s.birth_date >= :born_from", "born_from", wanted.born_from),
        ("s.birth_date <= :born_to", "born_to", None if born_to == date.max else born_to),
        ("s.sex = :sex", "sex", wanted.sex or None),
        ("s.household_id = ANY(CAST(:households AS text[]))", "households", wanted.household_ids),
        ("s.person_id = ANY(CAST(:ids AS text[]))", "ids", wanted.person_ids),
    ):
        if value is not None:
            where.append(condition)
            values[name] = list(value) if isinstance(value, tuple) else value
    if wanted.alive is not None:
        where.append("s.died_on IS NULL" if wanted.alive else "s.died_on IS NOT NULL")
    if wanted.categories:
        where.append("s.categories @> CAST(:categories AS text[])")
        values["categories"] = list(wanted.categories)
    if after is not None:
        where.append("(s.region, s.birth_date, s.person_id) > (:after_region, :after_birth, :after_id)")
        values |= dict(zip(("after_region", "after_birth", "after_id"), after, strict=True))
    return where, values


def _narrowed(reach: Sequence[str], region: str) -> tuple[str, ...]:
    """The prefixes that lie within both."""
    both = {max(prefix, region, key=len) for prefix in reach if prefix.startswith(region) or region.startswith(prefix)}
    return tuple(sorted(one for one in both if not any(one != other and one.startswith(other) for other in both)))


def _way(name: str, clause: Clause, tokens: Tokens, values: dict[str, Any]) -> str:
    parts = []
    groups = [("@>", clause.all_of), *(("&&", group) for group in clause.any_of)]
    for at, (operator, features) in enumerate(groups):
        if features:
            parts.append(f"s.tokens {operator} CAST(:{name}_{at} AS bigint[])")
            values[f"{name}_{at}"] = tokens.of(features)
    return f"({' AND '.join(parts)})"


def _row(person: Person, known_at: datetime | None, tokens: Tokens) -> tuple[Any, ...]:
    return (
        person.person_id,
        person.region,
        person.birth_date,
        person.sex,
        person.died_on,
        person.household_id or None,
        bool(person.merged_into),
        tokens.of_person(person.private),
        framed(person, known_at or person.known_at),
    )
