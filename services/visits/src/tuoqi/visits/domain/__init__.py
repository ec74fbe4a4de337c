"""Decisions about visits: grades, plans, overdue visits. Pure: no clock, no I/O, the standard library alone."""
