"""The only SQL of payments."""
