#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'END'
Usage: ./run.sh [CAPTURE] [options] [-- OPTIONS OF takt splat train]

Installs what is missing, builds Takt, and reconstructs CAPTURE as a 3-D splat file that never exceeds a byte budget.
Without CAPTURE it first makes one: a procedurally modelled factory cell, photographed by 40 posed cameras.

  CAPTURE             a folder with a COLMAP model or a transforms.json, and its photos
  --max-bytes SIZE    the budget                     (default 2MB)
  --minutes M         training time                  (default 10; 4 for the cell)
  --out DIR           where the results go           (default out/NAME-OF-CAPTURE here)
  --help              this text

Example: ./run.sh ../shared/data/splat/fox --max-bytes 1MB --minutes 10
END
}

usage_error() {
  echo "takt: error: run.sh: $1" >&2
  echo "  hint: ./run.sh --help" >&2
  exit 2
}

capture='' out='' max_bytes=2MB minutes=
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help)
      usage
      exit 0
      ;;
    --max-bytes | --minutes | --out)
      [ $# -ge 2 ] || usage_error "$1 needs a value"
      case "$1" in
        --max-bytes) max_bytes=$2 ;;
        --minutes) minutes=$2 ;;
        --out) out=$2 ;;
      esac
      shift 2
      ;;
    --)
      shift
      break
      ;;
    -*) usage_error "unknown option $1" ;;
    *)
      [ -z "$capture" ] || usage_error "one capture at a time (got '$capture' and '$1')"
      capture=$1
      shift
      ;;
  esac
done
if [ -n "$capture" ] && [ ! -e "$capture" ]; then
  echo "takt: error: $capture: does not exist" >&2
  echo "  hint: name a folder with a COLMAP model or a transforms.json" >&2
  exit 3
fi

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=scripts/setup.sh
. "$root/scripts/setup.sh"
# shellcheck source=scripts/build.sh
. "$root/scripts/build.sh"
takt_setup
takt_build "$root" takt
takt=$root/build/release/bin/takt

if [ -n "$capture" ]; then
  name=$(realpath -- "$capture")
  [ -d "$name" ] || name=$(dirname -- "$name")
  name=$(basename -- "$name")
  : "${out:="$root/out/$name"}"
  : "${minutes:=10}"
else
  : "${out:="$root/out/cell"}"
  : "${minutes:=4}"
  capture=$out/capture
  "$takt" capture cell --out "$capture" >/dev/null  # leaves a complete one as it is
fi
mkdir -p -- "$out"
"$takt" splat train "$capture" --out "$out/scene.tks" --max-bytes "$max_bytes" --minutes "$minutes" --downscale 0 \
  --report "$out/report.html" "$@"
echo "takt: the splats are in $out/scene.tks"
echo "takt: the report is in $out/report.html"
