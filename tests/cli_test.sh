#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a user meets before any verb does its work: help, usage errors, error lines, exit statuses, JSON.
# shellcheck source=tests/lib.sh
. "$(dirname -- "$0")/lib.sh"
takt=$1
parse_json=$2  # exits 0 if stdin is one JSON document and every "key=value" argument holds in it

# expect_json STATUS WHAT KEY=VALUE...: one document on stdout, nothing on stderr.
expect_json() {
  local wanted=$1 what=$2
  shift 2
  expect_status "$wanted" "$what"
  expect_empty err "$what"
  "$parse_json" "$@" <"$work/out" || fail "$what: not the document that was expected"
}

run "$takt" --version
expect_status 0 "--version"
expect_line out '^takt [0-9]+\.[0-9]+\.[0-9]+$' "--version"

helps=(--help)
for group in $(subcommands "$takt"); do
  helps+=("$group --help")
  for verb in $(subcommands "$takt" "$group"); do helps+=("$group $verb --help"); done
done
[ "${#helps[@]}" -ge 3 ] || fail "takt --help lists next to nothing"
for arguments in "${helps[@]}"; do
  # shellcheck disable=SC2086  # words on purpose
  run "$takt" $arguments
  expect_status 0 "$arguments"
  expect_line out '^Usage: takt' "$arguments"
  expect_empty err "$arguments"
done

run "$takt"
expect_status 2 "no verb"
expect_line err '^takt: error: takt: a verb is missing$' "no verb"
run "$takt" capturr
expect_status 2 "a mistyped group"
expect_line err "^  hint: did you mean 'capture'\?$" "a mistyped group"
run "$takt" capture nfo x
expect_status 2 "a mistyped verb"
expect_line err "^takt: error: takt capture: unknown verb 'nfo'$" "a mistyped verb"
expect_line err "^  hint: did you mean 'info'\?$" "a mistyped verb"
expect_empty out "a mistyped verb"
run "$takt" capture info
expect_status 2 "a missing argument"
expect_line err '^takt: error: takt capture info: PATH is required$' "a missing argument"
run "$takt" capture info . --bogus
expect_status 2 "an unknown option"
expect_line err "unknown option '--bogus'" "an unknown option"
run "$takt" capture info . more
expect_status 2 "an extra argument"
expect_line err "unexpected argument 'more'" "an extra argument"
run "$takt" --threads -1 capture info .
expect_status 2 "negative threads"

run "$takt" capture info "$work/nowhere"
expect_status 3 "a path that does not exist"
expect_line err "^takt: error: .*nowhere" "a path that does not exist"
expect_empty out "a path that does not exist"
[ "$(wc -l <"$work/err")" -le 2 ] || fail "an error is one line, and at most one of hint"
mkdir "$work/empty"
run "$takt" capture info "$work/empty"
expect_status 3 "an empty folder"
expect_line err "^  hint: " "an empty folder"
run "$takt" capture info "$work/two"$'\n'"lines"
expect_status 3 "a name with a line break"
[ "$(wc -l <"$work/err")" -le 2 ] || fail "an error stays one line whatever the name of a file holds"

run "$takt" --json capture info "$work/nowhere"
expect_json 3 "a JSON error" error.code=not_found error.exit_status=3
run "$takt" capture info "$work/nowhere"$'\xff' --json
expect_json 3 "a name that is not UTF-8" error.code=not_found
run "$takt" --json capture nfo
expect_json 2 "a JSON usage error" error.code=usage error.exit_status=2

# Ctrl-C, long before the pictures are done.
run timeout --preserve-status --signal=INT 1 "$takt" --quiet capture cell --out "$work/interrupted" --cameras 1000
expect_status 130 "Ctrl-C"
expect_line err '^takt: error: takt: interrupted$' "Ctrl-C"
expect_line err '^  hint: ' "Ctrl-C"
compgen -G "$work/interrupted*" >/dev/null && fail "Ctrl-C left something behind"

# The reader or the disk behind stdout goes away.
status=0
("$takt" --help; echo $? >"$work/pipe_status") 2>"$work/err" | true || true
[ "$(cat "$work/pipe_status")" -eq 0 ] || [ "$(cat "$work/pipe_status")" -eq 141 ] || fail "a closed pipe: $(cat "$work/pipe_status")"
expect_empty err "a closed pipe"
for flag in "" --json; do
  # shellcheck disable=SC2086
  "$takt" $flag capture info "$work/nowhere" >/dev/full 2>"$work/err" && fail "a full disk: status 0"
  expect_line err '^takt: error: ' "a full disk"
done

finish
