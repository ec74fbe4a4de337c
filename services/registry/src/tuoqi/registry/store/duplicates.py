"""SQL about files that may be one person's: keys by which twins are found, and the queue of pairs.

A pair stands in the queue once, whatever is decided of it, so that what was decided does not come back by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.registry.domain.duplicates import SAME_NAME_BIRTH_VILLAGE
from tuoqi.registry.domain.person import Person
from tuoqi.registry.store.seals import DUPLICATE, KeyRing, Vault

# One statement for a chunk: keeps the keys and queues whoever has the same one. Both reads see the table as it was, so
# the given rows are looked through beside it.
_NOTE: Final = f"""
WITH given AS (
    SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:twins AS bigint[])) AS t(person_id, twin_key)
), kept AS (
    INSERT INTO twin_keys (person_id, twin_key) SELECT * FROM given ORDER BY person_id
    ON CONFLICT (person_id) DO UPDATE SET twin_key = EXCLUDED.twin_key WHERE twin_keys.twin_key <> EXCLUDED.twin_key
), alike AS (
    SELECT g.person_id AS one, k.person_id AS other FROM given g JOIN twin_keys k USING (twin_key)
    WHERE NOT EXISTS (SELECT FROM given WHERE given.person_id = k.person_id)
    UNION
    SELECT g.person_id, h.person_id FROM given g JOIN given h USING (twin_key) WHERE g.person_id < h.person_id
)
INSERT INTO duplicate_pairs (first_id, second_id, reason, found_at, state, decided_by)
SELECT least(one, other), greatest(one, other), '{SAME_NAME_BIRTH_VILLAGE}', :at, 'open', ''
FROM alike ORDER BY 1, 2
ON CONFLICT (first_id, second_id) DO NOTHING
"""
_NOTE_NAMES: Final = """
INSERT INTO name_keys (person_id, name_key)
SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:names AS bigint[])) AS t(person_id, name_key) ORDER BY person_id
ON CONFLICT (person_id) DO UPDATE SET name_key = EXCLUDED.name_key WHERE name_keys.name_key <> EXCLUDED.name_key
"""
_QUEUE: Final = """
INSERT INTO duplicate_pairs (first_id, second_id, reason, found_at, state, decided_by)
SELECT least(one, other), greatest(one, other), :reason, :at, 'open', ''
FROM unnest(CAST(:ones AS text[]), CAST(:others AS text[])) AS t(one, other)
ON CONFLICT (first_id, second_id) DO NOTHING
"""
# The next names that several files have, whole: all files of a name stand in one page.
_SAME_NAMES: Final = """
SELECT k.name_key, k.person_id FROM name_keys k
JOIN (SELECT name_key FROM name_keys WHERE name_key > :after GROUP BY name_key HAVING count(*) > 1
      ORDER BY name_key LIMIT CAST(:names AS int)) AS page USING (name_key)
ORDER BY k.name_key, k.person_id
"""
_REGION: Final = "coalesce(nullif({0}.residence_region, ''), {0}.hukou::jsonb -> -1 ->> 0)"
_MINE: Final = "EXISTS (SELECT FROM unnest(CAST(:regions AS text[])) AS r WHERE starts_with({}, r))"
_PAGE: Final = f"""
SELECT d.number, d.first_id, d.second_id, d.reason, d.found_at, d.state, d.decided_at, d.decided_by
FROM duplicate_pairs d JOIN persons a ON a.person_id = d.first_id JOIN persons b ON b.person_id = d.second_id
WHERE d.state = :state AND d.number > :after AND {_MINE.format(_REGION.format("a"))}
  AND {_MINE.format(_REGION.format("b"))}
  AND (starts_with({_REGION.format("a")}, :region) OR starts_with({_REGION.format("b")}, :region))
  AND (:state NOT IN ('open', 'later') OR (a.merged_into IS NULL AND b.merged_into IS NULL))
