"""Defines the tables: jobs, their chunks, the records set aside, the audit trail, what undo needs, and mappings."""

from importer.models.chunks import SETTLEMENT, ImportChunk, KeyEncoder, ledger_alias
from importer.models.jobs import Counters, DataImportJob, JobQuerySet
from importer.models.mappings import ImportDraft, ImportMapping
from importer.models.records import StagingRecord
from importer.models.trail import LogEvent, MigrationLog
from importer.models.undo import BeforeImage, ImportTransaction

__all__ = [
    "SETTLEMENT",
    "BeforeImage",
    "Counters",
    "DataImportJob",
    "ImportChunk",
    "ImportDraft",
    "ImportMapping",
    "ImportTransaction",
    "JobQuerySet",
    "KeyEncoder",
    "LogEvent",
    "MigrationLog",
    "StagingRecord",
    "ledger_alias",
]
