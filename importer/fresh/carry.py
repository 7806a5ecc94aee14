"""Says how to give a table what another one of its name has, as statements for when that one is gone."""

from collections.abc import Iterator

from django.db.backends.utils import CursorWrapper

from importer.fresh.tables import Tables
from importer.validate.queries import names_of, quoted, rows_of


def carried(cursor: CursorWrapper, tables: Tables) -> list[str]:
    """Return the statements that give the table of the target's name what the target has now."""
    oid = tables.oid(cursor, tables.target)
    parts = (
        _table,
        _rights,
        _columns,
        _identities,
        _comments,
        _references,
        _statistics,
        _triggers,
        _policies,
    )
    return [statement for part in parts for statement in part(cursor, tables, oid)]


def _table(cursor: CursorWrapper, tables: Tables, oid: int) -> Iterator[str]:
    ((owner, options, identity, secured, forced),) = rows_of(
        cursor,
        """
        SELECT quote_ident(pg_get_userbyid(relowner)),
            (SELECT string_agg(format('%%s%%s = %%L', prefix, option_name, option_value), ', ')
             FROM (SELECT '' AS prefix, reloptions AS options UNION ALL
                   SELECT 'toast.', t.reloptions FROM pg_class t WHERE t.oid = c.reltoastrelid) AS found,
                  pg_options_to_table(options)),
            relreplident, relrowsecurity, relforcerowsecurity
        FROM pg_class c WHERE oid = %s
        """,
        [oid],
    )
    yield f"ALTER TABLE {tables.target} OWNER TO {owner}"
    if options:
        yield f"ALTER TABLE {tables.target} SET ({options})"
    if identity in "fn":
        yield f"ALTER TABLE {tables.target} REPLICA IDENTITY {'FULL' if identity == 'f' else 'NOTHING'}"
    for name, is_identity, is_clustered in rows_of(
        cursor,
        "SELECT relname, indisreplident, indisclustered FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
        "WHERE indrelid = %s",
        [oid],
    ):
        if is_identity:
            yield f"ALTER TABLE {tables.target} REPLICA IDENTITY USING INDEX {quoted(name)}"
        if is_clustered:
            yield f"ALTER TABLE {tables.target} CLUSTER ON {quoted(name)}"
    if secured:
        yield f"ALTER TABLE {tables.target} ENABLE ROW LEVEL SECURITY"
    if forced:
        yield f"ALTER TABLE {tables.target} FORCE ROW LEVEL SECURITY"


def _rights(cursor: CursorWrapper, tables: Tables, oid: int) -> Iterator[str]:
    """Take all rights of the new table away, those of ALTER DEFAULT PRIVILEGES too, and grant the old ones."""
    new = tables.oid(cursor, tables.copy)
    yield from names_of(
        cursor,
        f"SELECT DISTINCT format('REVOKE ALL ON {_escaped(tables.target)} FROM %%s', {GRANTEE}) FROM pg_class, "
        "aclexplode(COALESCE(relacl, acldefault('r', relowner))) WHERE oid IN (%s, %s)",
        [oid, new],
    )
    yield from _granted(
        cursor,
        f"TABLE {tables.target}",
        "COALESCE(relacl, acldefault('r', relowner))",
        "pg_class",
        "oid = %s",
        [oid],
    )
    yield from names_of(
        cursor,
        f"""
        SELECT format('GRANT %%s (%%I) ON TABLE {_escaped(tables.target)} TO %%s%%s', privilege_type, attname,
            {GRANTEE}, CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM pg_attribute, aclexplode(attacl) WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped
        """,
        [oid],
    )


GRANTEE = "CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END"


def _granted(
    cursor: CursorWrapper, on: str, acl: str, catalogue: str, condition: str, parameters: list[int]
) -> list[str]:
    return names_of(
        cursor,
        f"SELECT format('GRANT %%s ON {_escaped(on)} TO %%s%%s', privilege_type, {GRANTEE}, "
        f"CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) FROM {catalogue}, aclexplode({acl}) "
        f"WHERE {condition}",
        parameters,
    )


def _escaped(name: str) -> str:
    """Escape a name for `format` within a query with parameters."""
    return name.replace("'", "''").replace("%", "%%%%")


def _columns(cursor: CursorWrapper, tables: Tables, oid: int) -> Iterator[str]:
    for column, target, options in rows_of(
        cursor,
        "SELECT attname, NULLIF(attstattarget, -1), "
        "(SELECT string_agg(format('%%s = %%L', option_name, option_value), ', ') "
        "FROM pg_options_to_table(attoptions)) "
        "FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped",
        [oid],
    ):
        altered = f"ALTER TABLE {tables.target} ALTER COLUMN {quoted(column)}"
        if target is not None:
            yield f"{altered} SET STATISTICS {target}"
        if options:
            yield f"{altered} SET ({options})"


