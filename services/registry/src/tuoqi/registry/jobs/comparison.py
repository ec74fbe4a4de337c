"""What rows of comparison lists 比对名单 found: noted as they are loaded, looked at again for a report, decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor
from tuoqi.registry.domain import comparison as states
from tuoqi.registry.domain.change_views import cells_of_interval, names_of
from tuoqi.registry.domain.comparison import Effect, Finding, Surroundings, effects_of, end_of, wants_decision
from tuoqi.registry.domain.person import Person
from tuoqi.registry.domain.policy import Policy
from tuoqi.registry.domain.status import Interval, in_force
from tuoqi.registry.jobs.act import Act, Desk
from tuoqi.registry.jobs.change_applying import transaction
from tuoqi.registry.jobs.changes import ChangeDesk, Wanted
from tuoqi.registry.store.comparison import (
    add_findings,
    close_findings,
    decide_finding,
    finding_from,
    households_of,
    last_findings,
    load_finding,
    wards_of,
)
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.seals import KeyRing, Vault
from tuoqi.registry.store.statuses import load_intervals
from tuoqi.registry.store.stays import load_stays


@dataclass(frozen=True, slots=True)
class Said:
    """What a row of a list says of somebody."""

    row_number: int
    person: Person
    kind: str
    happened_on: date | None
    """None where it withdraws what an earlier row said."""
    source: str
    is_known: bool
    """The register knew it already."""


class Surveyor:
    """Looks at what the county's rules may ask of people: statuses, stays, wards, household."""

    def __init__(self, policy: Policy, vault: Vault) -> None:
        self._policy = policy
        self._vault = vault
        self._persons = PersonStore(vault)

    async def effects(
        self, tx: Tx, findings: Sequence[Finding], people: Mapping[str, Person], ring: KeyRing, today: date
    ) -> list[list[Effect]]:
        """What follows from each finding, as things stand today. The ring holds the people's keys."""
        looks = self._policy.comparison.looks({one.kind for one in findings})
        around = await self._survey(tx, [people[one.person_id] for one in findings], looks, ring, today)
        categories = self._policy.categories
        return [effects_of(one, around[one.person_id], self._policy.comparison, categories) for one in findings]

    async def _survey(
        self, tx: Tx, people: Sequence[Person], looks: set[str], ring: KeyRing, today: date
    ) -> dict[str, Surroundings]:
        ids = {one.person_id for one in people}
        homes = {}
        if looks.intersection({"household_head", "household_categories"}):
            homes = await households_of(tx, {one.household_id for one in people if one.household_id})
        relatives = {member for _, members in homes.values() for member in members}
        running = {}
        if "household_categories" in looks:
            await ring.open(tx, relatives)
            running = await self._running(tx, ids | relatives, ring, today)
        elif "categories" in looks:
            running = await self._running(tx, ids, ring, today)
        stays = await load_stays(tx, ids) if "stays" in looks else {}
        wards = await wards_of(tx, people, today, self._vault) if "wards" in looks else {}
        children = await self._persons.load(tx, {one for some in wards.values() for one in some}, ring, lock=False)
        found = {}
        for one in people:
            head, members = homes.get(one.household_id, ("", []))
            others = [member for member in members if member != one.person_id]
            found[one.person_id] = Surroundings(
                in_force=running.get(one.person_id, ()),
                facilities=tuple(stay.facility for stay in stays.get(one.person_id, ()) if stay.covers(today)),
                wards=tuple(children[child] for child in wards.get(one.person_id, ())),
                others_in_household=len(others) if head == one.person_id else 0,
                household=tuple(
                    (member, interval)
                    for member in dict.fromkeys([one.person_id, *others])
                    for interval in running.get(member, ())
                ),
            )
        return found

    @staticmethod
    async def _running(
        tx: Tx, person_ids: Collection[str], ring: KeyRing, today: date
    ) -> dict[str, tuple[Interval, ...]]:
        intervals = await load_intervals(tx, person_ids, ring)
        return {
            person_id: tuple(one for one in some if one.interval_id in in_force(some, today))
            for person_id, some in intervals.items()
        }


