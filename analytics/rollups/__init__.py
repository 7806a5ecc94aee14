"""Makes the roll-ups: counts settled events once, in steps that commit counts and position together."""
