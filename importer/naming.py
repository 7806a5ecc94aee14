"""Names that a site may change: the label of the app, by a subclass of its config, and the prefix of its tables."""

import hashlib

from django.apps import apps

from importer.conf import conf

INDEX_CHARACTERS = 30  # the most that Django allows


def app_label() -> str:
    """Return the label under which the site has installed this app. Migrations use it; models have it in `_meta`."""
    config = apps.get_containing_app_config(__name__)
    assert config is not None, "importer is not installed"
    return config.label


def table(name: str) -> str:
    return f"{conf.TABLE_PREFIX}{name}"


def index(name: str) -> str:
    """Return the name of an index or constraint: like a table's, it must be unique in its schema."""
    prefixed = f"{conf.TABLE_PREFIX}{name}"
    if prefixed == name or len(prefixed) <= INDEX_CHARACTERS:
        return prefixed
    digest = hashlib.sha256(prefixed.encode()).hexdigest()[:6]
    return f"{prefixed[: INDEX_CHARACTERS - 7]}_{digest}"
