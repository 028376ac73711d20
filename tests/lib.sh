# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by the script tests. Every test works in $work, a folder of its own with a space in its name.
set -euo pipefail

work="$(mktemp -d)/a b"
mkdir "$work"
trap 'rm -rf -- "${work%/*}"' EXIT
status=0
failures=0

fail() {
  echo "FAIL: $*" >&2
  failures=$((failures + 1))
}

# run COMMAND...: leaves its output in $work/out and $work/err, and its exit status in $status.
run() {
  status=0
  "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

# expect_status STATUS WHAT
expect_status() {
  [ "$status" -eq "$1" ] && return
  fail "$2: exit status $status, expected $1"
  sed 's/^/  | /' "$work/out" "$work/err" >&2
}

# expect_line FILE REGEX WHAT: some line of $work/FILE matches the extended regular expression.
expect_line() {
  grep -Eq -- "$2" "$work/$1" && return
  fail "$3: no line of std$1 matches: $2"
  sed 's/^/  | /' "$work/$1" >&2
}

# expect_empty FILE WHAT
expect_empty() {
  [ ! -s "$work/$1" ] && return
  fail "$2: std$1 should be empty"
  sed 's/^/  | /' "$work/$1" >&2
}

# Every test script ends with it.
finish() {
  if [ "$failures" -gt 0 ]; then
    echo "$failures expectations failed" >&2
    exit 1
  fi
}

# subcommands TAKT GROUP...: the names under "Subcommands:" in the help.
subcommands() {
  "$@" --help | sed -n '/^Subcommands:/,$s/^  \([a-z]\{1,\}\).*/\1/p'
}
