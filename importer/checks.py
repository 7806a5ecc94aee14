"""Finds contradictions in settings and specs before the first record is read (Django's system checks)."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import Error as DatabaseError
from django.db import connections, router

from importer.conf import KEYS, conf
from importer.exceptions import ImporterError, MappingRefused, SourceRefused, TargetRefused
from importer.models import ImportChunk
from importer.privacy.retention import invalid_days
from importer.sources.names import S3_PREFIX, STORAGE_PREFIX, split_remote
from importer.sources.remote.remote import storage_called
from importer.specs.compile import compile_mapping, usual_columns
from importer.specs.constants import invalid_constants
from importer.specs.faults.formats import invalid_formats
from importer.specs.faults.hooks import ignored_hooks
from importer.specs.faults.lookup_paths import unknown_paths
from importer.specs.faults.manys import unfillable_manys
from importer.specs.faults.parents import uncreatable_parents
from importer.specs.registry import all_specs
from importer.specs.spec import ModelImport
from importer.specs.tables import parent_links, unique_groups
from importer.validate.target import Target

# The importer's commands run these checks alone.
TAG = "importer"


@register(TAG, Tags.compatibility)
def check_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    known = ", ".join(sorted(KEYS))
    problems: list[CheckMessage] = [
        Error(f'IMPORTER has the unknown key "{key}".', hint=f"Known: {known}.", id="importer.E001")
        for key in sorted(set(getattr(settings, "IMPORTER", {})) - KEYS)
    ]
    invalid = conf.invalid_numbers()
    problems += [
        Error(reason, hint="Leave the key out for the default.", id="importer.E007") for reason in invalid
    ]
    if isinstance(conf.SOURCE_ROOTS, str):
        problems.append(
            Error(
                f'IMPORTER["SOURCE_ROOTS"] is the text "{conf.SOURCE_ROOTS}"; it must be a list of folders.',
                hint=f'Write ["{conf.SOURCE_ROOTS}"].',
                id="importer.E008",
            )
        )
    problems += check_remote_roots()
    if not invalid and conf.BATCH_SIZE_MIN > conf.BATCH_SIZE_MAX:
        problems.append(
            Error(
                f"IMPORTER: BATCH_SIZE_MIN ({conf.BATCH_SIZE_MIN}) is above BATCH_SIZE_MAX ({conf.BATCH_SIZE_MAX}).",
                hint="Lower BATCH_SIZE_MIN or raise BATCH_SIZE_MAX.",
                id="importer.E002",
            )
        )
    return problems


def check_remote_roots() -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    try:
        if not str(conf.UPLOADS).startswith(STORAGE_PREFIX):
            raise SourceRefused(f'it is "{conf.UPLOADS}".')
        storage_called(conf.UPLOADS, split_remote(f"{conf.UPLOADS}/any")[0])
    except ImporterError as refusal:
        problems.append(
            Error(
                f'IMPORTER["UPLOADS"] is not the name of a storage: {refusal}',
                hint="Write storage:ALIAS/PREFIX, with an alias of STORAGES.",
                id="importer.E014",
            )
        )
    for root in conf.remote_roots():
        try:
            split_remote(f"{root}/any")
        except ImporterError:
            problems.append(
                Error(
                    f'IMPORTER["REMOTE_ROOTS"] or ["UPLOADS"] has "{root}", which is not a valid place.',
                    hint="Write s3://BUCKET, s3://BUCKET/PREFIX or storage:ALIAS/PREFIX.",
                    id="importer.E012",
                )
            )
    if any(root.startswith(S3_PREFIX) for root in conf.remote_roots()):
        try:
            from importer.sources.remote.s3 import storage_of

            storage_of(S3_PREFIX, "any")
        except ImporterError as refusal:
            problems.append(Error(str(refusal), hint="Or remove s3:// from the roots.", id="importer.E013"))
    return problems


@register(TAG, Tags.models)
def check_specs(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    return [problem for spec in all_specs().values() for problem in check_spec(spec)]


@register(Tags.database)
def check_targets(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Compare the tables with their models: `manage.py check --database default`, and before `migrate`."""
    return [problem for spec in all_specs().values() for problem in check_target(spec, databases or ())]


def check_target(spec: type[ModelImport], databases: Any) -> list[CheckMessage]:
    """Return why the database would refuse all records of a spec whose source has a column for every field.

    A table that is not there is no problem yet: `migrate` checks before it makes tables.
    """
    if router.db_for_write(spec.options.model) not in databases:
        return []
    try:
        mapping = compile_mapping(spec, usual_columns(spec))
        obstacles = list(Target.of(mapping).obstacles(mapping))
    except (MappingRefused, TargetRefused, DatabaseError):
        return []
    hint = f"`manage.py explain_import {spec.options.name}` shows how the records are written."
    return [
        CheckWarning(f"{spec.__qualname__}: {reason}", hint=hint, id="importer.W003") for reason in obstacles
    ]