ORDER BY d.number LIMIT CAST(:size AS int)
"""
_SETTLE: Final = """
INSERT INTO duplicate_pairs (first_id, second_id, reason, found_at, state, decided_at, decided_by, private)
VALUES (least(CAST(:one AS text), :other), greatest(CAST(:one AS text), :other), 'by_hand', :at, :state, :at, :by,
        :private)
ON CONFLICT (first_id, second_id) DO UPDATE
SET state = EXCLUDED.state, decided_at = EXCLUDED.decided_at, decided_by = EXCLUDED.decided_by,
    private = EXCLUDED.private
"""


_NOBODY: Final[Mapping[str, Person]] = {}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files that may be one person's."""

    number: int
    first_id: str
    second_id: str
    reason: str
    found_at: datetime
    state: str
    decided_at: datetime | None
    decided_by: str


async def note_twins(
    tx: Tx, vault: Vault, persons: Iterable[Person], at: datetime, *, before: Mapping[str, Person] = _NOBODY
) -> int:
    """Keep the key of persons who are new, or whose name, birth date or village changed; new pairs in the queue."""
    ids, twins = [], []
    twin_key = vault.twin_key
    for person in persons:
        name = person.private.get("name", "")
        old = before.get(person.person_id)
        if name and (old is None or _who(old) != _who(person)):
            ids.append(person.person_id)
            twins.append(twin_key(f"{name}|{person.birth_date}|{person.region}"))
    if not ids:
        return 0
    return await tx.execute(_NOTE, ids=ids, twins=twins, at=at)


async def note_names(tx: Tx, vault: Vault, persons: Iterable[Person]) -> None:
    """Keep the names' keys of persons, so that a scan can go through them name by name."""
    named = [(one.person_id, name) for one in persons if (name := one.private.get("name", ""))]
    await tx.execute(
        _NOTE_NAMES, ids=[person_id for person_id, _ in named], names=[vault.name_key(name) for _, name in named]
    )


def _who(person: Person) -> tuple[object, ...]:
    return (person.private.get("name", ""), person.birth_date, person.region)


async def queue_pairs(tx: Tx, pairs: Sequence[tuple[str, str]], reason: str, at: datetime) -> int:
    """Put pairs into the queue; how many of them were never there."""
    if not pairs:
        return 0
    ones, others = [one for one, _ in pairs], [other for _, other in pairs]
    return await tx.execute(_QUEUE, ones=ones, others=others, reason=reason, at=at)


async def person_ids_after(tx: Tx, after: str, size: int) -> list[str]:
    """The next persons by id."""
    rows = await tx.fetch(
        "SELECT person_id FROM persons WHERE person_id > :after ORDER BY person_id LIMIT CAST(:size AS int)",
        after=after,
        size=size,
    )
    return [row.person_id for row in rows]


async def count_files(tx: Tx) -> int:
    """Files in all."""
    (row,) = await tx.fetch("SELECT count(*) AS files FROM persons")
    return int(row.files)


async def same_names(tx: Tx, after: int, names: int) -> dict[int, list[str]]:
    """The next names by key that several files have, with the files."""
    found: dict[int, list[str]] = {}
    for row in await tx.fetch(_SAME_NAMES, after=after, names=names):
        found.setdefault(row.name_key, []).append(row.person_id)
    return found


async def page_of_pairs(
    tx: Tx, state: str, *, regions: Collection[str], region: str, after: int, size: int
) -> list[Pair]:
    """The next pairs of a state of which both files lie in the given regions, and one in `region`."""
    rows: Sequence[Any] = await tx.fetch(
        _PAGE, state=state, regions=list(regions), region=region, after=after, size=size
    )
    return [Pair(**row._mapping) for row in rows]  # noqa: SLF001 -- SQLAlchemy's public name for it


async def settle_pair(
    tx: Tx, one: str, other: str, state: str, *, at: datetime, by: str, ring: KeyRing, why: str
) -> None:
    """Note what was decided of two files, whether they stood in the queue or not. The ring has the second one's key."""
    private = ring.seal(max(one, other), DUPLICATE, {"reason": why})
    await tx.execute(_SETTLE, one=one, other=other, state=state, at=at, by=by, private=private)
