#!/usr/bin/env bash
# Runs a command when its last success is HOURS old; retries 15 minutes after a failure.
# Usage: every.sh HOURS FILE COMMAND…, where the command writes FILE when it succeeds.
set -um
# `-m`: each child leads its own process group. A stop signal is passed on to that group; then we wait for its end.
trap 'kill -TERM -- "-$!"; wait "$!"; exit' TERM INT

hours=$1 file=$2
shift 2
while true; do
    pause=60
    if [ -z "$(find "$file" -mmin "-$((hours * 60))" 2>/dev/null)" ]; then
        # In the background, so that a signal is handled at once.
        "$@" & wait "$!" || pause=900
    fi
    sleep "$pause" & wait "$!"
done
