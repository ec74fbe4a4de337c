"""What visits does when a record of a visit arrives: the plan, extra tasks, and what was found."""

from __future__ import annotations

from tuoqi.contracts.visits.v1 import record_pb2
from tuoqi.kit.context import Context
from tuoqi.kit.stamps import stamp_of
from tuoqi.visits.domain.days import day_of
from tuoqi.visits.domain.file import VisitFile, take_correction, take_record
from tuoqi.visits.domain.records import Correction, VisitForm, why_not_counted
from tuoqi.visits.handlers.findings import report_findings
from tuoqi.visits.handlers.plans import tell
from tuoqi.visits.handlers.tasks import close_tasks


def on_visit_arrived(file: VisitFile | None, form: VisitForm, ctx: Context) -> VisitFile:
    """A record arrives for the first time; whoever calls sees to it that each id comes once."""
    file = file or VisitFile(ctx.key)
    ctx.emit(_recorded(file.person_id, form, ctx))
    if not _is_visit(form, ctx):
        # A sensor's message is neither a visit nor a try; but what it found must be acted upon.
        report_findings(file, form, ctx)
        return file
    file, happened = take_record(file, form.record, ctx.at, ctx.policy.grades)
    tell(file.person_id, happened, ctx)
    report_findings(file, form, ctx)
    return close_tasks(file, form, ctx)


def on_visit_corrected(file: VisitFile | None, correction: Correction, ctx: Context) -> VisitFile:
    """A record arrives in the place of an older one. Tasks that the older one fulfilled stay done."""
    file = file or VisitFile(ctx.key)
    form, old = correction.form, correction.old
    ctx.emit(
        record_pb2.VisitCorrected(
            visit_id=old.visit_id,
            person_id=file.person_id,
            corrected_by=form.visit_id,
            counts_on=day_of(old.counts_at).isoformat(),
            channel=old.channel,
            result=old.result,
            day_empty=correction.day_empty,
        )
    )
    ctx.emit(_recorded(file.person_id, form, ctx))
    is_visit = _is_visit(form, ctx)
    file, happened = take_correction(file, correction, form.record if is_visit else None, ctx.at, ctx.policy.grades)
    tell(file.person_id, happened, ctx)
    report_findings(file, form, ctx, told=old.findings)
    return close_tasks(file, form, ctx) if is_visit else file


def _is_visit(form: VisitForm, ctx: Context) -> bool:
    channel_counts: bool = ctx.policy.records.channel_counts(form.channel)
    return channel_counts


def _recorded(person_id: str, form: VisitForm, ctx: Context) -> record_pb2.VisitRecorded:
    return record_pb2.VisitRecorded(
        visit_id=form.visit_id,
        person_id=person_id,
        started_at=stamp_of(form.started_at),
        counts_on=day_of(form.record.counts_at(ctx.at)).isoformat(),
        channel=form.channel,
        result=form.result,
        services=dict(form.services),
        not_counted_because=why_not_counted(form.result, channel_counts=_is_visit(form, ctx)),
        corrects=form.corrects,
    )
