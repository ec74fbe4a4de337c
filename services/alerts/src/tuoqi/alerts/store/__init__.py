"""The only SQL of alerts."""

from tuoqi.alerts.store.books import AlertBookStore, due_books, next_due
from tuoqi.alerts.store.history import NoteSeal, history_of
from tuoqi.alerts.store.lists import Place, Seen, Sight, Wish, newest, oldest, one, open_by_severity
from tuoqi.alerts.store.people import facility_region, known_person
from tuoqi.alerts.store.reports import ReportRow, find_report, keep_report, reports_by
from tuoqi.alerts.store.warnings import WarningStore

__all__ = [
    "AlertBookStore",
    "NoteSeal",
    "Place",
    "ReportRow",
    "Seen",
    "Sight",
    "WarningStore",
    "Wish",
    "due_books",
    "facility_region",
    "find_report",
    "history_of",
    "keep_report",
    "known_person",
    "newest",
    "next_due",
    "oldest",
    "one",
    "open_by_severity",
    "reports_by",
]
