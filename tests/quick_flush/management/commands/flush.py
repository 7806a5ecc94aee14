"""Empties the database between tests: deletes the rows there are, and keeps what `post_migrate` has made.

Django truncates all tables and makes content types and permissions anew, which takes 0.15 s after each of a thousand
tests. Here Django does so once. Afterwards the tables that it left empty are emptied of their rows, unless a test has
changed one of the others: then Django does it again.
"""

from typing import Any

from django.core.management.commands import flush
from django.db import connections, transaction

# After Django's own flush, for each database: each table that has rows → a digest of them.
made: dict[str, dict[str, str]] = {}


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        name = str(connection.settings_dict["NAME"])
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        if not options.get("inhibit_post_migrate"):
            rows = digests(connection, tables, of=made.get(name, {}))
            if name in made and made[name].items() <= rows.items():
                empty(connection, [table for table in rows if table not in made[name]])
                return
        super().handle(**options)
        made[name] = digests(connection, tables, of=tables)


def digests(connection: Any, tables: list[str], *, of: Any) -> dict[str, str]:
    """Return each table that has rows, with a digest of the rows for the tables `of`, and "" for all others."""
    quote = connection.ops.quote_name
    parts = [
        f"SELECT '{table}', md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {quote(table)} t HAVING count(*) > 0"
        if table in of
        else f"SELECT '{table}', '' WHERE EXISTS (SELECT FROM {quote(table)})"
        for table in tables
    ]
    connection.ensure_connection()
    # Prepared, because to plan it takes longer than to execute it.
    return dict(connection.connection.execute(" UNION ALL ".join(parts), prepare=True).fetchall())


def empty(connection: Any, tables: list[str]) -> None:
    """Delete the rows of tables, in one transaction: Django's foreign keys are checked at its end."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
