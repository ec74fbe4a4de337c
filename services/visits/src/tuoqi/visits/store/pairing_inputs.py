"""Who may be paired: children with what is known of them, helpers by post or as relatives, wishes and conflicts."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final, NamedTuple

from tuoqi.kit.database import Tx
from tuoqi.visits.domain.days import age_on, birthday, last_birth_date
from tuoqi.visits.domain.facts import PersonFacts
from tuoqi.visits.domain.pairings import Child, Helper, PairingKind
from tuoqi.visits.store.codec import decode
from tuoqi.visits.store.pairing_wishes import Wish, barred_of, wishes_of

AT_ONCE: Final = 5_000
"""Files decoded in one read."""


class Known(NamedTuple):
    """A person of a visit file."""

    person_id: str
    region: str
    sex: str
    facts: PersonFacts | None


class HeldPost(NamedTuple):
    """One post of a worker, first and last day included; no last day while it goes on."""

    kind: str
    region: str
    first: str
    last: str

    def fits(self, kinds: Collection[str], day: date) -> bool:
        """Whether it is one of these kinds, any where none is named, and held on the day."""
        today = day.isoformat()
        return (not kinds or self.kind in kinds) and self.first <= today and (not self.last or today <= self.last)


_FILES: Final = """
SELECT p.person_id, p.version, p.region, p.next_due, p.state, coalesce(s.sex, '') AS sex
FROM plans p LEFT JOIN pairing_people s USING (person_id)
"""


async def children_of(tx: Tx, kind: PairingKind, day: date, *, regions: Sequence[str], below: str) -> list[Child]:
    """All children that a kind is for on the day, with wishes and conflicts, by id. Read in runs of bounded size."""
    wishes = await wishes_of(tx, "child")
    barred = await barred_of(tx)
    found: list[Child] = []
    after = ""
    while True:
        rows = await tx.fetch(
            f"{_FILES} WHERE p.person_id > :after AND p.birth_date > :born_after AND p.birth_date <= :born_by"
            " AND p.region LIKE ANY(CAST(:regions AS text[])) AND p.region LIKE :below"
            " ORDER BY p.person_id LIMIT CAST(:at_once AS int)",
            after=after,
            born_after=last_birth_date(kind.age_to + 1, day),
            born_by=last_birth_date(kind.age_from, day),
            regions=[f"{one}%" for one in regions],
            below=f"{below}%",
            at_once=AT_ONCE,
        )
        if not rows:
            return found
        after = rows[-1].person_id
        for one in map(_known, rows):
            child = child_of(one, kind, day)
            if child is not None:
                found.append(_wishing(child, wishes.get(one.person_id), barred.get(one.person_id, frozenset())))


def child_of(one: Known, kind: PairingKind, day: date) -> Child | None:
    """The child as the kind sees it; None where the kind is not for it."""
    rank = kind.rank(one.facts, day) if one.facts is not None else None
    if rank is None or one.facts is None:
        return None
    return Child(one.person_id, one.region, one.sex, age_on(one.facts.birth_date, day), rank)


def _wishing(child: Child, wish: Wish | None, barred: frozenset[str]) -> Child:
    if wish is None:
        return replace(child, refuses=barred) if barred else child
    return replace(child, refuses=barred | set(wish.refuses), sex_wish=wish.sex, wants=wish.wants)


async def children_among(tx: Tx, kind: PairingKind, person_ids: Collection[str], day: date) -> dict[str, Child]:
    """Those of these people that the kind is for, with wishes and conflicts."""
    wishes, barred = await wishes_of(tx, "child", person_ids), await barred_of(tx, person_ids)
    found = {}
    for person_id, known in (await people_known(tx, person_ids)).items():
        child = child_of(known, kind, day)
        if child is not None:
            found[person_id] = _wishing(child, wishes.get(person_id), barred.get(person_id, frozenset()))
    return found


async def people_known(tx: Tx, person_ids: Collection[str]) -> dict[str, Known]:
    """People with a visit file."""
    rows = await tx.fetch(
        f"{_FILES} WHERE p.person_id = ANY(CAST(:ids AS text[])) ORDER BY p.person_id", ids=sorted(set(person_ids))
    )
    return {row.person_id: _known(row) for row in rows}


def _known(row: Any) -> Known:
    plan = decode(row.person_id, row.version, row.region, row.next_due, row.state).plan
    return Known(row.person_id, row.region, row.sex, plan.facts if plan is not None else None)


async def helpers_of(
    tx: Tx, kind: PairingKind, day: date, *, regions: Sequence[str] = ("",), below: str = ""
) -> list[Helper]:
    """Everybody who may help on the day, with wishes and loads, by id."""
    helpers = await (_relatives(tx, day) if kind.relatives else _holders(tx, kind, day))
    mine = tuple(regions)
    helpers = [one for one in helpers if one.region.startswith(mine) and one.region.startswith(below)]
    wishes = await wishes_of(tx, "helper")
    loads = {
        row.helper_id: row.found
        for row in await tx.fetch(
            "SELECT helper_id, count(*) AS found FROM pairings WHERE kind = :kind AND ended_on IS NULL GROUP BY 1",
            kind=kind.key,
        )
    }
    return [_with(one, wishes.get(one.helper_id), loads.get(one.helper_id, 0)) for one in helpers]


def _with(helper: Helper, wish: Wish | None, load: int) -> Helper:
    if wish is None:
        return replace(helper, load=load) if load else helper
    return replace(
        helper,
        load=load,
        at_most=wish.at_most,
        sex_wish=wish.sex,
        age_from=wish.age_from,
        age_to=wish.age_to,
        village=wish.village,
    )


async def _holders(tx: Tx, kind: PairingKind, day: date) -> list[Helper]:
    """Workers who hold one of the kind's posts; who holds several stands where the first by region is."""
    rows = await tx.fetch(
        "SELECT worker_id, sex, posts FROM helpers WHERE posts LIKE ANY(CAST(:posts AS text[])) ORDER BY worker_id",
        posts=[f'%"{post}"%' for post in kind.posts],
    )
    found = []
    for row in rows:
        places = _places(row.posts, kind.posts, day)
        if places:
            found.append(Helper(row.worker_id, places[0], row.sex))
    return found


