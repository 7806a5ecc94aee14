#!/bin/bash
# Starts Keycloak. It cannot read secrets from files, so this script sets variables, for this process only.
set -euo pipefail

KC_DB_PASSWORD=$(</run/secrets/database_keycloak_password)
KC_BOOTSTRAP_ADMIN_PASSWORD=$(</run/secrets/keycloak_admin_password)
KEYCLOAK_CLIENT_SECRET=$(</run/secrets/keycloak_client_secret)
export KC_DB_PASSWORD KC_BOOTSTRAP_ADMIN_PASSWORD KEYCLOAK_CLIENT_SECRET
# Does not change an existing realm.
exec /opt/keycloak/bin/kc.sh start --optimized --import-realm
