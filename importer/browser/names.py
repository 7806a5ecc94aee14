"""Names the pages of the import within the admin's namespace."""

from importer.naming import app_label


def name_of(page: str) -> str:
    """Return the name of a page, such as "importer_import_start"."""
    return f"{app_label()}_import_{page}"
