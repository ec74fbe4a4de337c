"""Decisions of the registry: pure, the standard library only, no clock."""
