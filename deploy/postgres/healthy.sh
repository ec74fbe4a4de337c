#!/bin/sh
# Whether a login is let in and a statement is answered. By TCP: while the cluster is made the first time, a server that
# nobody may use yet listens on the socket.
set -eu
PGPASSWORD="$(cat /run/secrets/postgres.password)" PGCONNECT_TIMEOUT=3
export PGPASSWORD PGCONNECT_TIMEOUT
[ "$(psql -h 127.0.0.1 -U postgres -d postgres -qtAXc 'SELECT 1')" = 1 ]
