#!/usr/bin/env bash
# One dump of the database that PG* name (PGDATABASE: cortex), and beside it how many rows each table had at that moment.
#
# A dump takes the place of nothing until it is whole, can be read, and is not suspiciously small; only then do old
# ones go. Not through PgBouncer: a dump is one long session.
#   BACKUP_DIR        where the dumps go (/backups)
#   METRICS_DIR       where node_exporter reads (/metrics)
#   BACKUP_KEEP_DAYS  how long they are kept (14)
#   BACKUP_LEAST      the smallest part of the last dump's size that is believed, in percent (50)
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
# One at a time, so that drafts which are there are of one that was killed.
exec {lock}>"$backups/.$PGDATABASE.lock"
flock --nonblock "$lock" || fail "another one of $PGDATABASE is running"
rm -f "$backups/.$PGDATABASE-"*.draft.*
trap 'rm -f "$draft".*' EXIT
trap 'exit 143' TERM INT
trap '' PIPE # a session that is gone is told below
started=$(date +%s)

# One snapshot for the dump and the counts: they agree whatever is written meanwhile.
coproc SESSION { exec psql --no-psqlrc --quiet --no-align --tuples-only --field-separator=' ' --set ON_ERROR_STOP=1; }
session_pid=$SESSION_PID
exec {answers}<&"${SESSION[0]}" {questions}>&"${SESSION[1]}"
# It is idle for as long as the dump takes.
echo "SET idle_in_transaction_session_timeout = 0;
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot();" >&"$questions" || true
IFS= read -r -t 60 snapshot <&"$answers" || fail "the database does not give a snapshot; is ${PGHOST:-it} reachable?"

dumped=yes
# The site has no large objects, and one that somebody else has made could not be read: no dump would succeed.
pg_dump --format=custom --compress=6 --snapshot="$snapshot" --no-large-objects --no-owner --no-privileges --file="$draft.dump" || dumped=no
# A dump reads every row, so whatever page does not match its checksum has been found by now.
failures=$(psql --no-psqlrc --no-align --tuples-only --command "SELECT coalesce(sum(checksum_failures), 0) FROM pg_stat_database")
[ "$PGDATABASE" != cortex ] || tell checksums <<END
# HELP cortex_checksum_failures Pages that did not match their checksums, since the statistics began.
# TYPE cortex_checksum_failures gauge
cortex_checksum_failures ${failures:-0}
END
[ "$dumped" = yes ] || fail "pg_dump failed; the dumps before are kept"
{ cat "$here/count_rows.sql" && echo "COMMIT;" && echo '\q'; } >&"$questions" \
    || fail "the session that has the snapshot is gone; the dumps before are kept"
exec {questions}>&-
cat <&"$answers" >"$draft.rows"
wait "$session_pid" || fail "the rows could not be counted; the dumps before are kept"

pg_restore --list "$draft.dump" >/dev/null || fail "the dump cannot be read; the dumps before are kept"
[ -s "$draft.rows" ] || fail "no table was counted; the dumps before are kept"
size=$(stat --format=%s "$draft.dump")
last=$(find "$backups" -maxdepth 1 -name "$PGDATABASE-*.dump" | sort | tail -n 1)
if [ -n "$last" ]; then
    last_size=$(stat --format=%s "$last")
    [ $((size * 100)) -ge $((last_size * least)) ] \
        || fail "the dump has $size bytes, the last one $last_size; the dumps before are kept. BACKUP_LEAST=0 if that is right"
fi

(cd "$backups" && sha256sum ".$name.draft.dump" | sed "s/\.$name\.draft/$name/") >"$draft.sha256"
sync "$draft.dump" "$draft.rows" "$draft.sha256"
mv "$draft.rows" "$backups/$name.rows"
mv "$draft.sha256" "$backups/$name.sha256"
mv "$draft.dump" "$backups/$name.dump"   # last: a dump that is there is complete

find "$backups" -maxdepth 1 -name "$PGDATABASE-*" -mtime "+$keep_days" ! -name "$name.*" -delete

tell "backup_$PGDATABASE" <<END
# HELP cortex_backup_success_timestamp_seconds When the last good backup was begun.
# TYPE cortex_backup_success_timestamp_seconds gauge
cortex_backup_success_timestamp_seconds{database="$PGDATABASE"} $started
# HELP cortex_backup_size_bytes Its size.
# TYPE cortex_backup_size_bytes gauge
cortex_backup_size_bytes{database="$PGDATABASE"} $size
# HELP cortex_backup_duration_seconds How long it took.
# TYPE cortex_backup_duration_seconds gauge
cortex_backup_duration_seconds{database="$PGDATABASE"} $(($(date +%s) - started))
END
echo "backup: $name.dump, $size bytes, $(grep -c '^rows ' "$backups/$name.rows") tables"
