#!/usr/bin/env bash
# Restores the last dump of each database into a PostgreSQL of its own, empty and unreachable from outside, and compares:
# the dump's own checksum, the rows of each table, the youngest event. A backup that nobody has restored is a hope.
#   BACKUP_DIR   where the dumps are (/backups)
#   METRICS_DIR  where node_exporter reads (/metrics)
#   SCRATCH_DIR  room for the whole database, emptied before and after (/scratch)
set -euo pipefail
umask 077

backups=${BACKUP_DIR:-/backups}
metrics=${METRICS_DIR:-/metrics}
scratch=${SCRATCH_DIR:-/scratch}/drill
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() { echo "restore drill: $*" >&2; exit 1; }

# What stands before the last "-" is the database; what begins with "." is not whole yet. The site's own is wanted,
# whatever else there is.
names=$(find "$backups" -maxdepth 1 -name '[!.]*-*.dump' -printf '%f\n' | sed 's/\.dump$//' | sort)
newest() { grep "^$1-[0-9TZ]*$" <<<"$names" | tail -n 1; }
newest cortex >/dev/null || fail "there is no dump in $backups"
started=$(date +%s)

clean() { [ ! -d "$scratch/data" ] || pg_ctl --pgdata "$scratch/data" --mode immediate stop >/dev/null 2>&1 || true; rm -rf "$scratch"; }
trap clean EXIT
clean
mkdir -p "$scratch"

unset PGPASSWORD PGPASSFILE PGSERVICE
export PGHOST=$scratch PGPORT=5432 PGUSER=drill
initdb --pgdata "$scratch/data" --username drill --auth trust --encoding UTF8 --locale C.UTF-8 --no-sync >/dev/null
# It is thrown away: no need to survive anything. Its socket is in a folder that only this account can enter.
pg_ctl --pgdata "$scratch/data" --wait --timeout 60 --log "$scratch/log" start --options "-c listen_addresses= \
    -c unix_socket_directories='$scratch' -c fsync=off -c full_page_writes=off -c synchronous_commit=off \
    -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=4GB -c maintenance_work_mem=128MB" >/dev/null \
    || { cat "$scratch/log" >&2; fail "the scratch PostgreSQL does not start"; }

# What a dump has of functions is run while it is restored: by one who may do nothing else, as in the real cluster.
createuser --no-superuser owner
done_with=()
for database in $(sed 's/-[0-9TZ]*$//' <<<"$names" | sort --unique); do
    name=$(newest "$database") || fail "no dump of $database is named by the moment it was made"
    (cd "$backups" && sha256sum --quiet --check "$name.sha256") || fail "$name.dump is not what was written"
    createdb --owner owner "$database"
    pg_restore --dbname "$database" --username owner --no-owner --no-privileges --exit-on-error --jobs 2 "$backups/$name.dump" \
        || fail "$name.dump cannot be restored"
    psql --dbname "$database" --username owner --no-psqlrc --quiet --no-align --tuples-only --field-separator=' ' --set ON_ERROR_STOP=1 \
        --file "$here/count_rows.sql" >"$scratch/$database.rows"
    if ! diff "$backups/$name.rows" "$scratch/$database.rows" >&2; then
        fail "$name: the restored rows (>) are not those of the database (<)"
    fi
    done_with+=("$name.dump")
done

ended=$(date +%s)
rows=$(awk '$1 == "rows" { sum += $NF } END { printf "%d", sum }' "$scratch"/*.rows)
umask 022
cat >"$metrics/.restore_drill.draft" <<END
# HELP cortex_restore_drill_success_timestamp_seconds When a backup was last restored and found to be right.
# TYPE cortex_restore_drill_success_timestamp_seconds gauge
cortex_restore_drill_success_timestamp_seconds $ended
# HELP cortex_restore_drill_duration_seconds How long it took to restore: what an outage would take at least.
# TYPE cortex_restore_drill_duration_seconds gauge
cortex_restore_drill_duration_seconds $((ended - started))
# HELP cortex_restore_drill_rows Rows that were restored.
# TYPE cortex_restore_drill_rows gauge
cortex_restore_drill_rows $rows
# HELP cortex_restore_drill_last_event_timestamp_seconds The youngest login event in it.
# TYPE cortex_restore_drill_last_event_timestamp_seconds gauge
cortex_restore_drill_last_event_timestamp_seconds $(awk '$1 == "last_event" { last = $NF } END { printf "%d", last }' "$scratch/cortex.rows")
END
mv "$metrics/.restore_drill.draft" "$metrics/restore_drill.prom"
echo "restore drill: ${done_with[*]} restored in $((ended - started)) s, $rows rows, as they were"
