"""What a visit means for the extra tasks of a person 临时任务."""

from __future__ import annotations

from tuoqi.kit.context import Context
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.records import VisitForm


def close_tasks(file: VisitFile, form: VisitForm, ctx: Context) -> VisitFile:  # noqa: ARG001  to be filled
    """The file after the tasks that this visit fulfils."""
    return file
