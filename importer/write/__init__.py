"""Writes clean records into the target, decides duplicates, and reports what the database rejects."""
