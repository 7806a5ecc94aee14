"""Says which models a person may import into, and with what."""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.db import models

from importer.conf import conf
from importer.models import DataImportJob
from importer.rights import specs_for
from importer.specs.registry import all_specs, get_spec

# Models whose ModelAdmin is an ImportMixin.
_offered: set[type[models.Model]] = set()


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


def offer(model: type[models.Model]) -> None:
    """Let people import into a model that has no spec."""
    _offered.add(model)


def models_offered() -> set[type[models.Model]]:
    """Return the models with a spec, those of BROWSER_MODELS, and those of an ImportMixin."""
    of_specs = {spec.options.model for spec in all_specs().values()}
    return of_specs | {apps.get_model(label) for label in conf.BROWSER_MODELS} | _offered


def targets_for(user: Any) -> list[Target]:
    """Return the models with a spec, and others that are offered, that the person may add records and jobs to."""
    if not may_add(user, DataImportJob):
        return []
    specs: dict[type[models.Model], list[str]] = {}
    for name in specs_for(user):
        specs.setdefault(get_spec(name).options.model, []).append(name)
    for model in {apps.get_model(label) for label in conf.BROWSER_MODELS} | _offered:
        specs.setdefault(model, [])
    found = [Target(model, tuple(names)) for model, names in specs.items() if may_add(user, model)]
    return sorted(found, key=lambda target: target.name)


def target_of(user: Any, label: str) -> Target | None:
    """Return the target of this label, if the person may import into it."""
    return next((target for target in targets_for(user) if target.label == label.lower()), None)


def may_add(user: Any, model: type[models.Model]) -> bool:
    codename = get_permission_codename("add", model._meta)
    return bool(user.is_active and user.has_perm(f"{model._meta.app_label}.{codename}"))
