"""SQL about care workers and their posts. The worker's row is locked first, and that guards the posts too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from tuoqi.kit.database import Tx
from tuoqi.kit.handlers import expect_rows
from tuoqi.registry.domain.worker import Post, Worker
from tuoqi.registry.store.seals import KeyRing, Vault

WORKER: Final = "workers.private"
SUBJECT: Final = "worker:"
"""The subject of a worker's key is this and his id."""

_ARRAYS = """
unnest(CAST(:ids AS text[]), CAST(:versions AS bigint[]), CAST(:hashes AS bytea[]), CAST(:sexes AS text[]),
       CAST(:privates AS bytea[])) AS t(id, version, hash, sex, private)
"""
_INSERT_WORKERS = f"""
INSERT INTO workers (worker_id, version, id_hash, sex, known_at, private)
SELECT t.id, t.version, t.hash, t.sex, :known_at, t.private FROM {_ARRAYS} ON CONFLICT DO NOTHING
"""
_UPDATE_WORKERS = f"""
UPDATE workers w SET version = t.version, known_at = :known_at, private = t.private
FROM {_ARRAYS} WHERE w.worker_id = t.id
"""
# The version of a post that another takes the place of stays readable.
_SAVE_POSTS = """
WITH kept AS (
    INSERT INTO post_history (post_id, known_at, superseded_at, ended_on, end_reason)
    SELECT post_id, known_at, :known_at, ended_on, end_reason FROM posts WHERE post_id = ANY(CAST(:ids AS text[]))
)
INSERT INTO posts (post_id, worker_id, kind, region, began_on, ended_on, end_reason, known_at)
SELECT t.*, :known_at FROM unnest(
    CAST(:ids AS text[]), CAST(:workers AS text[]), CAST(:kinds AS text[]), CAST(:regions AS text[]),
    CAST(:begins AS date[]), CAST(:ends AS date[]), CAST(:reasons AS text[])) AS t
ON CONFLICT (post_id) DO UPDATE
SET ended_on = EXCLUDED.ended_on, end_reason = EXCLUDED.end_reason, known_at = EXCLUDED.known_at
"""
_POSTS_KNOWN = """
SELECT post_id, worker_id, kind, region, began_on, ended_on, end_reason, known_at FROM posts
WHERE known_at <= :known_at
UNION ALL
SELECT p.post_id, p.worker_id, p.kind, p.region, p.began_on, h.ended_on, h.end_reason, h.known_at
FROM post_history h JOIN posts p USING (post_id) WHERE h.known_at <= :known_at AND h.superseded_at > :known_at
"""
_HELD = f"""
SELECT post_id, worker_id, kind, region, began_on, ended_on FROM ({_POSTS_KNOWN}) p
WHERE began_on <= :day AND (CAST(:kinds AS text[]) IS NULL OR kind = ANY(CAST(:kinds AS text[])))
  AND (ended_on IS NULL OR ended_on >= began_on) ORDER BY worker_id, post_id
"""
_LIST = f"""
SELECT DISTINCT worker_id FROM ({_POSTS_KNOWN}) p
WHERE began_on <= :day AND (ended_on IS NULL OR ended_on >= :day) AND worker_id > :after
  AND (:kind = '' OR kind = :kind) AND (CAST(:regions AS text[]) IS NULL OR region = ANY(CAST(:regions AS text[])))
  AND region LIKE ANY(CAST(:prefixes AS text[]))
ORDER BY worker_id LIMIT :page
"""


