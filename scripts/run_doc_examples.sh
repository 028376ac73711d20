#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the examples of the user guide, so that they cannot grow old.
#
#   scripts/run_doc_examples.sh TAKT PAGE.md...    runs them with the program TAKT; status 1 if one fails
#   scripts/run_doc_examples.sh --print PAGE.md... prints what would run
#
# An example is a fenced ```bash block under a line <!-- test -->. The blocks of a page run in order in one empty folder
# that holds a tiny capture in `capture`. A block that cannot run in a test says why: <!-- no test: reason -->.
set -euo pipefail

usage() {
  sed -n '3,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit "$1"
}

# extract PAGE FOLDER: writes the examples of the page as FOLDER/LINE.sh, LINE of the page padded to sort.
extract() {
  awk -v folder="$2" '
    /^```/ && inside { inside = 0; if (out != "") close(out); out = ""; next }
    inside { if (out != "") print > out; next }
    /^```bash/ {
      inside = 1
      if (mark == "test") {
        out = sprintf("%s/%05d.sh", folder, NR + 1)
        printf "" > out
      } else if (mark == "") {
        printf "%s:%d: a bash block needs <!-- test --> or <!-- no test: reason --> above it\n", FILENAME, NR > "/dev/stderr"
        bad = 1
      }
      mark = ""
      next
    }
    /^```/ { inside = 1; next }
    /^<!-- test -->$/ { mark = "test"; next }
    /^<!-- no test: .+ -->$/ { mark = "none"; next }
    { mark = "" }
    END { exit bad }
  ' "$1"
}

[ $# -ge 1 ] || usage 2
[ "$1" != --help ] || usage 0
[ $# -ge 2 ] || usage 2
takt=$1
shift
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
if [ "$takt" != --print ]; then
  takt=$(realpath -- "$takt")
  PATH=$(dirname -- "$takt"):$PATH
  "$takt" --quiet capture cell --out "$work/capture" --cameras 12 --width 96 --height 72 >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
  }
fi

failures=0
ran=0
page_number=0
for page in "$@"; do
  page_number=$((page_number + 1))
  blocks=$work/blocks$page_number
  folder=$work/page$page_number
  mkdir "$blocks" "$folder"
  extract "$page" "$blocks" || failures=$((failures + 1))
  [ ! -d "$work/capture" ] || cp -r "$work/capture" "$folder"
  for block in "$blocks"/*.sh; do
    [ -e "$block" ] || continue
    line=$((10#$(basename -- "$block" .sh)))
    if [ "$takt" = --print ]; then
      cat "$block"
    elif (cd "$folder" && bash -euo pipefail "$block") >"$work/log" 2>&1 </dev/null; then
      ran=$((ran + 1))
    else
      echo "$page:$line: the example failed with status $?" >&2
      sed 's/^/  | /' "$work/log" >&2
      failures=$((failures + 1))
      break  # later blocks of the page build on this one
    fi
  done
done
[ "$takt" = --print ] || echo "$ran examples ran, $failures failed"
[ "$failures" -eq 0 ]
