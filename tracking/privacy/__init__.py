"""Exports and erases the data of a person."""