class WorkerStore:
    """Workers by id and by identity number."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def find(self, tx: Tx, numbers: Collection[str]) -> dict[str, str]:
        """Worker ids by identity number; who is none is left out."""
        by_hash = {self._vault.number_hash(number): number for number in numbers if number}
        rows = await tx.fetch(
            "SELECT worker_id, id_hash FROM workers WHERE id_hash = ANY(CAST(:hashes AS bytea[]))",
            hashes=list(by_hash),
        )
        return {by_hash[row.id_hash]: row.worker_id for row in rows}

    async def load(self, tx: Tx, ids: Collection[str], ring: KeyRing, *, lock: bool) -> dict[str, Worker]:
        """Workers with their posts as known now; with `lock` their rows are locked in key order."""
        wanted = sorted(set(ids))
        rows = await tx.fetch(
            "SELECT * FROM workers WHERE worker_id = ANY(CAST(:ids AS text[])) ORDER BY worker_id"
            f"{' FOR UPDATE' if lock else ''}",
            ids=wanted,
        )
        held: defaultdict[str, list[Post]] = defaultdict(list)
        for row in await tx.fetch(
            "SELECT * FROM posts WHERE worker_id = ANY(CAST(:ids AS text[])) ORDER BY worker_id, began_on, post_id",
            ids=wanted,
        ):
            held[row.worker_id].append(_post(row))
        await ring.open(tx, [f"{SUBJECT}{row.worker_id}" for row in rows])
        return {
            row.worker_id: Worker(
                row.worker_id,
                row.sex,
                ring.unseal(f"{SUBJECT}{row.worker_id}", WORKER, row.private),
                tuple(held[row.worker_id]),
                row.known_at,
                row.version,
            )
            for row in rows
        }

    async def save(
        self, tx: Tx, before: Mapping[str, Worker], after: Sequence[Worker], known_at: datetime, ring: KeyRing
    ) -> None:
        """Write workers (those loaded are locked) and those of their posts that changed.

        Raises Conflict where somebody else made the same worker first.
        """
        privates = {one.worker_id: ring.seal(f"{SUBJECT}{one.worker_id}", WORKER, one.private) for one in after}
        await ring.save(tx)
        is_new = {one.worker_id: one.worker_id not in before or not before[one.worker_id].version for one in after}
        for statement, new in ((_INSERT_WORKERS, True), (_UPDATE_WORKERS, False)):
            some = [one for one in after if is_new[one.worker_id] is new]
            if some:
                touched = await tx.execute(
                    statement,
                    known_at=known_at,
                    ids=[one.worker_id for one in some],
                    versions=[one.version for one in some],
                    hashes=[self._vault.number_hash(one.number) for one in some],
                    sexes=[one.sex for one in some],
                    privates=[privates[one.worker_id] for one in some],
                )
                expect_rows(touched, len(some))
        posts = [
            (worker.worker_id, post)
            for worker in after
            for post in worker.posts
            if worker.worker_id not in before or post not in before[worker.worker_id].posts
        ]
        if posts:
            await self._save_posts(tx, posts, known_at)

    async def _save_posts(self, tx: Tx, posts: Sequence[tuple[str, Post]], known_at: datetime) -> None:
        await tx.execute(
            _SAVE_POSTS,
            known_at=known_at,
            ids=[post.post_id for _, post in posts],
            workers=[worker_id for worker_id, _ in posts],
            kinds=[post.kind for _, post in posts],
            regions=[post.region for _, post in posts],
            begins=[post.began_on for _, post in posts],
            ends=[post.ended_on for _, post in posts],
            reasons=[post.end_reason for _, post in posts],
        )

    async def persons_of(self, tx: Tx, workers: Collection[Worker]) -> dict[str, str]:
        """By worker the same person on the people's register, found by the same number."""
        by_hash = {self._vault.number_hash(worker.number): worker.worker_id for worker in workers}
        rows = await tx.fetch(
            "SELECT coalesce(merged_into, person_id) AS person_id, id_hash FROM persons"
            " WHERE id_hash = ANY(CAST(:hashes AS bytea[]))",
            hashes=list(by_hash),
        )
        return {by_hash[row.id_hash]: row.person_id for row in rows}


async def lock_posts_of(tx: Tx, regions: Collection[str]) -> None:
    """Whoever gives or ends a post in one of these regions waits here for the other."""
    await tx.fetch(
        "SELECT code FROM regions WHERE code = ANY(CAST(:codes AS text[])) ORDER BY code FOR UPDATE",
        codes=sorted(regions),
    )


async def posts_in(tx: Tx, kinds: Collection[str], regions: Collection[str]) -> dict[str, tuple[str, Post]]:
    """All posts of these kinds in these regions as known now: id → (worker, post)."""
    rows = await tx.fetch(
        "SELECT * FROM posts WHERE kind = ANY(CAST(:kinds AS text[])) AND region = ANY(CAST(:regions AS text[]))",
        kinds=sorted(kinds),
        regions=sorted(regions),
    )
    return {row.post_id: (row.worker_id, _post(row)) for row in rows}


async def worker_of(tx: Tx, post_id: str) -> str:
    """Whose post it is; empty where there is no such post."""
    rows = await tx.fetch("SELECT worker_id FROM posts WHERE post_id = :post_id", post_id=post_id)
    return str(rows[0].worker_id) if rows else ""


async def posts_held(tx: Tx, day: date, known_at: datetime, kinds: Collection[str] | None = None) -> Sequence[Any]:
    """Posts that began by the day, ended ones included, void ones not, as known at the moment; None = of any kind."""
    return await tx.fetch(_HELD, day=day, known_at=known_at, kinds=sorted(kinds) if kinds is not None else None)


async def list_workers(
    tx: Tx,
    *,
    day: date,
    known_at: datetime,
    kind: str,
    regions: Collection[str] | None,
    prefixes: Sequence[str],
    after: str,
    page: int,
) -> list[str]:
    """The ids of workers who hold such a post on the day, in their order; `regions` are stored codes, None = any."""
    rows = await tx.fetch(
        _LIST,
        day=day,
        known_at=known_at,
        kind=kind,
        regions=sorted(regions) if regions is not None else None,
        prefixes=[f"{prefix}%" for prefix in prefixes],
        after=after,
        page=page,
    )
    return [row.worker_id for row in rows]


async def posts_as_known(tx: Tx, worker_ids: Collection[str], known_at: datetime) -> dict[str, list[Post]]:
    """By worker all posts as known at the moment, by first day."""
    rows = await tx.fetch(
        f"SELECT * FROM ({_POSTS_KNOWN}) p WHERE worker_id = ANY(CAST(:ids AS text[])) ORDER BY began_on, post_id",
        known_at=known_at,
        ids=sorted(worker_ids),
    )
    found: defaultdict[str, list[Post]] = defaultdict(list)
    for row in rows:
        found[row.worker_id].append(_post(row))
    return found


def _post(row: Any) -> Post:
    return Post(row.post_id, row.kind, row.region, row.began_on, row.ended_on, row.end_reason, row.known_at)
