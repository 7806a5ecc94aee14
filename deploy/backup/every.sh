#!/usr/bin/env bash
# Runs a command whenever its last success is older than so many hours; after a failure again in 15 minutes.
# Usage: every.sh HOURS FILE COMMAND…, where FILE is what the command writes when it succeeds.
set -um
# `-m`: each child leads a group of its own. Whoever is told to stop passes it on to the whole group, and waits for its end.
trap 'kill -TERM -- "-$!"; wait "$!"; exit' TERM INT

hours=$1 file=$2
shift 2
while true; do
    pause=60
    if [ -z "$(find "$file" -mmin "-$((hours * 60))" 2>/dev/null)" ]; then
        # In the background, so that a signal is heard at once.
        "$@" & wait "$!" || pause=900
    fi
    sleep "$pause" & wait "$!"
done
