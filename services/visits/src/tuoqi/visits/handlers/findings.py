"""What was found at a visit 发现: told to whoever must act."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from tuoqi.contracts.visits.v1 import finding_pb2
from tuoqi.kit.context import Context
from tuoqi.kit.stamps import stamp_of
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.findings import CHECKS, FindingRule, FindingRules, Subject, finding_id
from tuoqi.visits.domain.records import VisitForm


@dataclass(frozen=True, slots=True)
class Found:
    """One code of a record with the rule that holds for the person, and the version it stands in."""

    finding_id: str
    code: str
    rule: FindingRule
    rules_from: date
    found_at: datetime


def report_findings(file: VisitFile, form: VisitForm, ctx: Context, told: Collection[str] = ()) -> None:
    """Says which findings of the record raise an alert or go to a department.

    They are told now, also where the record comes a week late: an alarm is about somebody who may still need help.
    `found_at` says when it was. Results that somebody moved or died ask the registry to check. `told` are the codes
    that the record in whose place this one stands has told already: an alarm that was answered is not raised again.
    """
    before = {code.lower() for code in told}
    for one in found_in(form, file, ctx.at, ctx.policy.findings):
        if one.code.lower() not in before and (one.rule.alert or one.rule.refer):
            _tell(file.person_id, form, one.code, one.rule.alert, one.found_at, ctx)
    if form.result in CHECKS:
        _tell(file.person_id, form, CHECKS[form.result], "", form.record.counts_at(ctx.at), ctx)


def found_in(form: VisitForm, file: VisitFile, at: datetime, rules: FindingRules) -> Iterable[Found]:
    """What a record that arrives `at` tells, each code once, whatever its letters."""
    table = rules.on(day_of(at))
    found_at = form.record.counts_at(at)
    plan = file.plan
    subject = Subject(plan.facts.birth_date, plan.grade) if plan is not None else Subject()
    for code in {code.lower(): code for code in reversed(form.findings)}.values():
        rule = table.follow(code, subject, day_of(found_at))
        yield Found(finding_id(form.visit_id, code), code, rule, table.effective_from, found_at)


def _tell(person_id: str, form: VisitForm, code: str, alert: str, found_at: datetime, ctx: Context) -> None:
    ctx.emit(
        finding_pb2.FindingReported(
            finding_id=finding_id(form.visit_id, code),
            person_id=person_id,
            visit_id=form.visit_id,
            code=code,
            alert_kind=alert,
            found_at=stamp_of(found_at),
        )
    )
