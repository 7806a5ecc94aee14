"""Removes personal data that imports keep: one person's on request, old data after a time."""

from importer.privacy.erase import erase_user

__all__ = ["erase_user"]
