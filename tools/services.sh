#!/usr/bin/env bash
# Installs programs that some tests start: PostgreSQL, MariaDB and Chromium, from the Linux distribution.
# Without apt or root rights it only prints a message; the tests that need the programs are then skipped.
set -euo pipefail

readonly CHROMIUM="chromium chromium-browser google-chrome"

has_any() { for name in "$@"; do if command -v "$name" >/dev/null; then return 0; fi; done; return 1; }

missing=()
# shellcheck disable=SC2086
has_any $CHROMIUM || missing+=(chromium)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || has_any initdb || missing+=(postgresql)
has_any mariadbd mysqld /usr/sbin/mariadbd || missing+=(mariadb-server)
[ "${#missing[@]}" -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "services: not installed: ${missing[*]} (needs apt-get as root); tests that need them are skipped" >&2
  exit 0
fi
echo "services: installing ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The tests start the servers themselves, on loopback; they must not run as services of this host.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
{ apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 ||
  { tail -n 20 "$log" >&2; echo "services: could not be installed; tests that need them are skipped" >&2; }
