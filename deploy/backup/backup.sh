#!/usr/bin/env bash
# Dumps the database that the PG* variables name (PGDATABASE: cortex), with the number of rows of each table.
#
# A new dump counts only if it is complete, readable, and not suspiciously small; only then are old ones deleted. Not
# through PgBouncer: a dump is one long session.
#   BACKUP_DIR        the folder of the dumps (/backups)
#   METRICS_DIR       the folder that node_exporter reads (/metrics)
#   BACKUP_KEEP_DAYS  how many days to keep dumps (14)
#   BACKUP_LEAST      the smallest accepted size, in percent of the last dump's size (50)
set -euo pipefail
umask 077

backups=${BACKUP_DIR:-/backups}
metrics=${METRICS_DIR:-/metrics}
keep_days=${BACKUP_KEEP_DAYS:-14}
least=${BACKUP_LEAST:-50}
export PGDATABASE=${PGDATABASE:-cortex}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -n "${PGPASSWORD_FILE:-}" ]; then PGPASSWORD=$(<"$PGPASSWORD_FILE"); export PGPASSWORD; fi

fail() { echo "backup: $*" >&2; exit 1; }
tell() { (umask 022 && cat >"$metrics/.$1.draft" && mv "$metrics/.$1.draft" "$metrics/$1.prom"); }

name=$PGDATABASE-$(date -u +%Y%m%dT%H%M%SZ)
draft=$backups/.$name.draft
# Only one backup at a time, so existing drafts belong to a backup that was killed.
exec {lock}>"$backups/.$PGDATABASE.lock"
flock --nonblock "$lock" || fail "another backup of $PGDATABASE is running"
rm -f "$backups/.$PGDATABASE-"*.draft.*
trap 'rm -f "$draft".*' EXIT
trap 'exit 143' TERM INT
trap '' PIPE # a lost session is reported below
started=$(date +%s)

# One snapshot for the dump and the counts, so that they match whatever is written meanwhile.
coproc SESSION { exec psql --no-psqlrc --quiet --no-align --tuples-only --field-separator=' ' --set ON_ERROR_STOP=1; }
session_pid=$SESSION_PID
exec {answers}<&"${SESSION[0]}" {questions}>&"${SESSION[1]}"
# The session is idle while the dump runs.
echo "SET idle_in_transaction_session_timeout = 0;
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot();" >&"$questions" || true
IFS= read -r -t 60 snapshot <&"$answers" || fail "no snapshot from the database; check that ${PGHOST:-it} is reachable"

dumped=yes
# The site has no large objects. One of another role would not be readable, and every dump would fail.
pg_dump --format=custom --compress=6 --snapshot="$snapshot" --no-large-objects --no-owner --no-privileges --file="$draft.dump" || dumped=no
# The dump has read every row, so it has found every page that does not match its checksum.
failures=$(psql --no-psqlrc --no-align --tuples-only --command "SELECT coalesce(sum(checksum_failures), 0) FROM pg_stat_database")
[ "$PGDATABASE" != cortex ] || tell checksums <<END
# HELP cortex_checksum_failures Pages that did not match their checksums since the last reset of the statistics.
# TYPE cortex_checksum_failures gauge
cortex_checksum_failures ${failures:-0}
END
[ "$dumped" = yes ] || fail "pg_dump failed; keeping the previous dumps"
{ cat "$here/count_rows.sql" && echo "COMMIT;" && echo '\q'; } >&"$questions" \
    || fail "the session with the snapshot is gone; keeping the previous dumps"
exec {questions}>&-
cat <&"$answers" >"$draft.rows"
wait "$session_pid" || fail "the rows could not be counted; keeping the previous dumps"

pg_restore --list "$draft.dump" >/dev/null || fail "the dump is not readable; keeping the previous dumps"
[ -s "$draft.rows" ] || fail "no table was counted; keeping the previous dumps"
size=$(stat --format=%s "$draft.dump")
last=$(find "$backups" -maxdepth 1 -name "$PGDATABASE-*.dump" | sort | tail -n 1)
if [ -n "$last" ]; then
    last_size=$(stat --format=%s "$last")
    [ $((size * 100)) -ge $((last_size * least)) ] \
        || fail "the dump has only $size bytes, the last one $last_size; keeping the previous dumps. If it is correct, set BACKUP_LEAST=0"
fi

(cd "$backups" && sha256sum ".$name.draft.dump" | sed "s/\.$name\.draft/$name/") >"$draft.sha256"
sync "$draft.dump" "$draft.rows" "$draft.sha256"
mv "$draft.rows" "$backups/$name.rows"
mv "$draft.sha256" "$backups/$name.sha256"
mv "$draft.dump" "$backups/$name.dump"   # last, so that an existing dump is complete

find "$backups" -maxdepth 1 -name "$PGDATABASE-*" -mtime "+$keep_days" ! -name "$name.*" -delete

tell "backup_$PGDATABASE" <<END
# HELP cortex_backup_success_timestamp_seconds When the last successful backup started.
# TYPE cortex_backup_success_timestamp_seconds gauge
cortex_backup_success_timestamp_seconds{database="$PGDATABASE"} $started
# HELP cortex_backup_size_bytes Size of the last successful backup.
# TYPE cortex_backup_size_bytes gauge
cortex_backup_size_bytes{database="$PGDATABASE"} $size
# HELP cortex_backup_duration_seconds Duration of the last successful backup.
# TYPE cortex_backup_duration_seconds gauge
cortex_backup_duration_seconds{database="$PGDATABASE"} $(($(date +%s) - started))
END
echo "backup: $name.dump, $size bytes, $(grep -c '^rows ' "$backups/$name.rows") tables"
