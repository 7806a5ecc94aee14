"""Finds the rows of other tables to which a record refers."""
