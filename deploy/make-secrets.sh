#!/bin/sh
# Makes the secrets of docker-compose.yml in deploy/secrets/, each a random one, and prints none of them. One that is
# there already stays; to change one, delete its file and run this again (deploy/README.md, "Secrets").
set -eu
umask 077

folder=${1:-$(dirname "$0")/secrets}
# The user that all containers run as: the files are readable by nobody else.
user=1000

# 32 random bytes as digits and letters, so nothing has to be escaped anywhere.
random() {
  od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

# Writes standard input to a file that gets its name when it is whole.
write() {
  cat > "$folder/$1.new"
  chmod 600 "$folder/$1.new"
  mv "$folder/$1.new" "$folder/$1"
  echo "$folder/$1: made"
}

mkdir -p "$folder"
chmod 700 "$folder"

for name in nats_password elastic_password; do
  if [ -s "$folder/$name" ]; then echo "$folder/$name: is there, stays"; else random | write "$name"; fi
done

# What the NATS server reads is made of the password that the services read.
printf 'users: [{ user: "ditag", password: "%s" }]\n' "$(cat "$folder/nats_password")" | write nats_users.conf

if [ "$(id -u)" -eq 0 ]; then
  chown -R "$user" "$folder"
elif [ "$(id -u)" -ne "$user" ]; then
  echo "The containers run as user $user, you are $(id -u). On Linux run this with sudo, so that they can read the files." >&2
fi
