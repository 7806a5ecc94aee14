#!/usr/bin/env bash
# Creates roles and databases, once, when the cluster is new. The roles:
#   cortex           owns the tables: migrations, workers, imports; without PgBouncer
#   cortex_web       the site, through PgBouncer: reads and writes rows, cannot change tables, has short time-outs
#   cortex_backup    reads everything
#   cortex_exporter  reads the statistics
#   keycloak         its own database
set -euo pipefail

secrets=${SECRETS_DIR:-/run/secrets}
read_secret() { cat "$secrets/$1"; }

# Through the environment and \getenv, because arguments appear in process lists.
export CORTEX_PASSWORD CORTEX_WEB_PASSWORD CORTEX_BACKUP_PASSWORD CORTEX_EXPORTER_PASSWORD KEYCLOAK_PASSWORD
CORTEX_PASSWORD=$(read_secret database_password)
CORTEX_WEB_PASSWORD=$(read_secret database_web_password)
CORTEX_BACKUP_PASSWORD=$(read_secret database_backup_password)
CORTEX_EXPORTER_PASSWORD=$(read_secret database_exporter_password)
KEYCLOAK_PASSWORD=$(read_secret database_keycloak_password)

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv cortex CORTEX_PASSWORD
\getenv web CORTEX_WEB_PASSWORD
\getenv backup CORTEX_BACKUP_PASSWORD
\getenv exporter CORTEX_EXPORTER_PASSWORD
\getenv keycloak KEYCLOAK_PASSWORD

CREATE ROLE cortex LOGIN PASSWORD :'cortex';
-- PgBouncer's 100, and a few that PgBouncer has closed but PostgreSQL has not.
CREATE ROLE cortex_web LOGIN PASSWORD :'web' CONNECTION LIMIT 110;
CREATE ROLE cortex_backup LOGIN PASSWORD :'backup' CONNECTION LIMIT 5;
CREATE ROLE cortex_exporter LOGIN PASSWORD :'exporter' CONNECTION LIMIT 5;
CREATE ROLE keycloak LOGIN PASSWORD :'keycloak' CONNECTION LIMIT 20;

GRANT pg_read_all_data TO cortex_backup;
GRANT pg_monitor TO cortex_exporter;
-- For `stack_doctor`, which reports long-open transactions.
GRANT pg_read_all_stats TO cortex, cortex_web;

ALTER ROLE cortex_web SET statement_timeout = '15s';
ALTER ROLE cortex_web SET lock_timeout = '3s';
ALTER ROLE cortex_web SET idle_in_transaction_session_timeout = '60s';
-- The session that holds a dump's snapshot is idle while the dump is written.
ALTER ROLE cortex_backup SET idle_in_transaction_session_timeout = 0;
ALTER ROLE cortex_exporter SET statement_timeout = '10s';
-- A migration that waits for a lock blocks everybody who queues behind it.
ALTER ROLE cortex SET lock_timeout = '30s';
-- Creating an index on a large table sorts on disk.
ALTER ROLE cortex SET temp_file_limit = '20GB';

-- A connection to template1 blocks the creation, and so the restore, of databases.
REVOKE CONNECT ON DATABASE template1 FROM PUBLIC;
-- Nobody needs large objects, and anybody who can connect could fill the disk with them. rights.sql has the same.
\set no_large_objects 'REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;'
:no_large_objects
\connect template1
-- New databases are copies of this one.
:no_large_objects
\connect postgres

CREATE DATABASE cortex OWNER cortex;
CREATE DATABASE keycloak OWNER keycloak;
REVOKE ALL ON DATABASE postgres, keycloak FROM PUBLIC;
GRANT CONNECT ON DATABASE postgres TO cortex_exporter;
GRANT CONNECT ON DATABASE keycloak TO cortex_backup;
-- Not in the site's database, so that a role without special rights can restore its dump.
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;

SQL
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname cortex \
    --file "${RIGHTS_FILE:-/etc/postgresql/rights.sql}"
