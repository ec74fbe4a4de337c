#!/bin/sh
# Makes the secrets of a compose deployment once, from the system's randomness, and never changes any.
#
# The folder is 0700, so nobody else of this machine gets at a file in it. The files themselves are readable without
# being owned: compose mounts each one alone into the containers that need it, and those run as three different users.
set -eu
umask 077

services="registry visits payments alerts"
root="$(dirname "$0")/secrets"
draft="$root.draft"

if [ -e "$root" ]; then
    echo "$root is there already. Its keys open the personal data of this deployment, so nothing was changed." >&2
    exit 1
fi

secret() {
    mkdir -p "$draft/$(dirname "$1")"
    # 32 random bytes as hex: nothing that a URL, JAAS or SQL would have to escape.
    od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' >"$draft/$1"
    chmod 0444 "$draft/$1"
}

rm -rf "$draft"
mkdir "$draft"
secret postgres.password
secret platform.token
for key in master lookup identity; do secret "keys/$key.key"; done
for user in admin ops $services; do secret "kafka/$user.password"; done
for service in $services; do
    secret "database/$service.password"
    secret "database/${service}_migrator.password"
done
# In one step: a half-made folder never looks like a whole one.
mv "$draft" "$root"
echo "$root is made. Keep a copy of $root/keys in a safe place: without it no sealed record can be read again."
