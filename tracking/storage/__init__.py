"""Writes events into rows, whatever happens: at once, through a Redis stream, or later from the spool."""
