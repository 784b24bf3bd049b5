#!/bin/sh
# All checks and tests, after the set-up they need. `npm test -- unit` runs one part (see test.ts).
set -eu
cd -- "$(dirname -- "$(readlink -f -- "$0")")/.."
./scripts/setup.sh >&2
./scripts/services.sh >&2
PATH="$PWD/node_modules/.bin:$PATH" exec node_modules/.bin/node scripts/test.ts "$@"
