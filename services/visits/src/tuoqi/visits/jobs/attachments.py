"""Photos and signatures 附件: taken with consent, checked, freed of traces, sealed, kept, given back, erased, swept.

A record never waits for them, nor they for their record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.visits.domain.pictures import NotAPicture, media_type_of, without_traces
from tuoqi.visits.domain.record_rules import PHOTO, RecordRules
from tuoqi.visits.store import attachments as store
from tuoqi.visits.store.objects import Objects
from tuoqi.visits.store.private import PrivateWords
from tuoqi.visits.store.records import known_people, standing_records

PURPOSE: Final = "attachments"
AT_ONCE: Final = 4
"""Attachments held in memory at the same time; more of them wait."""
SWEPT_AT_ONCE: Final = 500
LOOK_AGAIN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Head:
    """What is said of an attachment before its bytes come."""

    visit_id: str
    person_id: str
    kind: str
    media_type: str
    sha256: str
    size: int
    consent_by: str = ""
    consented_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of it."""

    attachment_id: str
    here_before: bool = False
    bytes_cut: int = 0


class AttachmentDesk:
    """Everything that people and devices do with attachments."""

    def __init__(
        self,
        database: Database,
        clock: BusinessClock,
        rules: RecordRules,
        objects: Objects,
        seal: store.AttachmentSeal,
        words: PrivateWords,
    ) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules
        self._objects = objects
        self._seal = seal
        self._words = words
        self._room = asyncio.Semaphore(AT_ONCE)

    async def put(self, actor: Actor, head: Head, chunks: AsyncIterator[bytes]) -> Kept:
        """Take one. Raises visits.attachment_… for what it must not be, visits.objects_away where it must come again."""
        self._check(head)
        attachment_id = store.attachment_id_of(head.visit_id, head.kind, head.sha256)
        region, before = await self._admit(actor, head, attachment_id)
        if before is not None and before.state == store.HERE:
            return Kept(attachment_id, here_before=True)
        async with self._room:
            content = await _collect(chunks, head.size)
            # Hashing, cutting and sealing megabytes takes longer than others may wait.
            clean, sealed = await asyncio.to_thread(self._prepare, head, attachment_id, content)
            now = self._clock.now()
            row = store.AttachmentRow(
                attachment_id=attachment_id,
                visit_id=head.visit_id,
                person_id=head.person_id,
                region=region,
                kind=head.kind,
                media_type=head.media_type,
                sha256=head.sha256,
                size=clean,
                consent_by=head.consent_by,
                consented_at=head.consented_at,
                state=store.COMING,
                object_name=self._seal.object_name(attachment_id),
                put_by=actor.user,
                put_at=now,
            )
            # The row first: no object is ever without one, so that nothing lies there that nobody knows of.
            async with self._database.begin() as tx:
                await store.add_attachment(tx, row, now + timedelta(days=self._rules.orphan_days))
            await self._objects.put(row.object_name, sealed)
        async with self._database.begin() as tx:
            stays = await store.arrived(tx, attachment_id)
        if not stays:
            await self._objects.delete(row.object_name)
            raise TuoqiError("visits.attachment_erased")
        return Kept(attachment_id, bytes_cut=len(content) - clean)

    async def find(self, actor: Actor, attachment_id: str) -> store.AttachmentRow:
        """One whose bytes are here, within the actor's regions. Raises visits.attachment_unknown, …_erased."""
        async with self._database.begin() as tx:
            row = await self._within(tx, actor, attachment_id)
        if row.state == store.DELETED:
            raise TuoqiError("visits.attachment_erased")
        if row.state != store.HERE:
            raise TuoqiError("visits.attachment_unknown")
        return row

    async def content(self, row: store.AttachmentRow) -> bytes:
        """The bytes, opened."""
        sealed = await self._objects.get(row.object_name)
        return await asyncio.to_thread(self._seal.open, row.person_id, row.attachment_id, sealed)

    async def erase(self, actor: Actor, attachment_id: str, reason: str) -> store.AttachmentRow:
        """Erase the bytes; the tombstone stays. Where the store is away they go as soon as it is back."""
        async with self._database.begin() as tx:
            row = await self._within(tx, actor, attachment_id)
            because = self._words.seal(row.person_id, reason)
            await store.erase(tx, attachment_id, by=actor.user, at=self._clock.now(), because=because)
        await self._objects.delete(row.object_name)
        async with self._database.begin() as tx:
            await store.object_gone(tx, attachment_id)
            return await self._within(tx, actor, attachment_id)

    def _check(self, head: Head) -> None:
        rule = self._rules.attachments[head.kind]
        if head.media_type not in rule.media_types:
            allowed = "、".join(rule.media_types)
            raise TuoqiError("visits.attachment_media", media=head.media_type, allowed=allowed)
        if head.size > rule.bytes_max:
            raise TuoqiError("visits.attachment_size", kilobytes=rule.bytes_max // 1024)
        if head.kind == PHOTO and (not head.consent_by or head.consented_at is None):
            raise TuoqiError("visits.attachment_consent")

    async def _admit(self, actor: Actor, head: Head, attachment_id: str) -> tuple[str, store.AttachmentRow | None]:
        async with self._database.begin() as tx:
            person = (await known_people(tx, [head.person_id])).get(head.person_id)
            if person is None:
                raise TuoqiError("visits.record_nobody")
            actor.require_region(person.region)
            record = (await standing_records(tx, {head.visit_id})).get(head.visit_id)
            if record is not None and record.person_id != head.person_id:
                raise TuoqiError("visits.attachment_other_person")
            rows = await store.attachments_of(tx, head.visit_id, head.person_id)
        before = next((row for row in rows if row.attachment_id == attachment_id), None)
        if before is not None and before.state == store.DELETED:
            raise TuoqiError("visits.attachment_erased")
        others = [row for row in rows if row.attachment_id != attachment_id and row.state == store.HERE]
        if len(others) >= self._rules.attachments_max:
            raise TuoqiError("visits.attachment_many", most=self._rules.attachments_max)
        return person.region, before

    def _prepare(self, head: Head, attachment_id: str, content: bytes) -> tuple[int, bytes]:
        """Size without traces, and the sealed bytes."""
        if len(content) != head.size or sha256(content).hexdigest() != head.sha256:
            raise TuoqiError("visits.attachment_hash")
        if media_type_of(content) != head.media_type:
            raise TuoqiError("visits.attachment_content")
        try:
            clean = without_traces(content)
        except NotAPicture:
            raise TuoqiError("visits.attachment_content") from None
        return len(clean), self._seal.seal(head.person_id, attachment_id, clean)

    async def _within(self, tx: Tx, actor: Actor, attachment_id: str) -> store.AttachmentRow:
        row = await store.attachment(tx, attachment_id)
        if row is None:
            raise TuoqiError("visits.attachment_unknown")
        person = (await known_people(tx, [row.person_id])).get(row.person_id)
        actor.require_region(person.region if person else row.region)
        return row


async def _collect(chunks: AsyncIterator[bytes], size: int) -> bytes:
    """All bytes, never more than were announced. Raises visits.attachment_hash."""
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > size:
            raise TuoqiError("visits.attachment_hash")
    return bytes(content)


class AttachmentSweep:
    """The timer: attachments whose record never came go, and what was erased while the store was away."""

    def __init__(self, database: Database, objects: Objects) -> None:
        self._database = database
        self._objects = objects

    async def next_due(self, tx: Tx) -> datetime | None:
        """The next moment at which one must be looked at."""
        return await store.next_sweep(tx)

    async def run(self, until: datetime) -> int:
        """Look at all that are due; where the store is away, again an hour later."""
        async with self._database.begin() as tx:
            done = await store.keep_those_with_records(tx, until)
        async with aclosing(self._due(until)) as rows:
            async for row in rows:
                try:
                    await self._objects.delete(row.object_name)
                except TuoqiError:
                    async with self._database.begin() as tx:
                        await store.look_later(tx, until, until + LOOK_AGAIN)
                    return done
                async with self._database.begin() as tx:
                    await store.object_gone(tx, row.attachment_id)
                done += 1
        return done

    async def _due(self, until: datetime) -> AsyncGenerator[Any]:
        while True:
            async with self._database.begin() as tx:
                rows = await store.due_to_go(tx, until, SWEPT_AT_ONCE)
            for row in rows:
                yield row
            if not rows:
                return
