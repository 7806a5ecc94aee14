"""Defines the refusal of a repair."""

from importer.exceptions import ImporterError


class RejectsRefused(ImporterError):
    """A fixed file does not belong to the job or cannot be read, or the job's records cannot be repaired."""
