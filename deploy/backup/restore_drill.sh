#!/usr/bin/env bash
# Restores the latest dump of each database into a separate, empty PostgreSQL that is not reachable from outside. Then
# compares the dump's checksum, the rows of each table and the latest event. An untested backup is not a backup.
#   BACKUP_DIR   the folder of the dumps (/backups)
#   METRICS_DIR  the folder that node_exporter reads (/metrics)
#   SCRATCH_DIR  a folder with room for the whole database, emptied before and after (/scratch)
set -euo pipefail
umask 077

backups=${BACKUP_DIR:-/backups}
metrics=${METRICS_DIR:-/metrics}
scratch=${SCRATCH_DIR:-/scratch}/drill
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() { echo "restore drill: $*" >&2; exit 1; }

# A dump's name is DATABASE-TIME; a name that starts with "." is not complete yet. The site's own database is required,
# others are optional.
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
# It is thrown away, so its data need not survive a crash. Only this account can enter the folder of its socket.
pg_ctl --pgdata "$scratch/data" --wait --timeout 60 --log "$scratch/log" start --options "-c listen_addresses= \
    -c unix_socket_directories='$scratch' -c fsync=off -c full_page_writes=off -c synchronous_commit=off \
    -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=4GB -c maintenance_work_mem=128MB" >/dev/null \
    || { cat "$scratch/log" >&2; fail "the scratch PostgreSQL does not start"; }

# A restore runs functions of the dump, so its role has no other rights, as in the real cluster.
createuser --no-superuser owner
done_with=()
for database in $(sed 's/-[0-9TZ]*$//' <<<"$names" | sort --unique); do
    name=$(newest "$database") || fail "no dump of $database has a time in its name"
    (cd "$backups" && sha256sum --quiet --check "$name.sha256") || fail "$name.dump does not match its checksum"
    createdb --owner owner "$database"
    pg_restore --dbname "$database" --username owner --no-owner --no-privileges --exit-on-error --jobs 2 "$backups/$name.dump" \
        || fail "$name.dump cannot be restored"
    psql --dbname "$database" --username owner --no-psqlrc --quiet --no-align --tuples-only --field-separator=' ' --set ON_ERROR_STOP=1 \
        --file "$here/count_rows.sql" >"$scratch/$database.rows"
    if ! diff "$backups/$name.rows" "$scratch/$database.rows" >&2; then
        fail "$name: the restored rows (>) differ from those of the database (<)"
    fi
    done_with+=("$name.dump")
done

ended=$(date +%s)
rows=$(awk '$1 == "rows" { sum += $NF } END { printf "%d", sum }' "$scratch"/*.rows)
umask 022
cat >"$metrics/.restore_drill.draft" <<END
# HELP cortex_restore_drill_success_timestamp_seconds When a backup was last restored and verified.
# TYPE cortex_restore_drill_success_timestamp_seconds gauge
cortex_restore_drill_success_timestamp_seconds $ended
# HELP cortex_restore_drill_duration_seconds How long the restore took: the minimum duration of an outage.
# TYPE cortex_restore_drill_duration_seconds gauge
cortex_restore_drill_duration_seconds $((ended - started))
# HELP cortex_restore_drill_rows Restored rows.
# TYPE cortex_restore_drill_rows gauge
cortex_restore_drill_rows $rows
# HELP cortex_restore_drill_last_event_timestamp_seconds Time of the latest restored login event.
# TYPE cortex_restore_drill_last_event_timestamp_seconds gauge
cortex_restore_drill_last_event_timestamp_seconds $(awk '$1 == "last_event" { last = $NF } END { printf "%d", last }' "$scratch/cortex.rows")
END
mv "$metrics/.restore_drill.draft" "$metrics/restore_drill.prom"
echo "restore drill: restored and verified ${done_with[*]} in $((ended - started)) s, $rows rows"
