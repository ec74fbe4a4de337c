"""Long and timed work of alerts: the escalation clock, the table for the outside, and who may see whose alert."""
