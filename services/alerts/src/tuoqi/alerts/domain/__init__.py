"""Decisions about alerts: raising, joining, escalating, closing. Pure: no clock, no I/O, the standard library alone."""
