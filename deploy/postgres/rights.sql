-- Grants rights in the site's database. Run it for a new cluster, and before a dump is restored into a new database: a
-- dump contains no rights, and default privileges belong to one database.
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO cortex_web, cortex_backup;
-- For clusters that an older init.sh created, where everybody may still create large objects.
REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;
SET ROLE cortex;
GRANT USAGE ON SCHEMA public TO cortex_web;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO cortex_web;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO cortex_web;
