#!/bin/sh
# Writes the part of the configuration that depends on the environment, and starts nginx.
set -eu

refuse() {
    echo "Invalid $1 \"$2\": use $3." >&2
    exit 1
}

# The site reads the same two variables (cortex/settings.py).
seconds=${HSTS_SECONDS:-31536000}
case $seconds in
    *[!0-9]*) refuse HSTS_SECONDS "$seconds" "a whole number, 0 or more" ;;
esac
case $(printf %s "${HSTS_SUBDOMAINS:-true}" | tr A-Z a-z) in
    1 | true | yes | on) subdomains="; includeSubDomains" ;;
    0 | false | no | off) subdomains= ;;
    *) refuse HSTS_SUBDOMAINS "$HSTS_SUBDOMAINS" "true or false" ;;
esac
seconds=$(printf %s "$seconds" | sed 's/^0*//')
if [ "$seconds" ]; then
    echo "add_header Strict-Transport-Security \"max-age=$seconds$subdomains\" always;" >/tmp/hsts.conf
else
    : >/tmp/hsts.conf
fi

exec nginx -c /etc/nginx/nginx.conf -g "daemon off;"
