"""workers.csv 关爱服务队伍: one row is one post of one worker. Loaded again, a row updates the same post."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow
from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.identity import number_flaw, sex_in
from tuoqi.registry.domain.person_rows import merge_private
from tuoqi.registry.domain.region import Geography
from tuoqi.registry.domain.worker import Post, PostKind, Worker
from tuoqi.registry.handlers import worker_event
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.chunk import Chunk, cells_by_present_number, open_chunk
from tuoqi.registry.jobs.columns import worker_columns
from tuoqi.registry.store.regions import load_geography
from tuoqi.registry.store.workers import WorkerStore, lock_posts_of, posts_in

PRIVATE: Final = ("name", "id_number", "phone", "note")
_NOT_HERE: Final = "这个岗位不设在这一级区划。"
_NO_REGION: Final = "本县区划中没有这个代码，或当日已撤销。"
_TAKEN: Final = "该区划此岗位在这段时间已有人任职，请先为前任填写止日。"


class Posts:
    """All posts of the kinds and regions that a chunk or command names, so that no single post is held twice."""

    def __init__(self, found: dict[str, tuple[str, Post]]) -> None:
        self._found = found

    @classmethod
    async def load(cls, tx: Tx, kinds: Collection[str], regions: Collection[str]) -> Posts:
        """Wait for whoever changes posts in these regions, then read them."""
        await lock_posts_of(tx, regions)
        return cls(await posts_in(tx, kinds, regions))

    def rival(self, post: Post) -> str:
        """The worker who holds another post of the kind there on one of the same days; empty where nobody does."""
        return next(
            (
                worker_id
                for worker_id, other in self._found.values()
                if other.post_id != post.post_id
                and (other.kind, other.region) == (post.kind, post.region)
                and other.meets(post)
            ),
            "",
        )

    def put(self, worker_id: str, post: Post) -> None:
        """A post as it is after a row."""
        self._found[post.post_id] = (worker_id, post)


def post_flaw(kind: PostKind, region: str, began_on: date, geography: Geography) -> str:
    """Why a post cannot be held in the region, one Chinese sentence; empty where it can."""
    if not geography.exists(region, began_on):
        return _NO_REGION
    return "" if geography.level(region, began_on) in kind.levels else _NOT_HERE


def with_post(worker: Worker, post: Post) -> Worker:
    """The worker after one of his posts was given or changed."""
    others = [one for one in worker.posts if one.post_id != post.post_id]
    return replace(worker, posts=tuple(sorted([*others, post], key=lambda one: (one.began_on, one.post_id))))


class WorkerImporter:
    """Takes workers.csv, with the posts of the county."""

    kind = "workers"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._policy = desk.policy.posts
        self._store = WorkerStore(desk.vault)
        self.columns: Sequence[Column] = worker_columns({key: one.name for key, one in self._policy.kinds.items()})

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows in the file's order."""
        chunk = await open_chunk(self._desk, tx, self.columns, ctx)
        cells = [cells_by_present_number(row) for row in rows]
        geography = await load_geography(tx)
        posts = await Posts.load(tx, {one.text("post") for one in cells}, {one.text("region") for one in cells})
        ids = await self._store.find(tx, {one.text("id_number") for one in cells})
        before = await self._store.load(tx, ids.values(), chunk.ring, lock=True)
        now = dict(before)
        changed: dict[str, None] = {}
        for row, row_cells in zip(rows, cells, strict=True):
            flaws = Flaws()
            number = row_cells.text("id_number")
            worker = now.get(ids.get(number, ""))
            after, post = self._read(chunk, row, row_cells, worker, flaws, geography)
            if post is not None and self._policy.kinds[post.kind].is_single and posts.rival(post):
                flaws.reject("from", post.began_on, _TAKEN)
            chunk.report(row, flaws)
            if flaws.is_rejected() or after is None or post is None:
                continue
            if after == worker:
                chunk.outcome.unchanged += 1
                continue
            chunk.outcome.changed += 1
            if worker is None or after.posts != worker.posts:
                after = replace(after, version=after.version + 1)
                event = worker_event(after, chunk.known_at)
                chunk.tell(row, event, key=after.worker_id, version=after.version)
            posts.put(after.worker_id, post)
            ids[number] = after.worker_id
            now[after.worker_id] = after
            changed[after.worker_id] = None
        if changed:
            await self._store.save(tx, before, [now[one] for one in changed], chunk.at, chunk.ring)
        return await chunk.close(tx)

    def _read(
        self, chunk: Chunk, row: ParsedRow, cells: Cells, worker: Worker | None, flaws: Flaws, geography: Geography
    ) -> tuple[Worker | None, Post | None]:
        """The worker and the post after a row; None where the row is rejected."""
        number, region = cells.text("id_number"), cells.text("region")
        if wrong := number_flaw(number):
            flaws.reject("id_number", number, wrong)
        if (worker is None and not cells.text("name")) or "name" in cells.cleared:
            flaws.reject("name", "", "首次登记必须填写姓名，且不能清空。")
        flaws.check_days(cells, ("from", "to"), today=chunk.today, born=None)
        chunk.check_regions(flaws, "region", region)
        began_on, ended_on = cells.day("from"), cells.day("to")
        if began_on is None or flaws.is_rejected():
            return None, None
        kind = self._policy.kinds[cells.text("post")]
        if wrong := post_flaw(kind, region, began_on, geography):
            flaws.reject("region", region, wrong)
        if ended_on is not None and ended_on < began_on:
            flaws.reject("to", ended_on, "止日不能早于起日。")
        if flaws.is_rejected():
            return None, None
        base = worker or Worker(chunk.new_id(row, "worker"), sex_in(number))
        key = (kind.key, region, began_on)
        post = next((one for one in base.posts if one.key == key), None) or Post(chunk.new_id(row, "post"), *key)
        if ended_on is not None or "to" in cells.cleared:
            post = replace(post, ended_on=ended_on, end_reason=post.end_reason if ended_on else "")
        private = merge_private(base.private, cells, PRIVATE)
        return with_post(replace(base, private=private), post), post
