#!/bin/sh
# Makes the secrets that docker-compose.yml reads, one file each. Files that are there stay as they
# are, so it can be run again, and your own values can be put in place before or after.
#
#     deploy/compose/make-secrets.sh [FOLDER]      (default: deploy/compose/secrets)
set -eu

folder=${1:-$(dirname "$0")/secrets}

random_hex() {
  od -An -N 24 -t x1 /dev/urandom | tr -d ' \n'
}

# 32 bytes in URL-safe base64, as `hookline accounts new-key` makes them.
random_key() {
  head -c 32 /dev/urandom | base64 | tr '+/' '-_'
}

# keep NAME VALUE: writes a secret that is not there yet.
keep() {
  if [ -e "$folder/$1" ]; then
    echo "kept $folder/$1"
  else
    printf '%s\n' "$2" >"$folder/$1.new"
    # Containers read it as a user of their own; the folder keeps other people of this machine out.
    chmod 0444 "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
    echo "made $folder/$1"
  fi
}

umask 077
mkdir -p "$folder"
chmod 0700 "$folder"

keep app_secrets "1000000000000001:$(random_hex)"
keep verify_token "$(random_hex)"
keep vault_keys "$(random_key)"
keep postgres_password "$(random_hex)"
keep database_url "postgresql://hookline:$(cat "$folder/postgres_password")@postgres:5432/hookline"
