#!/usr/bin/env bash
# Starts PostgreSQL in the base image of docker/base-image.sh, as the official image's script of this name would:
# the same variables, the same first start. The official image keeps its own.
set -euo pipefail

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
if [ "${1:0:1}" = - ]; then set -- postgres "$@"; fi
if [ "$1" != postgres ]; then exec "$@"; fi

if [ "$(id -u)" = 0 ]; then # the server refuses root
    install --directory --owner=postgres --group=postgres --mode=700 "$PGDATA"
    install --directory --owner=postgres --group=postgres --mode=3777 /var/run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    : "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD}"
    initdb --username="$user" --pwfile=<(echo "$POSTGRES_PASSWORD") --auth-local=trust --auth-host=scram-sha-256
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    # On its socket alone: who waits for the port must not meet this server.
    pg_ctl start --wait --options="-c listen_addresses=''"
    if [ "$database" != postgres ]; then createdb --username="$user" "$database"; fi
    for file in /docker-entrypoint-initdb.d/*.sql; do
        if [ -e "$file" ]; then psql --no-psqlrc --set=ON_ERROR_STOP=1 -U "$user" -d "$database" --file="$file"; fi
    done
    pg_ctl stop --wait --mode=fast
fi
exec "$@"