def _posts(text: str) -> list[HeldPost]:
    return [HeldPost(*one) for one in json.loads(text)]


def _places(posts: str, kinds: Collection[str], day: date) -> list[str]:
    """Where posts of these kinds, any where none is named, are held on the day."""
    return sorted(one.region for one in _posts(posts) if one.fits(kinds, day))


async def posts_of(tx: Tx, worker_ids: Collection[str]) -> dict[str, list[HeldPost]]:
    """All posts of these workers; only workers that are known."""
    rows = await tx.fetch(
        "SELECT worker_id, posts FROM helpers WHERE worker_id = ANY(CAST(:ids AS text[]))", ids=sorted(set(worker_ids))
    )
    return {row.worker_id: _posts(row.posts) for row in rows}


async def _relatives(tx: Tx, day: date) -> list[Helper]:
    rows = await tx.fetch(
        """
        SELECT r.helper_id, r.helper_as, string_agg(r.person_id, ' ' ORDER BY r.person_id) AS children,
               coalesce(max(w.posts), '[]') AS posts, coalesce(max(w.sex), max(s.sex), '') AS sex
        FROM pairing_relatives r
        LEFT JOIN helpers w ON r.helper_as = 'worker' AND w.worker_id = r.helper_id
        LEFT JOIN pairing_people s ON r.helper_as = 'person' AND s.person_id = r.helper_id
        GROUP BY r.helper_id, r.helper_as ORDER BY r.helper_id
        """
    )
    people = await people_known(tx, [row.helper_id for row in rows if row.helper_as == "person"])
    found = []
    for row in rows:
        person = people.get(row.helper_id)
        if row.helper_as == "person":
            alive = person is not None and person.facts is not None and may_help(person.facts, day)
            region = person.region if person is not None and alive else ""
        else:
            region = next(iter(_places(row.posts, (), day)), "")
        if region:
            only = frozenset(row.children.split())
            found.append(Helper(row.helper_id, region, row.sex, row.helper_as, only=only))
    return found


def may_help(facts: PersonFacts, day: date) -> bool:
    """Whether a person of the register can stand by a child: grown up, alive, here."""
    away = replace(facts, stays=()).not_visited(day)
    return not away and birthday(facts.birth_date, 18) <= day
