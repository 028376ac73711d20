#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'END'
Usage: ./test.sh [--slow] [--filter REGEX]

Installs what is missing, checks the layers, builds everything and runs the tests.

  --slow           the tests labelled slow as well
  --filter REGEX   only the tests whose name matches, e.g. --filter '^splat/codec/'
  --help           this text
END
}

slow='' filter=''
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help)
      usage
      exit 0
      ;;
    --slow) slow=1 ;;
    --filter)
      if [ $# -lt 2 ]; then
        echo "takt: error: test.sh: --filter needs a regular expression" >&2
        exit 2
      fi
      filter=$2
      shift
      ;;
    *)
      echo "takt: error: test.sh: unknown argument $1" >&2
      echo "  hint: ./test.sh --help" >&2
      exit 2
      ;;
  esac
  shift
done

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=scripts/setup.sh
. "$root/scripts/setup.sh"
# shellcheck source=scripts/build.sh
. "$root/scripts/build.sh"
takt_setup
"$root/scripts/check_layers.sh" "$root"
takt_build "$root" all

arguments=(--test-dir "$root/build/release" --output-on-failure --no-tests=error -j2)
[ -n "$slow" ] || arguments+=(--label-exclude '^slow$')
[ -z "$filter" ] || arguments+=(--tests-regex "$filter")
ctest "${arguments[@]}"
