#!/bin/sh
# Brings a checkout to the state in which Pharos runs: dependencies installed, kernels and page built. Does nothing
# where all is up to date. Needs an older Node with npm only for the installation; everything else runs on the Node 26
# that the dependencies bring.
set -eu
cd -- "$(dirname -- "$(readlink -f -- "$0")")/.."
mkdir -p .setup

# Two starts at the same time must not install over each other.
if command -v flock >/dev/null 2>&1; then
  exec 9>.setup/lock
  flock 9
fi

manifests() {
  cat package-lock.json package.json packages/*/package.json | cksum
}

# True where a file below the folders named after it is newer than the first argument, or that does not exist.
stale() {
  built=$1
  shift
  [ ! -e "$built" ] || [ -n "$(find "$@" -type f -newer "$built" 2>/dev/null | head -n 1)" ]
}

if [ ! -x node_modules/.bin/node ] || [ "$(cat .setup/installed 2>/dev/null)" != "$(manifests)" ]; then
  if ! command -v npm >/dev/null 2>&1; then
    echo "pharos: npm is needed to install the dependencies and was not found; install Node.js with npm first" >&2
    exit 1
  fi
  echo "pharos: installing dependencies (once) …"
  npm ci --loglevel=error --no-fund --no-audit
  manifests >.setup/installed
fi

if stale packages/kernels/build/kernels.wasm packages/kernels/as packages/kernels/scripts .setup/installed; then
  echo "pharos: building the kernels …"
  node_modules/.bin/node packages/kernels/scripts/build.ts
fi

if stale packages/web/dist/index.html packages/web/src packages/web/index.html packages/web/vite.config.ts \
  packages/base/src packages/api/src packages/alert/src packages/promql/src/syntax .setup/installed; then
  echo "pharos: building the page …"
  PATH="$PWD/node_modules/.bin:$PATH" npm run --silent build -w packages/web -- --logLevel warn
fi
