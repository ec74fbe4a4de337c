"""What visits does when a record of a visit arrives: the plan, extra tasks, and what was found."""

from __future__ import annotations

from tuoqi.contracts.visits.v1 import record_pb2
from tuoqi.kit.context import Context
from tuoqi.kit.stamps import stamp_of
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.file import VisitFile, take_record
from tuoqi.visits.domain.records import VisitForm
from tuoqi.visits.handlers.findings import report_findings
from tuoqi.visits.handlers.plans import tell
from tuoqi.visits.handlers.tasks import close_tasks


def on_visit_arrived(file: VisitFile | None, form: VisitForm, ctx: Context) -> VisitFile:
    """A record arrives for the first time; whoever calls sees to it that each id comes once."""
    file = file or VisitFile(ctx.key)
    ctx.emit(_recorded(file.person_id, form, ctx))
    file, happened = take_record(file, form.record, ctx.at, ctx.policy.grades)
    tell(file.person_id, happened, ctx)
    report_findings(file, form, ctx)
    return close_tasks(file, form, ctx)


def _recorded(person_id: str, form: VisitForm, ctx: Context) -> record_pb2.VisitRecorded:
    return record_pb2.VisitRecorded(
        visit_id=form.visit_id,
        person_id=person_id,
        started_at=stamp_of(form.started_at),
        counts_on=day_of(form.record.counts_at(ctx.at)).isoformat(),
        channel=form.channel,
        result=form.result,
        services=dict(form.services),
    )
