"""Names that a site may change: the label of the app, by a subclass of its config, and the prefix of its tables."""

import contextlib
import hashlib

from django.apps import AppConfig, apps
from django.conf import settings

from tracking.conf import conf

INDEX_CHARACTERS = 30  # the most that Django allows


def app_label() -> str:
    return label_of(__name__)


def table(name: str) -> str:
    return f"{conf.TABLE_PREFIX}{name}"


def index(name: str) -> str:
    return prefixed_index(conf.TABLE_PREFIX, name)


def label_of(module: str) -> str:
    """Return the label under which the site has installed a module's app. Migrations need it; models know it."""
    config = apps.get_containing_app_config(module)
    assert config is not None, f"{module} is not installed"
    return config.label


def prefixed_index(prefix: str, name: str) -> str:
    """Return the name of an index or constraint with the prefix of tables: it must be unique in its schema too."""
    prefixed = f"{prefix}{name}"
    if not prefix or len(prefixed) <= INDEX_CHARACTERS:
        return prefixed
    digest = hashlib.sha256(prefixed.encode()).hexdigest()[:6]
    return f"{prefixed[: INDEX_CHARACTERS - 7]}_{digest}"


_is_looking = False


def other_owner(label: str, name: str) -> str:
    """Return the name of another installed app with this label; "" if there is none.

    Django refuses two apps of one label before any check can run. So an app that finds its label taken moves aside,
    and a check tells what to do.
    """
    global _is_looking
    if _is_looking:  # by making our own config once more
        return ""
    _is_looking = True
    try:
        for entry in settings.INSTALLED_APPS:
            with contextlib.suppress(Exception):  # Django raises it as well, in its turn
                config = AppConfig.create(entry)
                if config.label == label and config.name != name:
                    return str(config.name)
    finally:
        _is_looking = False
    return ""
