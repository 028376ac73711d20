#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Parquet files by two readers that share nothing: ours, and DuckDB under Node. Skipped (77) where Node or the network
# is not there.
#
#   duckdb_parquet_test.sh PARQUET_DUMP NPM_FOLDER [DATASETS [WRITE_DATASET]]
# shellcheck source=tests/lib.sh
. "$(dirname -- "$0")/lib.sh"
dump=$1
npm_folder=$2
datasets=${3-}
write_dataset=${4-}
script=$(dirname -- "$0")/duckdb_parquet.mjs

skip() {
  echo "SKIPPED: $*" >&2
  exit 77
}
command -v node >/dev/null || skip "needs Node"
if [ ! -d "$npm_folder/node_modules/@duckdb/node-api" ]; then
  command -v npm >/dev/null || skip "needs npm"
  mkdir -p "$npm_folder"
  echo '{"private": true}' >"$npm_folder/package.json"
  timeout 240 npm --prefix "$npm_folder" install --no-audit --no-fund --silent @duckdb/node-api@1.5.6-r.1 \
    >"$work/npm" 2>&1 || skip "npm cannot fetch @duckdb/node-api: $(tail -n 1 "$work/npm")"
fi

# compare WHAT FILE...: both readers say the same about each file.
compare() {
  local what=$1
  shift
  run "$dump" dump "$@"
  expect_status 0 "$what, read by Takt"
  mv "$work/out" "$work/ours"
  run node "$script" "$npm_folder" dump "$@"
  expect_status 0 "$what, read by DuckDB"
  [ "$(wc -l <"$work/ours")" -eq $# ] || fail "$what: expected $# files"
  cmp -s "$work/ours" "$work/out" || {
    fail "$what: DuckDB reads other values than Takt"
    diff <(tr '{' '\n' <"$work/ours") <(tr '{' '\n' <"$work/out") | head -n 20 >&2 || true
  }
}

mkdir "$work/ours_written" "$work/duckdb_written"
run "$dump" samples "$work/ours_written"
expect_status 0 "samples"
compare "written by Takt" "$work/ours_written"/*.parquet

run node "$script" "$npm_folder" samples "$work/duckdb_written"
expect_status 0 "DuckDB's samples"
for encoding in PLAIN RLE_DICTIONARY DELTA_BINARY_PACKED DELTA_LENGTH_BYTE_ARRAY BYTE_STREAM_SPLIT; do
  expect_line out "\"$encoding\"" "DuckDB's samples cover the encodings"
done
compare "written by DuckDB" "$work/duckdb_written"/*.parquet

# The test can fail: a file of other values has other sums.
run "$dump" dump "$work/ours_written/takt_none_page.parquet" "$work/duckdb_written/duckdb_V1_zstd.parquet"
[ "$(grep -o '"sha256":"[0-9a-f]*"' "$work/out" | sort | uniq -d | wc -l)" -eq 0 ] || fail "different columns, equal sums"

# Whole datasets: data, tables of episodes, tasks.
if [ -n "$write_dataset" ]; then
  mkdir "$work/sets"
  run "$write_dataset" "$work/sets"
  expect_status 0 "datasets written by Takt"
  for layout in v30_video v30_image v21_video; do
    mapfile -t files < <(find "$work/sets/$layout" -name '*.parquet' | sort)
    [ "${#files[@]}" -ge 3 ] || fail "$layout: expected data files and tables"
    compare "a dataset written by Takt, $layout" "${files[@]}"
  done
fi

if [ -n "$datasets" ] && [ -d "$datasets" ]; then
  mkdir "$work/rewritten"
  find "$datasets" -name '*.parquet' | sort >"$work/list"
  number=0
  while IFS= read -r file; do
    number=$((number + 1))
    "$dump" rewrite "$file" "$work/rewritten/$number.parquet" || fail "cannot rewrite $file"
    compare "$file" "$file"
  done <"$work/list"
  compare "real files, rewritten by Takt" "$work/rewritten"/*.parquet
else
  echo "needs ../shared/data/dataset: real files are left out" >&2
fi
finish
