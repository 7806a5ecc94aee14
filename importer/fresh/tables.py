"""Names the table that is loaded and its bare copy."""

from dataclasses import dataclass

from django.db import connections
from django.db.backends.utils import CursorWrapper

from importer.models import DataImportJob
from importer.specs.mapping import Mapping
from importer.validate.queries import quoted

# Name in `DataImportJob.options`: the bare copy, and whether it has taken the table's place.
OPTION = "fresh"
FOUND = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass(%s)
"""


@dataclass(frozen=True, slots=True)
class Tables:
    """The target and its copy, which has the same name in a schema of its own, so that no index is called otherwise.

    schema, name   of the target
    own            the schema of the copy
    """

    schema: str
    name: str
    own: str
    alias: str

    @classmethod
    def of(cls, job: DataImportJob, mapping: Mapping) -> "Tables":
        connection = connections[mapping.alias]
        with connection.cursor() as cursor:
            cursor.execute(FOUND, [connection.ops.quote_name(mapping.model._meta.db_table)])
            schema, name = cursor.fetchone()
        return cls(schema, name, schema_of(job), mapping.alias)

    @property
    def target(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def copy(self) -> str:
        return f"{quoted(self.own)}.{quoted(self.name)}"

    def oid(self, cursor: CursorWrapper, table: str) -> int:
        cursor.execute("SELECT %s::regclass::oid::bigint", [table])
        return int(cursor.fetchone()[0])


def schema_of(job: DataImportJob) -> str:
    return f"importer_fresh_{job.pk}"
