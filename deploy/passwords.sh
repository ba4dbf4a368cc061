#!/bin/sh
# Runs when PostgreSQL makes its cluster, and before each migration: give the four roles their passwords.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set owner="$CSOC_OWNER_PASSWORD" --set app="$CSOC_APP_PASSWORD" --set sequencer="$CSOC_SEQUENCER_PASSWORD" \
    --set publisher="$CSOC_PUBLISHER_PASSWORD" <<'SQL'
ALTER ROLE csoc_owner PASSWORD :'owner';
ALTER ROLE csoc_app PASSWORD :'app';
ALTER ROLE csoc_sequencer PASSWORD :'sequencer';
ALTER ROLE csoc_publisher PASSWORD :'publisher';
ALTER DATABASE csoc OWNER TO csoc_owner;
SQL
