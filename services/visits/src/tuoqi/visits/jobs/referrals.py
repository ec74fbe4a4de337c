"""What follows from records that arrived: findings kept, referrals opened or joined, services counted.

All of it in the transaction of the records themselves, so that no finding is ever without its referral. What corrected
records told is taken back. The ends of terms are told by a timer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.handlers import Handler
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.findings import FindingRules, Referring
from tuoqi.visits.domain.records import VisitForm
from tuoqi.visits.domain.referrals import Referral, joinable
from tuoqi.visits.handlers import referrals as acts
from tuoqi.visits.handlers.findings import Found, found_in
from tuoqi.visits.store import given
from tuoqi.visits.store import referrals as store

ACTOR: Final = "clock:referrals"
AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record that arrived for the first time. `corrects` is the record in whose place it stands, empty where none."""

    person_id: str
    form: VisitForm
    actor: str
    corrects: str = ""


@dataclass(slots=True)
class _Batch:
    """What the records of one transaction ask for."""

    rules: FindingRules
    at: datetime
    known: dict[str, list[Referral]]
    findings: list[store.FindingRow] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def find(self, arrival: Arrival, found: Found) -> None:
        """Keep one finding, and open or join a referral for each department that its rule names."""
        self.findings.append(
            store.FindingRow(
                finding_id=found.finding_id,
                visit_id=arrival.form.visit_id,
                person_id=arrival.person_id,
                code=found.code,
                kind=found.rule.group,
                alert_kind=found.rule.alert,
                rules_from=found.rules_from,
                found_at=found.found_at,
                reported_at=self.at,
            )
        )
        for referring in found.rule.refer:
            self._refer(arrival, found, referring)

    def drop(self, dropped: Mapping[str, str]) -> None:
        """What corrected records told (finding → person) no longer leads to a referral."""
        for person_id in sorted(set(dropped.values())):
            for one in self.known.get(person_id, ()):
                gone = tuple(source for source in one.sources if source in dropped)
                if gone:
                    cause = f"correction|{one.referral_id}|{gone[0]}"
                    self._call(one.referral_id, acts.on_dropped, acts.Dropped(gone), cause, "")

    def _refer(self, arrival: Arrival, found: Found, referring: Referring) -> None:
        known = self.known.setdefault(arrival.person_id, [])
        within = timedelta(days=found.rule.joins_days)
        open_one = joinable(known, found.code, referring.department, found.found_at, within)
        new = Referral(
            referral_id=str(uuid5(UUID(found.finding_id), referring.department)),
            person_id=arrival.person_id,
            code=found.code,
            reason=referring.reason,
            department=referring.department,
            opened_at=self.at,
            last_found_at=found.found_at,
            due_at=referring.term.end(self.at, self.rules.calendar),
            rules_from=found.rules_from.isoformat(),
            sources=(found.finding_id,),
        )
        if open_one is None:
            known.append(new)
        else:
            known[known.index(open_one)] = open_one.join(found.finding_id, found.found_at)
        command = acts.Found(new, found.finding_id, found.found_at)
        cause = f"finding|{found.finding_id}|{referring.department}"
        self._call((open_one or new).referral_id, acts.on_found, command, cause, arrival.actor)

    def _call(self, key: str, handler: Handler, message: object, cause: str, actor: str) -> None:
        self.calls.append(Call(key, handler, message, cause, self.at, actor))


async def follow_records(
    tx: Tx,
    commander: Commander,
    arrivals: Sequence[Arrival],
    files: Mapping[str, VisitFile],
    rules: FindingRules,
    at: datetime,
) -> int:
    """Do what follows from records that arrived now; how many events that made.

    `files` are the people's files after the records.
    """
    await _count_services(tx, arrivals, files, at)
    corrected = {one.corrects for one in arrivals if one.corrects}
    telling = [one for one in arrivals if one.form.findings or one.corrects]
    if not telling:
        return 0
    known = await store.open_referrals(tx, [one.person_id for one in telling])
    batch = _Batch(rules, at, known)
    for arrival in telling:
        for found in found_in(arrival.form, files[arrival.person_id], at, rules):
            batch.find(arrival, found)
    await store.keep_findings(tx, batch.findings)
    if corrected:
        batch.drop(await store.drop_findings(tx, corrected, at))
    if batch.calls:
        await commander.within(tx, Referral, batch.calls)
    return len(batch.calls)


async def _count_services(tx: Tx, arrivals: Sequence[Arrival], files: Mapping[str, VisitFile], at: datetime) -> None:
    await given.void_given(tx, {one.corrects for one in arrivals if one.corrects})
    rows = [
        given.GivenRow(
            source=one.form.visit_id,
            kind=kind,
            person_id=one.person_id,
            count=count,
            day=day_of(one.form.record.counts_at(at)),
            region=files[one.person_id].region,
            recorded_by=one.actor,
            recorded_at=at,
            by_visit=True,
        )
        for one in arrivals
        for kind, count in one.form.services
    ]
    await given.keep_given(tx, rows)


class ReferralTerms:
    """The timer of referrals: the end of each term is told once, however late the clock runs."""

    def __init__(self, commander: Commander, database: Database) -> None:
        self._commander = commander
        self._database = database

    async def next_due(self, tx: Tx) -> datetime | None:
        """The earliest end of a term that has not been told."""
        return await store.next_term_end(tx)

    async def run(self, until: datetime) -> int:
        """Tell every term that is over by this moment, the earliest first."""
        done = 0
        while due := await self._due(until):
            calls = [
                Call(referral_id, acts.on_term_over, due_at, f"term|{referral_id}|{due_at.isoformat()}", due_at, ACTOR)
                for referral_id, due_at in due
            ]
            await self._commander.run(Referral, calls)
            done += len(due)
        return done

    async def _due(self, until: datetime) -> Sequence[tuple[str, datetime]]:
        async with self._database.begin() as tx:
            return await store.terms_over(tx, until, AT_ONCE)
