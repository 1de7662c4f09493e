#!/bin/sh
# Runs once, when the server's data is made: a database and a login for each service, closed to the other services.
set -eu

make_database() {
    psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres --set name="$1" --set password="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

make_database cases "$W4R_CASES_DATABASE_PASSWORD"
make_database actions "$W4R_ACTIONS_DATABASE_PASSWORD"
make_database delivery "$W4R_DELIVERY_DATABASE_PASSWORD"
