"""The row lane: `Model.clean()` and `clean_record()`, one record at a time, where a site defines them."""

from typing import Any

import polars as pl
from django.core.exceptions import ValidationError
from django.db import models

from importer.exceptions import ImporterError, MappingRefused
from importer.judge import as_errors
from importer.mapping import Mapping
from importer.records import RecordError
from importer.validate import Judged


def clean_rows(judged: Judged, mapping: Mapping) -> Judged:
    """Run the site's own code on each record that is sound so far, and take over what it changed."""
    if not mapping.row_lane:
        return judged
    spec = mapping.spec()
    cleans_model = mapping.model.clean is not models.Model.clean
    raw = judged.batch.texts.to_dict(as_series=False)
    texts = judged.values.to_dict(as_series=False)
    for number in judged.sound().to_list():
        record = _record(mapping, raw, texts, number)
        before = dict(record)
        try:
            if mapping.spec.cleans_records():
                record |= spec.clean_record(record) or {}
                _refuse_unknown_fields(mapping, record)
            if cleans_model:
                record = _clean_model(mapping, record)
            for field in mapping.mapped:
                if record[field.name] is not before[field.name]:
                    texts[field.attname][number] = mapping.encoder.field_text(
                        field,
                        field.clean(record[field.name], None)
                        if not field.is_relation
                        else record[field.name],
                    )
        except ImporterError:
            raise
        except ValidationError as error:
            judged.reject(number, *as_errors("", error))
        except Exception as error:
            # The site's own code may raise anything; it concerns this record, and the job goes on.
            judged.reject(number, RecordError("", "clean_failed", f"{type(error).__name__}: {error}"))
    judged.values = pl.DataFrame(texts, schema=judged.values.schema)
    return judged


def _refuse_unknown_fields(mapping: Mapping, record: dict[str, Any]) -> None:
    """What the hook sets must be written, or said not to be: it is never dropped in silence."""
    filled = {field.name for field in mapping.mapped}
    if unknown := sorted(record.keys() - filled):
        raise MappingRefused(
            f'{mapping.spec.__qualname__}.clean_record() sets "{unknown[0]}", which this import does not fill; '
            f'declare it as {unknown[0]} = Column("…"), with any column of the source to begin with.'
        )


def _record(
    mapping: Mapping, raw: dict[str, list[Any]], texts: dict[str, list[Any]], number: int
) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for plan in mapping.columns:
        text = raw[plan.column][number]
        record[plan.field.name] = plan.judge.python_value(None if text in plan.null_values else text)
    for lookup in mapping.lookups:
        text = texts[lookup.target][number]
        target: Any = lookup.field
        record[lookup.field.name] = target.target_field.to_python(text)
    return record


def _clean_model(mapping: Mapping, record: dict[str, Any]) -> dict[str, Any]:
    fields = mapping.mapped
    instance = mapping.model(**{field.attname: record[field.name] for field in fields})
    instance.clean()
    return {field.name: getattr(instance, field.attname) for field in fields}
