"""What alerts answers: one servicer for each area."""
