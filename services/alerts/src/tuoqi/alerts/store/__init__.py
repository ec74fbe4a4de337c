"""The only SQL of alerts."""

from tuoqi.alerts.store.books import (
    AlertBookStore,
    Place,
    due_people,
    newest,
    next_due,
    oldest,
    one,
    open_by_severity,
)

__all__ = ["AlertBookStore", "Place", "due_people", "newest", "next_due", "oldest", "one", "open_by_severity"]
