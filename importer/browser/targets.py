"""Says which models a person may import into, and with what."""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.db import models

from importer.conf import conf
from importer.rights import specs_for
from importer.specs.registry import get_spec


@dataclass(frozen=True, slots=True)
class Target:
    """A model that files are imported into. `specs`: the registered specs that the person may use for it."""

    model: type[models.Model]
    specs: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return str(self.model._meta.label_lower)

    @property
    def name(self) -> str:
        return str(self.model._meta.verbose_name_plural)


def targets_for(user: Any) -> list[Target]:
    """Return the models with a spec, and those of the setting BROWSER_MODELS, that the person may add records to."""
    specs: dict[type[models.Model], list[str]] = {}
    for name in specs_for(user):
        specs.setdefault(get_spec(name).options.model, []).append(name)
    for label in conf.BROWSER_MODELS:
        specs.setdefault(apps.get_model(label), [])
    found = [Target(model, tuple(names)) for model, names in specs.items() if may_add(user, model)]
    return sorted(found, key=lambda target: target.name)


def target_of(user: Any, label: str) -> Target | None:
    """Return the target of this label, if the person may import into it."""
    return next((target for target in targets_for(user) if target.label == label.lower()), None)


def may_add(user: Any, model: type[models.Model]) -> bool:
    codename = get_permission_codename("add", model._meta)
    return bool(user.is_active and user.has_perm(f"{model._meta.app_label}.{codename}"))
