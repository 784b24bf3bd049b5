#!/bin/sh
# Fetches the Debian programs that tests and benchmarks run against, if they are missing: unpacked into .setup/debian,
# never installed as services. A browser has too many parts for that and is installed, which takes root. What cannot be
# had is named here; the tests that need it say so and are skipped.
set -eu
cd -- "$(dirname -- "$(readlink -f -- "$0")")/.."
target=.setup/debian
mkdir -p "$target"

has() {
  command -v "$1" >/dev/null 2>&1 || [ -x "$target/usr/bin/$1" ]
}

missing() {
  echo "tests: $1 is missing ($2); the tests that need it are skipped by name" >&2
}

if ! command -v apt-get >/dev/null 2>&1; then
  missing "Debian's package manager" "no apt-get here"
  exit 0
fi

updated=false
update() {
  if [ "$updated" = false ] && [ "$(id -u)" = 0 ]; then
    apt-get update -qq >/dev/null 2>&1 || true
  fi
  updated=true
}

fetch() { # program package
  has "$1" && return 0
  update
  echo "tests: fetching Debian's $2 …"
  folder=$(mktemp -d)
  # apt's download helper has a user of its own that must be able to write here.
  chmod 777 "$folder"
  if (cd "$folder" && apt-get download -qq "$2" >/dev/null 2>&1); then
    for file in "$folder"/*.deb; do dpkg-deb -x "$file" "$target"; done
  else
    missing "$1" "Debian's package $2 could not be fetched"
  fi
  rm -rf "$folder"
}

fetch prometheus prometheus
fetch prometheus-node-exporter prometheus-node-exporter
fetch victoria-metrics victoria-metrics
fetch prometheus-alertmanager prometheus-alertmanager
# It looks for its templates at one place only.
templates=usr/share/prometheus/alertmanager
if [ ! -e "/$templates" ] && [ -d "$target/$templates" ] && [ "$(id -u)" = 0 ]; then
  mkdir -p "/${templates%/*}" && ln -sfn "$PWD/$target/$templates" "/$templates"
fi

# PostgreSQL's programs are in a folder of their version, and what they load is unpacked beside them where it is missing.
fetch_postgres() {
  for program in /usr/lib/postgresql/*/bin/initdb "$target"/usr/lib/postgresql/*/bin/initdb; do
    [ -x "$program" ] && return 0
  done
  update
  server=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: \(postgresql-[0-9]*\)$/\1/p' | head -n 1)
  if [ -z "$server" ]; then
    missing initdb "Debian's package postgresql is not known"
    return 0
  fi
  echo "tests: fetching Debian's $server …"
  # Without the compiler of queries, which is ten times the rest and which short queries do not use.
  libraries=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances "$server" | grep -E '^lib' | grep -vE '^lib(llvm|c6|gcc|stdc|perl|z3)' | sort -u)
  wanted="$server postgresql-client-${server#postgresql-}"
  for library in $libraries; do
    dpkg-query -W "$library" >/dev/null 2>&1 || wanted="$wanted $library"
  done
  folder=$(mktemp -d)
  chmod 777 "$folder"
  # shellcheck disable=SC2086
  if (cd "$folder" && apt-get download -qq $wanted >/dev/null 2>&1); then
    for file in "$folder"/*.deb; do dpkg-deb -x "$file" "$target"; done
  else
    missing initdb "Debian's package $server could not be fetched"
  fi
  rm -rf "$folder"
}
fetch_postgres

# The mail server, and the one library of it that not every Debian has.
if ! command -v exim4 >/dev/null 2>&1 && [ ! -x "$target/usr/sbin/exim4" ]; then
  fetch exim4 exim4-daemon-light
  fetch libidn.so.12 libidn12
fi

if ! command -v chromium >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ]; then
    update
    echo "tests: installing Debian's chromium …"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 ||
      missing chromium "its installation failed"
  else
    missing chromium "installing it takes root"
  fi
fi
