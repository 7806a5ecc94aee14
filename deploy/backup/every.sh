#!/usr/bin/env bash
# Runs a command whenever its last success is older than so many hours; after a failure again in 15 minutes.
# Usage: every.sh HOURS FILE COMMAND…, where FILE is what the command writes when it succeeds.
set -u
trap exit TERM INT

hours=$1 file=$2
shift 2
while true; do
    pause=60
    if [ -z "$(find "$file" -mmin "-$((hours * 60))" 2>/dev/null)" ]; then
        "$@" || pause=900
    fi
    # In the background, so that a signal to stop is heard at once.
    sleep "$pause" & wait $!
done