def check_spec(spec: type[ModelImport]) -> list[CheckMessage]:
    """Return the problems of one spec."""
    declared = (
        problem for name in (*spec.declared, *spec.constants) for problem in _check_declared(spec, name)
    )
    return [*_check_databases(spec), *_check_faults(spec), *declared, *_check_rules(spec)]


def _check_databases(spec: type[ModelImport]) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    model = spec.options.model
    alias = router.db_for_write(model)
    if connections[alias].vendor not in ("postgresql", "unknown"):  # unknown: no database is configured
        problems.append(
            Error(
                f"{spec.__qualname__}: {model._meta.label} is stored in a {connections[alias].vendor} database.",
                hint="The importer writes to PostgreSQL only; move this model to a PostgreSQL database.",
                id="importer.E003",
            )
        )
    if alias != router.db_for_write(ImportChunk):
        problems.append(
            Error(
                f'{spec.__qualname__}: {model._meta.label} is written to "{alias}", the ledger to another database.',
                hint="Both must be in one transaction; route the app importer to the same database.",
                id="importer.E004",
            )
        )
    return problems


def _check_faults(spec: type[ModelImport]) -> list[CheckMessage]:
    """Return what keeps the spec from working at all."""
    problems: list[CheckMessage] = []
    for link, _ in parent_links(spec.options.model):
        if link.name in spec.declared:
            problems.append(
                Error(
                    f'{spec.__qualname__}: "{link.name}" is filled by the import itself.',
                    hint="Leave it out; the fields of the parent are filled like any others.",
                    id="importer.E005",
                )
            )
    problems += [
        Error(reason, hint="Name a field of the parent, or a path of fields to it.", id="importer.E009")
        for reason in unknown_paths(spec)
    ]
    problems += [
        Error(
            reason,
            hint="A many-to-many field takes rows that are there before the import.",
            id="importer.E017",
        )
        for reason in unfillable_manys(spec)
    ]
    problems += [
        Error(
            reason,
            hint="It needs its key from the source, and defaults for the rest.",
            id="importer.E018",
        )
        for reason in uncreatable_parents(spec)
    ]
    problems += [
        Error(reason, hint="Each format must be one that strptime reads in full.", id="importer.E015")
        for reason in invalid_formats(spec)
    ]
    problems += [
        Error(reason, hint="Give the constant a value that the field accepts.", id="importer.E016")
        for reason in invalid_constants(spec)
    ]
    return problems


def _check_rules(spec: type[ModelImport]) -> list[CheckMessage]:
    """Return what works otherwise than somebody may expect."""
    problems: list[CheckMessage] = []
    options, model = spec.options, spec.options.model
    key = {model._meta.get_field(name) for name in options.key}
    if key and not any(set(group) <= key for group in unique_groups(model)):
        problems.append(
            CheckWarning(
                f"{spec.__qualname__}: no unique constraint covers the key ({', '.join(options.key)}).",
                hint="Add a UniqueConstraint: it keeps others from inserting the same key, and makes updates fast.",
                id="importer.W001",
            )
        )
    problems += [
        CheckWarning(
            f"{spec.__qualname__}: {model._meta.label} has {what}, which the import ignores.",
            hint="Move the check to clean(), a validator, a constraint or the spec's clean_record().",
            id="importer.W002",
        )
        for what in ignored_hooks(model)
    ]
    return problems


def _check_declared(spec: type[ModelImport], name: str) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    f: Any = spec.options.model._meta.get_field(name)
    if getattr(f, "auto_now", False) or getattr(f, "auto_now_add", False):
        problems.append(
            Error(
                f'{spec.__qualname__}: Django sets the field "{name}" on each save and ignores the source.',
                hint="Use default=timezone.now instead of auto_now_add=True to keep the source's value.",
                id="importer.E006",
            )
        )
    if getattr(f, "generated", False):
        problems.append(
            Error(
                f'{spec.__qualname__}: the database generates the field "{name}" and ignores the source.',
                hint="Remove it from the spec.",
                id="importer.E010",
            )
        )
    if callable(getattr(spec.declared.get(name), "default", None)):
        problems.append(
            Error(
                f'{spec.__qualname__}: the default of "{name}" is a function; it must be a value.',
                hint="Use a value, or leave the column out of the source so that the model field's default is called.",
                id="importer.E011",
            )
        )
    return problems


@register(TAG, Tags.compatibility)
def check_retention(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    hint = "Set it to a number of days, or to None to keep everything."
    return [Error(reason, hint=hint, id="importer.E020") for reason in invalid_days()]
