"""Makes the roll-ups: counts each settled event once, and commits counts and position together."""
