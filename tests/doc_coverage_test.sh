#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every verb that `takt --help` lists stands in an example of the guide that the tests run, and every error code has its
# section.
# shellcheck source=tests/lib.sh
. "$(dirname -- "$0")/lib.sh"
takt=$1
root=$2

examples=$("$root/scripts/run_doc_examples.sh" --print "$root"/docs/guide/*.md)
count=0
for group in $(subcommands "$takt"); do
  for verb in $(subcommands "$takt" "$group"); do
    count=$((count + 1))
    grep -Eq "(^| )takt( --?[a-z]+)* $group $verb( |$)" <<<"$examples" || fail "no tested example of: takt $group $verb"
  done
done
[ "$count" -gt 0 ] || fail "no verbs found in takt --help"

for code in bad_input infeasible_budget not_found unsupported io cancelled internal usage; do
  grep -q "^## \`$code\`" "$root/docs/errors/README.md" || fail "docs/errors/README.md has no section for $code"
done
for document in README ARCHITECTURE CONTRIBUTING CHANGELOG docs/errors/README; do
  # Links inside the repository lead somewhere.
  while read -r link; do
    [ -e "$(dirname -- "$root/$document.md")/$link" ] || fail "$document.md links to $link, which is not there"
  done < <(grep -oE '\]\([^)#]+' "$root/$document.md" | sed 's/^](//' | grep -v '^https\?:' || true)
done

finish
