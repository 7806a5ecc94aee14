"""Finds parts of `full_clean()` that an import skips."""

from django.db import models

# Methods that Django calls for each instance. The importer cannot know what a site's override does.
METHODS = ("full_clean", "clean_fields", "validate_unique", "validate_constraints")
UNIQUE_FOR = ("unique_for_date", "unique_for_month", "unique_for_year")


def ignored_hooks(model: type[models.Model]) -> list[str]:
    """Describe each hook of the model that an import does not call."""
    methods = [
        f"its own {name}()" for name in METHODS if getattr(model, name) is not getattr(models.Model, name)
    ]
    options = [
        f'{option} on the field "{field.name}"'
        for field in model._meta.concrete_fields
        for option in UNIQUE_FOR
        if getattr(field, option, None)
    ]
    return methods + options
