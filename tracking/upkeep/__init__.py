"""Deletes old events, and reads what other packages recorded before."""
