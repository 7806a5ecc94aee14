#!/bin/sh
# Creates missing secrets and keeps existing ones. Usage: deploy/secrets/make.sh [FOLDER]
#
# Reads SECRETS_DIR, CORTEX_DOMAIN and S3_BUCKET from the environment, or else from `.env`, as docker compose does.
#
# Everybody may read the files, because the containers run as different accounts. But only the owner may enter the
# folder: Docker mounts single files, and nobody else on this machine can reach them.
set -eu

of_env() { [ ! -f .env ] || sed -n "s/^$1=//p" .env | tail -n 1 | tr -d "\"'\r"; }
folder=${1:-${SECRETS_DIR:-$(of_env SECRETS_DIR)}}
folder=${folder:-secrets}
domain=${CORTEX_DOMAIN:-$(of_env CORTEX_DOMAIN)}
domain=${domain:-localhost}
bucket=${S3_BUCKET:-$(of_env S3_BUCKET)}
bucket=${bucket:-cortex}
# The name becomes part of a list of rights, in which "*" would mean every bucket.
case $bucket in
    *[!A-Za-z0-9._-]*) echo "Invalid S3_BUCKET \"$bucket\": use letters, digits, dots and hyphens." >&2; exit 1 ;;
esac
umask 077
mkdir -p "$folder"
chmod 700 "$folder"
cd "$folder"

random() { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c "$1"; }
keep() {
    [ -s "$1" ] || { cat >"$1.draft"; mv "$1.draft" "$1"; echo "created $1"; }
    chmod 644 "$1"
}
digest() { printf %s "$(cat "$1")" | sha256sum | cut -d' ' -f1; }

random 64 | keep secret_key
for name in postgres_password database_password database_web_password database_backup_password \
    database_exporter_password database_keycloak_password pgbouncer_stats_password \
    redis_cache_password redis_sessions_password redis_exporter_password \
    metrics_token s3_secret_key s3_admin_secret_key keycloak_admin_password keycloak_client_secret grafana_admin_password; do
    random 40 | keep "$name"
done
for name in s3_access_key s3_admin_access_key; do
    random 20 | tr a-z A-Z | keep "$name"
done
printf 'whsec_%s' "$(head -c 32 /dev/urandom | base64 | tr -d '\n')" | keep alert_webhook_secret

# -- secrets that others issue: empty until you fill them in; their features are off until then
for name in google_client_secret okta_oidc_client_secret legacy_database_password email_host_password alert_webhook_url; do
    [ -e "$name" ] || : >"$name"
    chmod 644 "$name"
done

# -- files made from the secrets above: written each time, so that a changed secret arrives everywhere
fresh() { cat >"$1.draft"; mv "$1.draft" "$1"; chmod 644 "$1"; }

fresh pgbouncer_users <<END
"cortex_web" "$(cat database_web_password)"
"pgbouncer_stats" "$(cat pgbouncer_stats_password)"
END
for kind in cache sessions; do
    # The site may use its data, but may not stop, empty or list a whole server.
    fresh "redis_${kind}_acl" <<END
user default off resetpass -@all
user cortex on #$(digest "redis_${kind}_password") ~* &* +@all -@admin -@dangerous +info
user exporter on #$(digest redis_exporter_password) -@all +ping +info +client|setname +client|list +config|get +slowlog|len +latency|latest +latency|histogram +dbsize
user health on nopass -@all +ping
END
done
fresh redis_exporter_passwords <<END
{"redis://redis-cache:6379": "$(cat redis_exporter_password)", "redis://exporter@redis-cache:6379": "$(cat redis_exporter_password)",
 "redis://redis-sessions:6379": "$(cat redis_exporter_password)", "redis://exporter@redis-sessions:6379": "$(cat redis_exporter_password)"}
END
# The site may use the objects of its bucket; the account that creates the bucket may do everything.
fresh seaweedfs_identities <<END
{"identities": [
  {"name": "cortex", "credentials": [{"accessKey": "$(cat s3_access_key)", "secretKey": "$(cat s3_secret_key)"}],
   "actions": ["Read:$bucket", "Write:$bucket", "List:$bucket", "Tagging:$bucket"]},
  {"name": "admin", "credentials": [{"accessKey": "$(cat s3_admin_access_key)", "secretKey": "$(cat s3_admin_secret_key)"}],
   "actions": ["Admin"]}]}
END

if [ ! -s tls_certificate ] || [ ! -s tls_key ]; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj "/CN=$domain" -addext "subjectAltName=DNS:$domain" \
        -keyout tls_key -out tls_certificate 2>/dev/null
    echo "created a self-signed tls_certificate and tls_key: replace them with your own"
fi
chmod 644 tls_certificate tls_key
# SeaweedFS' gRPC accepts clients whose certificate this key has signed. It signs none, so there are no such clients.
if [ ! -s seaweedfs_grpc_certificate ] || [ ! -s seaweedfs_grpc_key ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj /CN=seaweedfs \
        -keyout seaweedfs_grpc_key -out seaweedfs_grpc_certificate 2>/dev/null
    echo "created seaweedfs_grpc_certificate and seaweedfs_grpc_key"
fi
chmod 644 seaweedfs_grpc_certificate seaweedfs_grpc_key
