"""Finds a table by its name, with or without its schema, and the columns of its primary key."""

from typing import Any

# Quotes of identifiers by vendor. Django's `quote_name` neither doubles a quote within a name nor quotes '"a"'.
QUOTES = {"postgresql": '"', "sqlite": '"', "mysql": "`"}

POSTGRES_TABLE = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p')
    AND (c.relname = %s AND pg_table_is_visible(c.oid) OR concat(n.nspname, '.', c.relname) = %s)
    ORDER BY c.relname = %s DESC LIMIT 1
"""
MYSQL_TABLE = """
    SELECT table_schema, table_name FROM information_schema.tables
    WHERE table_name = %s AND table_schema = database() OR concat(table_schema, '.', table_name) = %s
    ORDER BY table_name = %s DESC LIMIT 1
"""
POSTGRES_KEY = """
    SELECT a.attname FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS part(number, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = part.number
    JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE i.indisprimary AND part.place <= i.indnkeyatts AND n.nspname = %s AND c.relname = %s ORDER BY part.place
"""
POSTGRES_HEIRS = """
    SELECT 1 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind <> 'p' AND n.nspname = %s AND c.relname = %s LIMIT 1
"""
MYSQL_KEY = """
    SELECT column_name FROM information_schema.key_column_usage
    WHERE constraint_name = 'PRIMARY' AND table_schema = %s AND table_name = %s ORDER BY ordinal_position
"""

# The parts of a table's full name: its schema, if it has one, and its own name.
Parts = tuple[str, ...]


def quoted(connection: Any, name: str) -> str:
    """Quote an identifier, whatever characters it has."""
    quote = QUOTES.get(connection.vendor)
    if quote is None:
        return str(connection.ops.quote_name(name))
    return quote + name.replace(quote, quote * 2) + quote


def find_table(connection: Any, name: str) -> Parts:
    """Return the full name of the table that is called `name`, `schema.name` or the same in quotes.

    A name that no table has is returned as it would be read; the database refuses it in its own words.
    """
    plain = ".".join(_unquoted(part) for part in name.split("."))
    for spelling in dict.fromkeys((name, plain)):
        if found := _find(connection, spelling):
            return found
    return tuple(plain.split("."))


def primary_key(connection: Any, table: Parts) -> list[str]:
    """Return the columns of a table's primary key, in its order; empty if it has none."""
    match connection.vendor:
        case "postgresql":
            return [row[0] for row in _rows(connection, POSTGRES_KEY, table)]
        case "mysql":
            return [row[0] for row in _rows(connection, MYSQL_KEY, table)]
        case "sqlite":
            return [row[0] for row in _sqlite_columns(connection, table, "pk > 0 ORDER BY pk")]
    with connection.cursor() as cursor:
        return list(connection.introspection.get_primary_key_columns(cursor, table[-1]) or ())


def may_repeat_keys(connection: Any, table: Parts) -> bool:
    """Tell whether other tables inherit from this one: its primary key does not count in them."""
    return connection.vendor == "postgresql" and bool(_rows(connection, POSTGRES_HEIRS, table))


def sqlite_names(connection: Any, table: Parts) -> list[str]:
    """Return a SQLite table's columns: a cursor would call the column "price [EUR]" "price"."""
    return [row[0] for row in _sqlite_columns(connection, table, "hidden <> 1 ORDER BY cid")]


def _find(connection: Any, name: str) -> Parts | None:
    match connection.vendor:
        case "postgresql":
            rows = _rows(connection, POSTGRES_TABLE, (name, name, name))
        case "mysql":
            rows = _rows(connection, MYSQL_TABLE, (name, name, name))
        case "sqlite":
            return _find_in_sqlite(connection, name)
        case _:
            return None
    return tuple(rows[0]) if rows else None


def _find_in_sqlite(connection: Any, name: str) -> Parts | None:
    if _sqlite_columns(connection, (name,), "true"):
        return (name,)
    schema, _, table = name.partition(".")
    schemas = {row[0] for row in _rows(connection, "SELECT name FROM pragma_database_list", ())}
    if schema in schemas and _sqlite_columns(connection, (schema, table), "true"):
        return (schema, table)
    return None


def _sqlite_columns(connection: Any, table: Parts, where: str) -> list[tuple[Any, ...]]:
    places = ", ".join(["%s"] * len(table))
    statement = f"SELECT name FROM pragma_table_xinfo({places}) WHERE {where}"  # noqa: S608 (our own constants)
    return _rows(connection, statement, table[::-1])


def _rows(connection: Any, statement: str, values: Parts) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _unquoted(part: str) -> str:
    is_quoted = len(part) > 1 and part[0] == part[-1] and part[0] in '"`'
    return part[1:-1] if is_quoted else part
