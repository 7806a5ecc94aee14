"""Writes events into rows: at once, through a Redis stream, or later from the spool."""
