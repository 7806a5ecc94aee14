"""Exports and erases what is kept of a person."""
