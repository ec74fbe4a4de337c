"""What payments decides: pure functions over frozen facts; no clock, no file, no database."""
