#!/bin/bash
# Keycloak knows no files for secrets, so they become variables here, of this process alone.
set -euo pipefail

KC_DB_PASSWORD=$(</run/secrets/database_keycloak_password)
KC_BOOTSTRAP_ADMIN_PASSWORD=$(</run/secrets/keycloak_admin_password)
KEYCLOAK_CLIENT_SECRET=$(</run/secrets/keycloak_client_secret)
export KC_DB_PASSWORD KC_BOOTSTRAP_ADMIN_PASSWORD KEYCLOAK_CLIENT_SECRET
# A realm that is there already is left as it is.
exec /opt/keycloak/bin/kc.sh start --optimized --import-realm
