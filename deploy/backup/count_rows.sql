-- Prints a line for each table, and one for the latest event. For backup.sh and restore_drill.sh.
SELECT format('SELECT %L, %L, count(*) FROM %I.%I;', 'rows', schemaname || '.' || tablename, schemaname, tablename)
FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY schemaname, tablename \gexec
SELECT format('SELECT %L, coalesce(floor(extract(epoch FROM max("timestamp")))::bigint, 0) FROM %I.login_events;', 'last_event', schemaname)
FROM pg_tables WHERE tablename = 'login_events' \gexec
