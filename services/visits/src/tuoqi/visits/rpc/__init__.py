"""What visits answers: one servicer for each area."""
