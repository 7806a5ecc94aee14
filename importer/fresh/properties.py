"""Describes a table with all that belongs to it, and says how to give the same to another table.

A copy that takes a table's place must be described as the table was; what differs was not carried over.
"""

from collections.abc import Iterator
from hashlib import sha256

from django.db.backends.utils import CursorWrapper

from importer.fresh.tables import Tables, names_of, quoted, rows_of

# Rights by name: `aclexplode` of what is granted, or of what an owner has by default.
RIGHTS = """
SELECT format('%%s to %%s%%s', privilege_type,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
"""
DESCRIBED = (
    # The table itself.
    """
    SELECT format('table: %%s', concat_ws(', ', 'owner ' || pg_get_userbyid(relowner), 'kind ' || relkind::text,
        'persistence ' || relpersistence::text, 'options ' || reloptions::text,
        'tablespace ' || (SELECT spcname FROM pg_tablespace WHERE oid = reltablespace),
        'access method ' || (SELECT amname FROM pg_am WHERE oid = relam),
        CASE WHEN relrowsecurity THEN 'row security' END, CASE WHEN relforcerowsecurity THEN 'forced' END,
        'replica identity ' || relreplident::text, 'type ' || NULLIF(reloftype, 0)::regtype::text,
        'TOAST options ' || (SELECT t.reloptions::text FROM pg_class t WHERE t.oid = c.reltoastrelid)))
    FROM pg_class c WHERE oid = %(oid)s
    """,
    "SELECT 'comment: ' || obj_description(%(oid)s, 'pg_class')",
    f"""
    SELECT 'right: ' || named FROM pg_class c,
        LATERAL ({RIGHTS} AS named FROM aclexplode(COALESCE(relacl, acldefault('r', relowner)))) AS acl
    WHERE oid = %(oid)s
    """,
    # Its columns.
    f"""
    SELECT format('column %%s: %%s', attname, concat_ws(', ', format_type(atttypid, atttypmod),
        'COLLATE ' || NULLIF(attcollation, 0)::regcollation::text, CASE WHEN attnotnull THEN 'NOT NULL' END,
        'default ' || pg_get_expr(adbin, adrelid), 'identity ' || NULLIF(attidentity::text, ''),
        'generated ' || NULLIF(attgenerated::text, ''), 'storage ' || attstorage::text,
        'compression ' || NULLIF(attcompression::text, ''),
        'statistics ' || NULLIF(attstattarget, -1), 'options ' || attoptions::text,
        'comment ' || col_description(attrelid, attnum),
        'rights ' || (SELECT string_agg(named, ', ' ORDER BY named)
            FROM ({RIGHTS} AS named FROM aclexplode(attacl)) AS acl)))
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = %(oid)s AND attnum > 0 AND NOT attisdropped
    """,
    """
    SELECT 'order of columns: ' || string_agg(attname, ', ' ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = %(oid)s AND attnum > 0 AND NOT attisdropped
    """,
    # Constraints, its own and those of tables that refer to it.
    """
    SELECT format('constraint %%s of %%s: %%s', conname, conrelid::regclass, concat_ws(', ', pg_get_constraintdef(oid),
        CASE WHEN convalidated THEN 'validated' END, 'comment ' || obj_description(oid, 'pg_constraint')))
    FROM pg_constraint WHERE conrelid = %(oid)s OR confrelid = %(oid)s
    """,
    """
    SELECT format('index %%s: %%s', indexrelid::regclass, concat_ws(', ', pg_get_indexdef(indexrelid),
        CASE WHEN indisclustered THEN 'clustered' END, CASE WHEN indisreplident THEN 'replica identity' END,
        CASE WHEN NOT indisvalid THEN 'invalid' END, 'comment ' || obj_description(indexrelid, 'pg_class'),
        'statistics ' || (SELECT string_agg(attstattarget::text, ' ' ORDER BY attnum) FROM pg_attribute
            WHERE attrelid = indexrelid AND attstattarget <> -1),
        'tablespace ' || (SELECT spcname FROM pg_class t JOIN pg_tablespace s ON s.oid = t.reltablespace
            WHERE t.oid = indexrelid)))
    FROM pg_index WHERE indrelid = %(oid)s
    """,
    # What acts on it.
    """
    SELECT format('trigger %%s: %%s', tgname, concat_ws(', ', pg_get_triggerdef(oid), 'enabled ' || tgenabled::text,
        'comment ' || obj_description(oid, 'pg_trigger')))
    FROM pg_trigger WHERE tgrelid = %(oid)s AND NOT tgisinternal
    """,
    """
    SELECT format('policy %%s: %%s', polname, concat_ws(', ', polcmd, polpermissive, polroles::regrole[]::text,
        pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), obj_description(oid, 'pg_policy')))
    FROM pg_policy WHERE polrelid = %(oid)s
    """,
    "SELECT format('rule %%s: %%s', rulename, pg_get_ruledef(oid)) FROM pg_rewrite WHERE ev_class = %(oid)s",
    # What belongs to it.
    f"""
    SELECT format('sequence %%s: %%s', s.seqrelid::regclass, concat_ws(', ', a.attname, d.deptype,
        s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
        'owner ' || pg_get_userbyid(c.relowner), 'comment ' || obj_description(c.oid, 'pg_class'),
        (SELECT string_agg(named, ', ' ORDER BY named)
            FROM ({RIGHTS} AS named FROM aclexplode(COALESCE(c.relacl, acldefault('S', c.relowner)))) AS acl)))
    FROM pg_depend d JOIN pg_sequence s ON s.seqrelid = d.objid JOIN pg_class c ON c.oid = s.seqrelid
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.refobjid = %(oid)s AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
    """,
    """
    SELECT format('statistics %%s: %%s', stxname, concat_ws(', ', pg_get_statisticsobjdef(oid),
        'target ' || NULLIF(stxstattarget, -1), obj_description(oid, 'pg_statistic_ext')))
    FROM pg_statistic_ext WHERE stxrelid = %(oid)s
    """,
    """
    SELECT format('publication %%s: %%s', pubname, concat_ws(', ', pg_get_expr(prqual, prrelid), prattrs))
    FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE prrelid = %(oid)s
    """,
    """
    SELECT format('security label: %%s', label)
    FROM pg_seclabel WHERE objoid = %(oid)s AND classoid = 'pg_class'::regclass
    """,
    "SELECT format('inheritance: %%s', inhrelid::regclass) FROM pg_inherits WHERE %(oid)s IN (inhrelid, inhparent)",
    """
    SELECT format('extension %%s', extname) FROM pg_depend JOIN pg_extension e ON e.oid = refobjid
    WHERE objid = %(oid)s AND classid = 'pg_class'::regclass AND refclassid = 'pg_extension'::regclass
    """,
)


def describe(cursor: CursorWrapper, tables: Tables) -> frozenset[str]:
    """Describe the target, a line for each thing that it has."""
    oid = tables.oid(cursor, tables.target)
    return frozenset(
        line for query in DESCRIBED for line in names_of(cursor, query, {"oid": oid}) if line is not None
    )


def structure(cursor: CursorWrapper, tables: Tables) -> str:
    """Return a digest of the target's columns, constraints and indexes, to which the copy was made."""
    parts = ("column ", "order of columns", "constraint ", "index ")
    lines = sorted(line for line in describe(cursor, tables) if line.startswith(parts))
    return sha256("\n".join(lines).encode()).hexdigest()


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
