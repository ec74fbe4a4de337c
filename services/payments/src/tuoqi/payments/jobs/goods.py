"""Goods 慰问物资: a ledger of what people were given in kind. No bank money moves; an entry is corrected by a second."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.payments.domain.aid import AidFile, Goods
from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.grants import yuan
from tuoqi.payments.domain.months import day_of
from tuoqi.payments.handlers.aid import GiveGoods
from tuoqi.payments.jobs.aid import AidDesk
from tuoqi.payments.store.aid import find_correction, find_goods, find_issues, read_people


@dataclass(frozen=True, slots=True)
class Issue:
    """The same goods for each of some people."""

    key: str
    person_ids: Sequence[str]
    occasion: str
    item: str
    quantity: int
    value_fen: int
    issued_on: date | None = None

    @property
    def content_hash(self) -> str:
        """What two issues of one key must share."""
        parts = (*sorted(self.person_ids), self.occasion, self.item, self.quantity, self.value_fen, self.issued_on)
        return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()


async def issue_goods(desk: AidDesk, issue: Issue, actor: Actor) -> list[Goods]:
    """Record an issue, an entry for each person; one of the same key and content is answered as it stands.

    Raises payments.goods_unknown, payments.goods_above_ceiling, payments.aid_person_unknown, payments.aid_key_reused.
    """
    _check(desk, issue)
    today = day_of(desk.tools.clock.now())
    issued_on = issue.issued_on or today
    if issued_on > today:
        raise PaymentsError("payments.aid_day_ahead", day=issued_on)
    regions = await desk.regions_of(issue.person_ids)

    async def body(tx: Tx) -> list[Goods]:
        before = await find_issues(tx, actor.user, issue.key)
        if before:
            if before[0].request_hash != issue.content_hash:
                raise PaymentsError("payments.aid_key_reused")
            return before
        people = await read_people(tx, issue.person_ids)
        entries = []
        for person_id in sorted(issue.person_ids):
            person, region = people.get(person_id), regions.get(person_id, "")
            if person is None or not region or not actor.may_act_in(region):
                raise PaymentsError("payments.aid_person_unknown")
            if person.died_on is not None and person.died_on < issued_on:
                raise PaymentsError("payments.aid_person_dead", died=person.died_on)
            entries.append(
                Goods(
                    issue_id=desk.tools.ids(desk.tools.clock.now(), f"goods|{actor.user}|{issue.key}|{person_id}", 0),
                    person_id=person_id,
                    occasion=issue.occasion,
                    item=issue.item,
                    quantity=issue.quantity,
                    value_fen=issue.value_fen,
                    issued_on=issued_on,
                    issued_by=actor.user,
                    region=region,
                    request_key=issue.key,
                    request_hash=issue.content_hash,
                )
            )
        await _give(desk, tx, entries, actor)
        return entries

    given: list[Goods] = await desk.tools.commander.transaction(body)
    return given


async def take_back_goods(desk: AidDesk, issue_id: str, actor: Actor, reason: str) -> Goods:
    """Take an issue back by a second entry. Raises payments.goods_not_found, payments.goods_taken_back."""

    async def body(tx: Tx) -> Goods:
        found = await find_goods(tx, issue_id)
        if found is None or not actor.may_act_in(found.region):
            raise TuoqiError("payments.goods_not_found")
        if await find_correction(tx, issue_id) is not None:
            raise PaymentsError("payments.goods_taken_back", issue=issue_id)
        now = desk.tools.clock.now()
        new_id = desk.tools.ids(now, f"goods-back|{issue_id}", 0)
        entry = found.taken_back(new_id, by=actor.user, on=day_of(now), reason=reason)
        await _give(desk, tx, [entry], actor)
        return entry

    entry: Goods = await desk.tools.commander.transaction(body)
    return entry


async def _give(desk: AidDesk, tx: Tx, entries: Sequence[Goods], actor: Actor) -> None:
    calls = [desk.call(one.person_id, GiveGoods(one), by=actor.user, cause=f"goods|{one.issue_id}") for one in entries]
    await desk.tools.commander.within(tx, AidFile, calls)


def _check(desk: AidDesk, issue: Issue) -> None:
    rules = desk.policy.goods
    for code, words, what in ((issue.occasion, rules.occasions, "节点"), (issue.item, rules.items, "物资种类")):
        if code not in words:
            raise PaymentsError("payments.goods_unknown", code=code, what=what, allowed=_allowed(words))
    if issue.value_fen > rules.ceiling_fen:
        raise PaymentsError("payments.goods_above_ceiling", limit=yuan(rules.ceiling_fen), value=yuan(issue.value_fen))


def _allowed(words: Mapping[str, str]) -> str:
    return "、".join(f"{word}[{code}]" for code, word in words.items())