class FindingBook:
    """Notes what the rows of one kind of list found."""

    def __init__(self, desk: Desk, list_: str) -> None:
        self._list = list_
        self._surveyor = Surveyor(desk.policy, desk.vault)

    async def note(
        self, tx: Tx, act: Act, said: Sequence[Said], ids: Mapping[int, str], *, content_hash: str, attempt: int
    ) -> int:
        """Keep what rows found, after what they change is written; how many said something new.

        `ids` gives each row's finding id. A row takes the place of what an earlier one said of the same matter, as long
        as nobody has decided that.
        """
        if not said:
            return 0
        people = {one.person.person_id: one.person for one in said}
        last = await last_findings(tx, people, act.ring)
        found: list[Finding] = []
        closed: dict[str, str] = {}
        for one in said:
            finding = self._finding(one, ids[one.row_number], last.get(one.person.person_id, []))
            if finding.outcome != states.KNOWN:
                before = last.setdefault(one.person.person_id, [])
                gone = states.WITHDRAWN if finding.outcome == states.WITHDRAWN else states.REPLACED
                taken = [old for old in before if old.family == finding.family and old.state == states.OPEN]
                closed |= {old.finding_id: gone for old in taken}
                last[one.person.person_id] = [old for old in before if old not in taken]
                if finding.outcome == states.NEW:
                    last[one.person.person_id].append(finding)
            found.append(finding)
        effects = await self._surveyor.effects(tx, found, people, act.ring, act.today)
        found = [
            replace(one, state=closed.get(one.finding_id, states.OPEN))
            if one.outcome == states.NEW and wants_decision(some)
            else replace(one, state=states.NONE)
            for one, some in zip(found, effects, strict=True)
        ]
        await close_findings(tx, closed)
        await add_findings(tx, found, act.ring, content_hash=content_hash, attempt=attempt, known_at=act.at)
        return sum(one.outcome != states.KNOWN for one in found)

    def _finding(self, said: Said, finding_id: str, last: Sequence[Finding]) -> Finding:
        known = said.is_known or any(
            (one.kind, one.happened_on) == (said.kind, said.happened_on) for one in last if self._list == "comparison"
        )
        if said.happened_on is None and not said.is_known:
            open_ones = any(one.kind == said.kind and one.state == states.OPEN for one in last)
            known = self._list == "comparison" and not open_ones
        outcome = states.KNOWN if known else states.NEW if said.happened_on else states.WITHDRAWN
        return Finding(
            finding_id, self._list, said.row_number, said.person.person_id, said.kind, said.happened_on, outcome,
            states.OPEN, private={"source": said.source} if said.source else {},
        )  # fmt: skip


class ComparisonDesk:
    """Takes a clerk's decision on a finding."""

    def __init__(self, desk: Desk, commander: Commander, changes: ChangeDesk) -> None:
        self._desk = desk
        self._commander = commander
        self._changes = changes
        self._persons = PersonStore(desk.vault)
        self._surveyor = Surveyor(desk.policy, desk.vault)

    async def decide(self, actor: Actor, finding_id: str, *, accept: bool, reason: str) -> tuple[Finding, Person]:
        """Accept a finding, which drafts the change requests that it suggests, or refute it.

        Raises comparison.finding_unknown, comparison.decided, comparison.no_reason and change.rows_rejected.
        """
        if not accept and not reason.strip():
            raise TuoqiError("comparison.no_reason")

        async def body(tx: Tx) -> tuple[Finding, Person]:
            act = await self._desk.begin(tx, actor)
            row = await load_finding(tx, finding_id)
            people = await self._persons.load(tx, [row.person_id] if row else [], act.ring, lock=False)
            person = next(iter(people.values()), None)
            if row is None or person is None or not actor.may_act_in(person.region):
                raise TuoqiError("comparison.finding_unknown")
            finding = finding_from(row, act.ring)
            if finding.state != states.OPEN:
                raise TuoqiError("comparison.decided", state=finding.state)
            drafted = await self._draft(tx, act, finding, person) if accept else ()
            finding = replace(
                finding,
                state=states.ACCEPTED if accept else states.REFUTED,
                decided_by=actor.user,
                decided_at=act.at,
                change_ids=drafted,
                private={**finding.private, "decided_because": reason} if reason else finding.private,
            )
            await decide_finding(tx, finding, act.ring)
            return finding, person

        return await transaction(self._commander, body)

    async def _draft(self, tx: Tx, act: Act, finding: Finding, person: Person) -> tuple[str, ...]:
        """One request that ends every category that the rules suggest to end; its rows still need a checker."""
        people = {person.person_id: person}
        (effects,) = await self._surveyor.effects(tx, [finding], people, act.ring, act.today)
        ends = {one.interval.interval_id: one for one in effects if one.interval is not None}
        if not ends:
            return ()
        act.actor.require("change.make")
        cells = {
            number: names_of(person) | _ending(one, finding, self._desk.policy)
            for number, one in enumerate(ends.values(), start=2)
        }
        note = "；".join(one.text for one in ends.values())
        drafted = await self._changes.draft_within(tx, act, Wanted("statuses", cells, note))
        if drafted.change is None:
            row, why = next(iter(drafted.preview.rejected.items()))
            raise TuoqiError("change.rows_rejected", count=len(drafted.preview.rejected), row=row, reason=why)
        return (drafted.change.change_id,)


def _ending(effect: Effect, finding: Finding, policy: Policy) -> dict[str, str]:
    if effect.interval is None:
        raise ValueError(f"rule {effect.rule.key} ends nothing")
    cells = cells_of_interval(effect.interval, policy.categories)
    return {**cells, "ended_on": end_of(effect.interval, finding).isoformat(), "end_reason": effect.rule.reason}
