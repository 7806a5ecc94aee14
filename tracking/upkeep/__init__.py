"""Deletes old events, and imports events that other packages recorded."""
