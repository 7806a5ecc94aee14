"""Describes a table with all that belongs to it, from the catalogue.

A copy that takes a table's place must be described as the table was; what differs was not carried over.
"""

from hashlib import sha256

from django.db.backends.utils import CursorWrapper

from importer.fresh.tables import Tables
from importer.validate.queries import names_of

# Rights by name: `aclexplode` of what is granted, or of what an owner has by default.
RIGHTS = """
SELECT format('%%s to %%s%%s', privilege_type,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END || ' by ' || pg_get_userbyid(grantor))
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
        CASE WHEN convalidated THEN 'validated' END, 'comment ' || obj_description(oid, 'pg_constraint'),
        'enforced ' || (SELECT string_agg(DISTINCT tgenabled::text, '') FROM pg_trigger WHERE tgconstraint = c.oid)))
    FROM pg_constraint c WHERE conrelid = %(oid)s OR confrelid = %(oid)s
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
        'target ' || NULLIF(stxstattarget, -1), 'owner ' || pg_get_userbyid(stxowner),
        obj_description(oid, 'pg_statistic_ext')))
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
