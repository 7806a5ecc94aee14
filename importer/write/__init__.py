"""Writes clean records into the target table, decides duplicates, and reports what the database rejects."""
