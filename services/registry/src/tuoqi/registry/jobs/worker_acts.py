"""Commands about care workers: appoint 任命, end a post 离任, hand it over 交接."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain.identity import normalise_number, number_flaw, sex_in
from tuoqi.registry.domain.worker import Post, Worker
from tuoqi.registry.handlers import worker_event
from tuoqi.registry.jobs.act import Act, Desk
from tuoqi.registry.jobs.workers import Posts, post_flaw, with_post
from tuoqi.registry.store.regions import load_geography
from tuoqi.registry.store.workers import WorkerStore, worker_of

HANDED_OVER: Final = "handed_over"


@dataclass(frozen=True, slots=True)
class Who:
    """A worker by id, or somebody by number who becomes one."""

    worker_id: str = ""
    number: str = ""
    texts: Mapping[str, str] | None = None
    """name and phone, where they are given."""


class WorkerActs:
    """Each one in the caller's transaction."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._policy = desk.policy.posts
        self._store = WorkerStore(desk.vault)

    async def appoint(
        self, tx: Tx, actor: Actor, who: Who, kind: str, region: str, began_on: date
    ) -> tuple[Worker, str]:
        """Give somebody a post; the worker and the post's id. Raises registry.post_… and auth.no_region."""
        actor.require_region(region)
        act = await self._desk.begin(tx, actor)
        posts = await Posts.load(tx, {kind}, {region})
        before = await self._person(tx, act, who)
        worker, post = await self._give(tx, act, before, posts, kind, region, began_on)
        await self._save(tx, act, {before.worker_id: before}, [worker])
        return worker, post.post_id

    async def end(self, tx: Tx, actor: Actor, post_id: str, ended_on: date, reason: str) -> Worker:
        """End a post, or correct its end. Raises registry.post_… and auth.no_region."""
        act = await self._desk.begin(tx, actor)
        before, post = await self._held(tx, act, post_id)
        after, _ = await self._ended(tx, act, before, post, ended_on, reason)
        await self._save(tx, act, {before.worker_id: before}, [after])
        return after

    async def hand_over(
        self, tx: Tx, actor: Actor, post_id: str, who: Who, on: date, reason: str
    ) -> tuple[Worker, Worker, str]:
        """End one post the day before and give it to another; both workers and the new post's id."""
        act = await self._desk.begin(tx, actor)
        before, post = await self._held(tx, act, post_id)
        if post.ended_on is not None and post.ended_on < on - timedelta(days=1):
            raise TuoqiError("registry.post_ended", day=post.ended_on)
        old, posts = await self._ended(tx, act, before, post, on - timedelta(days=1), reason or HANDED_OVER)
        heir = await self._person(tx, act, who)
        if heir.worker_id == old.worker_id:
            raise TuoqiError("registry.post_same_worker")
        new, given = await self._give(tx, act, heir, posts, post.kind, post.region, on)
        await self._save(tx, act, {old.worker_id: before, heir.worker_id: heir}, [old, new])
        return old, new, given.post_id

    async def _held(self, tx: Tx, act: Act, post_id: str) -> tuple[Worker, Post]:
        worker_id = await worker_of(tx, post_id)
        if not worker_id:
            raise TuoqiError("state.not_found", what="这个任职")
        worker = (await self._store.load(tx, [worker_id], act.ring, lock=True))[worker_id]
        post = next(one for one in worker.posts if one.post_id == post_id)
        act.actor.require_region(post.region)
        return worker, post

    async def _ended(
        self, tx: Tx, act: Act, worker: Worker, post: Post, ended_on: date, reason: str
    ) -> tuple[Worker, Posts]:
        if ended_on > act.today:
            raise TuoqiError("registry.post_day_in_future", day=ended_on, today=act.today)
        if reason and reason not in self._policy.end_reasons:
            raise TuoqiError("registry.post_reason", reason=reason, allowed="、".join(self._policy.end_reasons))
        ended = replace(post, ended_on=max(ended_on, post.began_on - timedelta(days=1)), end_reason=reason)
        posts = await Posts.load(tx, {post.kind}, {post.region})
        if self._policy.kinds[post.kind].is_single and posts.rival(ended):
            raise TuoqiError("registry.post_taken", region=post.region)
        posts.put(worker.worker_id, ended)
        return with_post(worker, ended), posts

    async def _person(self, tx: Tx, act: Act, who: Who) -> Worker:
        """The worker, who may be a new one without posts."""
        number = normalise_number(who.number)
        if number and (wrong := number_flaw(number)):
            raise TuoqiError("registry.worker_number", wrong=wrong)
        worker_id = who.worker_id or (await self._store.find(tx, [number])).get(number, "")
        found = await self._store.load(tx, [worker_id], act.ring, lock=True) if worker_id else {}
        texts = {key: text for key, text in (who.texts or {}).items() if text}
        if worker_id in found:
            worker = found[worker_id]
            return replace(worker, private={**worker.private, **texts}) if texts else worker
        if who.worker_id:
            raise TuoqiError("state.not_found", what="这位工作人员")
        if not texts.get("name"):
            raise TuoqiError("registry.worker_name")
        # Of one person there is one worker: the keyed hash names him, the number itself never leaves the seal.
        hashed = (self._desk.vault.number_hash(number) or b"").hex()
        new_id = act.new_id(f"AppointWorker|{hashed}", "worker")
        return Worker(new_id, sex_in(number), {**texts, "id_number": number})

    async def _give(
        self, tx: Tx, act: Act, worker: Worker, posts: Posts, key: str, region: str, began_on: date
    ) -> tuple[Worker, Post]:
        kind = self._policy.kinds.get(key)
        if kind is None:
            raise TuoqiError("registry.post_kind", kind=key, allowed="、".join(self._policy.kinds))
        act.actor.require_region(region)
        if began_on > act.today:
            raise TuoqiError("registry.post_day_in_future", day=began_on, today=act.today)
        if wrong := post_flaw(kind, region, began_on, await load_geography(tx)):
            raise TuoqiError("registry.post_region", region=region, wrong=wrong)
        same = next((one for one in worker.posts if one.key == (key, region, began_on)), None)
        if same is not None and not same.is_void:
            raise TuoqiError("registry.post_held", region=region)
        cause = f"AppointWorker|{worker.worker_id}|{worker.version}|{act.actor.user}"
        post = Post(same.post_id if same else act.new_id(cause, "post"), key, region, began_on)
        if kind.is_single and posts.rival(post):
            raise TuoqiError("registry.post_taken", region=region)
        return with_post(worker, post), post

    async def _save(self, tx: Tx, act: Act, before: Mapping[str, Worker], after: list[Worker]) -> None:
        """Store workers whose posts changed, and tell it."""
        raised = [replace(one, version=one.version + 1) for one in after]
        for worker in raised:
            cause = f"WorkerPosts|{worker.worker_id}|{worker.version}|{act.actor.user}"
            act.tell(cause, worker_event(worker, act.known_at), key=worker.worker_id, version=worker.version)
        await self._store.save(tx, before, raised, act.at, act.ring)
        await act.send(tx)
