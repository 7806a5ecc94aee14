"""What imports keep of people: erased for one person, and deleted with time."""

from importer.privacy.erase import erase_user

__all__ = ["erase_user"]
