"""Names that a site may change: the label of the app, by a subclass of its config, and the prefix of its tables."""

import contextlib
import hashlib

from django.apps import AppConfig, apps
from django.conf import settings
from django.utils.module_loading import import_string

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


def other_owner(label: str, name: str) -> str:
    """Return the name of another installed app with this label; "" if there is none.

    Django refuses two apps of one label before any check can run. So an app that finds its label taken moves aside,
    and a check tells what to do. Of the apps that come later, few are looked at, so that hardly any is loaded early.
    """
    made = apps.app_configs.get(label)
    if made is not None and made.name != name:
        return made.name
    for entry in settings.INSTALLED_APPS[len(apps.app_configs) + 1 :]:
        with contextlib.suppress(Exception):  # Django raises it as well, in its turn
            other = _name_of_owner(entry, label)
            if other not in ("", name):
                return other
    return ""


def _name_of_owner(entry: str, label: str) -> str:
    """Return the name of the app of an entry in INSTALLED_APPS if it has the label; "" if not."""
    last = entry.rpartition(".")[2]
    if last == label:
        config = AppConfig.create(entry)
        return str(config.name) if config.label == label else ""
    if last[:1].isupper():  # the path of a config
        chosen = import_string(entry)
        own_label = getattr(chosen, "label", None) or chosen.name.rpartition(".")[2]
        return str(chosen.name) if own_label == label else ""
    return ""
