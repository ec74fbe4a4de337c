"""Taking a report 报告: the subject is looked up, the report is kept once for each key, the alert raised or joined."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from tuoqi.alerts import store
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.parts import FACILITY, PERSON, UNKNOWN, Evidence, Subject
from tuoqi.alerts.domain.rules import AlertPolicy, KindRule
from tuoqi.alerts.domain.terms import COUNTY_ZONE
from tuoqi.alerts.handlers.acts import Report, on_report
from tuoqi.alerts.jobs.sight import RESTRICTED
from tuoqi.alerts.store import NoteSeal, ReportRow
from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Tx
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.ids import IdMaker
from tuoqi.kit.rights import Actor

ALWAYS: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The moment in the id of a report: the same however often it is uploaded."""
WORDS: Final = {
    "person": "本县人员", "facility": "设施", "water_point": "水域点位", "unknown": "不知姓名的人", "region": "区划",
    "instruction": "支付指令",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """A report as somebody wrote it; `text` is not sealed yet."""

    key: str
    kind: str
    subject: Subject
    cause: str = ""
    text: str = field(default="", repr=False)
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a report."""

    alert_id: str
    joined: bool = False
    repeated: bool = False


class ReportDesk:
    """Takes reports."""

    def __init__(
        self, commander: Commander, clock: BusinessClock, policy: AlertPolicy, ids: IdMaker, seal: NoteSeal
    ) -> None:
        self._commander = commander
        self._clock = clock
        self._policy = policy
        self._ids = ids
        self._seal = seal

    async def take(self, form: Form, actor: Actor) -> Taken:
        """Keep a report; the same key again changes nothing. Raises what `check` raises, auth.no_region."""
        self.check(form)
        taken: Taken = await self._commander.transaction(partial(self._take, form=form, actor=actor))
        return taken

    def check(self, form: Form) -> KindRule:
        """Whether the county's rules take such a report. Raises alerts.unknown_kind, _cause and alerts.wrong_subject."""
        rules = self._policy.on(self._clock.now().astimezone(COUNTY_ZONE).date())
        reported = {rule.kind: rule for rule in rules.kinds if rule.reported}
        rule = reported.get(form.kind)
        if rule is None:
            raise TuoqiError("alerts.unknown_kind", kind=form.kind, allowed="、".join(reported))
        causes = [one.code for one in rule.causes]
        if (causes or form.cause) and form.cause not in causes:
            allowed = "、".join(f"{one.code} {one.name}" for one in rule.causes) or "不写事由"
            raise TuoqiError("alerts.unknown_cause", kind=rule.name, cause=form.cause, allowed=allowed)
        if form.subject.kind not in rule.subjects:
            allowed = "、".join(WORDS[one] for one in rule.subjects)
            raise TuoqiError("alerts.wrong_subject", kind=rule.name, allowed=allowed)
        return rule

    async def _take(self, tx: Tx, *, form: Form, actor: Actor) -> Taken:
        known = await store.find_report(tx, actor.user, form.key)
        if known is not None:
            if known.kind != form.kind:
                raise TuoqiError("alerts.report_key_taken", key=form.key)
            return Taken(known.alert_id, repeated=True)
        # Of the key and its user, but telling neither: it stands in the headers of events.
        report_id = self._ids(ALWAYS, f"report|{actor.user}|{form.key}", 0)
        subject = await self._located(tx, form, actor, report_id)
        now = self._clock.now()
        note = self._seal.seal(subject.book, form.text)
        call = Call(
            key=subject.book,
            handler=on_report,
            message=Report(form.kind, subject, form.cause, form.evidence, note),
            cause=f"report:{report_id}",
            at=now,
            actor=actor.user,
        )
        states = await self._commander.within(tx, AlertBook, [call])
        alert = states[subject.book].open_one(form.kind, subject.id)
        await store.keep_report(tx, ReportRow(actor.user, form.key, alert.alert_id, form.kind, form.cause, now))
        # Who may not see a restricted alert is not told either that somebody else had reported it before.
        may_know = not alert.restricted or actor.has(RESTRICTED)
        return Taken(alert.alert_id, joined=alert.joined > 0 and may_know)

    async def _located(self, tx: Tx, form: Form, actor: Actor, report_id: str) -> Subject:
        """The subject with its region, a person by the main file. Raises alerts.person_unknown, alerts.needs_region."""
        subject = form.subject
        if subject.kind == PERSON:
            person = await store.known_person(tx, subject.id)
            if person is None:
                raise TuoqiError("alerts.person_unknown")
            actor.require_region(person.region)
            return Subject(PERSON, person.person_id)
        region = subject.region
        if subject.kind == FACILITY:
            region = await store.facility_region(tx, subject.id) or region
        if not region:
            raise TuoqiError("alerts.needs_region")
        actor.require_region(region)
        if subject.kind == UNKNOWN:
            return Subject(UNKNOWN, report_id, region)
        return replace(subject, region=region)
