"""What was found at a visit 发现: told to whoever must act."""

from __future__ import annotations

from tuoqi.kit.context import Context
from tuoqi.visits.domain.file import VisitFile
from tuoqi.visits.domain.records import VisitForm


def report_findings(file: VisitFile, form: VisitForm, ctx: Context) -> None:
    """Says which findings of the record ask for a referral or an alert."""
