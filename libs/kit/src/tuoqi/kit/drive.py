"""Dead letters driven again from the table through the pipeline, and the parked messages of their key after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tuoqi.kit import dead_letters
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.pipeline import Pipeline

register_errors(
    {
        "dead_letter.not_open": ("FAILED_PRECONDITION", "死信 {id} 不存在或已经处理。"),
        "consumer.unknown": ("NOT_FOUND", "没有名为 {consumer} 的订阅。"),
    }
)


class Driver:
    """Repairs by hand, for all subscriptions of one service."""

    def __init__(self, pipelines: Sequence[Pipeline], database: Database) -> None:
        self._pipelines = {pipeline.subscription.consumer: pipeline for pipeline in pipelines}
        self._database = database

    async def redrive(self, letter_ids: Sequence[int], *, by: str) -> tuple[int, int]:
        """Drive these (none named: all open ones) again, oldest first; how many were applied and how many rejected."""
        applied = rejected = 0
        for letter_id in letter_ids or await self._open_ids():
            done = await self._end(letter_id, "applied", by=by, why="redriven")
            if done is None:
                rejected += 1
            else:
                applied += done
        return applied, rejected

    async def dismiss(self, letter_id: int, *, by: str, why: str) -> int:
        """End one that can never apply; the number of parked messages behind it that were applied."""
        return await self._end(letter_id, "dismissed", by=by, why=why) or 0

    async def resume(self, consumer: str) -> bool:
        """End a stop; False where it was not stopped."""
        if consumer not in self._pipelines:
            raise TuoqiError("consumer.unknown", consumer=consumer)
        async with self._database.begin() as tx:
            ended = await tx.execute("DELETE FROM consumer_stops WHERE consumer = :consumer", consumer=consumer)
        return ended > 0

    async def _open_ids(self) -> list[int]:
        async with self._database.begin() as tx:
            return [row.id for row in await tx.fetch("SELECT id FROM dead_letters WHERE state = 'open' ORDER BY id")]

    async def _end(self, letter_id: int, state: str, *, by: str, why: str) -> int | None:
        """End a dead letter and apply what waits behind it, in one transaction; None where it was rejected again.

        The consumer's own batches wait meanwhile: else a new message of the key could slip in before the parked ones.
        """
        async with self._database.begin() as tx:
            row = await dead_letters.lock(tx, letter_id)
            if row is None:
                raise TuoqiError("dead_letter.not_open", id=letter_id)
            await dead_letters.lock_out_batches(tx, row.consumer)
            applied = 0
            if state == "applied":
                burial = await self._pipelines[row.consumer].apply_again(tx, dead_letters.as_record(row))
                if burial is not None:
                    return None
                applied = 1
            await dead_letters.end(tx, letter_id, state, by=by, why=why)
            return applied + await self._apply_parked(tx, row)

    async def _apply_parked(self, tx: Tx, letter: Any) -> int:
        """Parked messages of the letter's key, in order; the first that is rejected keeps the rest parked."""
        applied = 0
        if not letter.parks or await dead_letters.blocked_keys(tx, letter.consumer, [letter.key]):
            return applied
        for row in await dead_letters.parked_of(tx, letter.consumer, letter.key):
            await dead_letters.unpark(tx, row.id)
            burial = await self._pipelines[letter.consumer].apply_again(tx, dead_letters.as_record(row))
            if burial is not None:
                await dead_letters.bury(tx, letter.consumer, [burial])
                break
            applied += 1
        return applied
