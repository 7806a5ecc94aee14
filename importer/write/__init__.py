"""Writes clean records into the target table, decides duplicates, and words what the database refuses."""
