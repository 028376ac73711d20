#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The runner of the guide's examples, on pages of its own: it runs what is marked, and it notices what fails.
# shellcheck source=tests/lib.sh
. "$(dirname -- "$0")/lib.sh"
runner=$1

mkdir "$work/bin"
cat >"$work/bin/takt" <<'END'
#!/bin/bash
# Makes a "capture"; otherwise says what it was called with.
if [ "$2" = capture ]; then mkdir -p "$5"; else echo "$@" >>calls; [ "$1" != fails ]; fi
END
chmod +x "$work/bin/takt"
page() { printf '%s\n' "$@" >"$work/page.md"; }
run_page() { run "$runner" "$work/bin/takt" "$work/page.md"; }

page 'Text' '<!-- test -->' '```bash' 'test -d capture' 'takt one' '```' '<!-- test -->' '```bash' 'grep -q one calls' '```' \
  '```text' 'takt fails' '```' '<!-- no test: needs a camera -->' '```bash' 'takt fails' '```'
run_page
expect_status 0 "a page of good examples"
expect_line out '^2 examples ran, 0 failed$' "a page of good examples"

page '' '<!-- test -->' '```bash' 'takt fails' 'touch never' '```'
run_page
expect_status 1 "a failing example"
expect_line err 'page.md:4: the example failed' "a failing example"

# shellcheck disable=SC2016  # the example expands it
page '<!-- test -->' '```bash' 'cat "$nothing" | true' '```'
run_page
expect_status 1 "an unset variable"

page '```bash' 'takt one' '```'
run_page
expect_status 1 "an unmarked block"
expect_line err 'page.md:1: a bash block needs' "an unmarked block"

finish
