-- Who may do what in the site's database. For a new cluster, and for a database that a dump is about to be restored into:
-- a dump knows no rights, and default ones belong to a database.
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO cortex_web, cortex_backup;
-- For clusters whose template still lets everybody make large objects: init.sh.
REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;
SET ROLE cortex;
GRANT USAGE ON SCHEMA public TO cortex_web;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO cortex_web;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO cortex_web;
