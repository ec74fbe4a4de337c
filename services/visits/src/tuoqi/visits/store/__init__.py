"""The only SQL of visits: files by batch, records as they arrived, lists for people, and what is due."""

from tuoqi.visits.store.due import due_plans, next_due, people_after, rules_seen, see_rules
from tuoqi.visits.store.files import VisitFileStore
from tuoqi.visits.store.lists import Missed, Task, list_overdues, list_tasks, overdue_counts, overdues_in_order
from tuoqi.visits.store.records import KnownPerson, NoteSeal, known_people, record_visits

__all__ = [
    "KnownPerson",
    "Missed",
    "NoteSeal",
    "Task",
    "VisitFileStore",
    "due_plans",
    "known_people",
    "list_overdues",
    "list_tasks",
    "next_due",
    "overdue_counts",
    "overdues_in_order",
    "people_after",
    "record_visits",
    "rules_seen",
    "see_rules",
]