def _identities(cursor: CursorWrapper, tables: Tables, oid: int) -> Iterator[str]:
    """Hand over the sequences: a serial column's own go on; an identity's are made anew where the old ones are."""
    for sequence, column, kind, identity, *values in rows_of(
        cursor,
        """
        SELECT format('%%I.%%I', nspname, c.relname), quote_ident(a.attname), d.deptype, a.attidentity, c.oid::bigint,
            s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
            obj_description(c.oid, 'pg_class')
        FROM pg_depend d JOIN pg_sequence s ON s.seqrelid = d.objid JOIN pg_class c ON c.oid = s.seqrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.refobjid = %s AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
            AND d.deptype IN ('a', 'i')
        """,
        [oid],
    ):
        if kind == "a":
            yield f"ALTER SEQUENCE {sequence} OWNED BY {tables.target}.{column}"
            continue
        sequence_oid, start, increment, least, most, cache, cycles, comment = values
        options = (
            f"SEQUENCE NAME {sequence} START {start} INCREMENT {increment} MINVALUE {least} MAXVALUE {most} "
            f"CACHE {cache} {'CYCLE' if cycles else 'NO CYCLE'}"
        )
        cursor.execute(f"SELECT last_value, is_called FROM {sequence}")
        last, is_called = cursor.fetchone()
        when = "ALWAYS" if identity == "a" else "BY DEFAULT"
        yield f"ALTER TABLE {tables.target} ALTER COLUMN {column} ADD GENERATED {when} AS IDENTITY ({options})"
        yield f"SELECT setval({_literal(sequence)}, {last}, {str(is_called).lower()})"
        yield from _granted(
            cursor,
            f"SEQUENCE {sequence}",
            "relacl",
            "pg_class",
            "oid = %s AND grantee <> relowner",
            [sequence_oid],
        )
        if comment is not None:
            yield f"COMMENT ON SEQUENCE {sequence} IS {_literal(comment)}"


def _comments(cursor: CursorWrapper, tables: Tables, oid: int) -> Iterator[str]:
    """Return the comments on the table, its constraints and indexes; those on its columns came with the copy."""
    yield from names_of(
        cursor,
        """
        SELECT format('COMMENT ON TABLE %%s IS %%L', %(target)s::text, obj_description(%(oid)s, 'pg_class'))
        WHERE obj_description(%(oid)s, 'pg_class') IS NOT NULL
        UNION ALL
        SELECT format('COMMENT ON CONSTRAINT %%I ON %%s IS %%L', conname, %(target)s::text,
            obj_description(oid, 'pg_constraint'))
        FROM pg_constraint WHERE conrelid = %(oid)s AND obj_description(oid, 'pg_constraint') IS NOT NULL
            AND confrelid IS DISTINCT FROM conrelid
        UNION ALL
        SELECT format('COMMENT ON INDEX %%I.%%I IS %%L', %(schema)s::text, relname, obj_description(c.oid, 'pg_class'))
        FROM pg_index JOIN pg_class c ON c.oid = indexrelid
        WHERE indrelid = %(oid)s AND obj_description(c.oid, 'pg_class') IS NOT NULL
        """,
        {"oid": oid, "target": tables.target, "schema": tables.schema},
    )


def _references(cursor: CursorWrapper, tables: Tables, oid: int) -> Iterator[str]:
    """Return the foreign keys that refer to the table, its own included."""
    for table, name, definition, comment in rows_of(
        cursor,
        """
        SELECT format('%%I.%%I', nspname, relname), quote_ident(conname), pg_get_constraintdef(f.oid),
            obj_description(f.oid, 'pg_constraint')
        FROM pg_constraint f JOIN pg_class c ON c.oid = conrelid JOIN pg_namespace n ON n.oid = relnamespace
        WHERE confrelid = %s AND contype = 'f' AND conparentid = 0
        """,
        [oid],
    ):
        yield f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"
        if comment is not None:
            yield f"COMMENT ON CONSTRAINT {name} ON {table} IS {_literal(comment)}"


def _statistics(cursor: CursorWrapper, tables: Tables, oid: int) -> Iterator[str]:
    for name, definition, target, comment in rows_of(
        cursor,
        """
        SELECT format('%%I.%%I', nspname, stxname), pg_get_statisticsobjdef(s.oid), NULLIF(stxstattarget, -1),
            obj_description(s.oid, 'pg_statistic_ext')
        FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = stxnamespace WHERE stxrelid = %s
        """,
        [oid],
    ):
        yield definition
        if target is not None:
            yield f"ALTER STATISTICS {name} SET STATISTICS {target}"
        if comment is not None:
            yield f"COMMENT ON STATISTICS {name} IS {_literal(comment)}"


ENABLED = {"D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


def _triggers(cursor: CursorWrapper, tables: Tables, oid: int) -> Iterator[str]:
    for name, definition, enabled, comment in rows_of(
        cursor,
        "SELECT quote_ident(tgname), pg_get_triggerdef(oid), tgenabled, obj_description(oid, 'pg_trigger') "
        "FROM pg_trigger WHERE tgrelid = %s AND NOT tgisinternal",
        [oid],
    ):
        yield definition
        if enabled in ENABLED:
            yield f"ALTER TABLE {tables.target} {ENABLED[enabled]} TRIGGER {name}"
        if comment is not None:
            yield f"COMMENT ON TRIGGER {name} ON {tables.target} IS {_literal(comment)}"


COMMANDS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "*": "ALL"}


def _policies(cursor: CursorWrapper, tables: Tables, oid: int) -> Iterator[str]:
    for name, command, is_permissive, roles, using, check, comment in rows_of(
        cursor,
        """
        SELECT quote_ident(polname), polcmd, polpermissive,
            (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END, ', ')
             FROM unnest(polroles) AS role),
            pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), obj_description(oid, 'pg_policy')
        FROM pg_policy WHERE polrelid = %s
        """,
        [oid],
    ):
        kind = "PERMISSIVE" if is_permissive else "RESTRICTIVE"
        conditions = f"{f' USING ({using})' if using else ''}{f' WITH CHECK ({check})' if check else ''}"
        yield f"CREATE POLICY {name} ON {tables.target} AS {kind} FOR {COMMANDS[command]} TO {roles}{conditions}"
        if comment is not None:
            yield f"COMMENT ON POLICY {name} ON {tables.target} IS {_literal(comment)}"


def _literal(text: str) -> str:
    """Quote a text for PostgreSQL, whatever `standard_conforming_strings` says."""
    quoted_text = text.replace("\\", "\\\\").replace("'", "''")
    return f" E'{quoted_text}'"
