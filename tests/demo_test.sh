#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# takt demo as its users see it: killed and resumed, sharded and merged, and given wrong input.
# shellcheck source=tests/lib.sh
. "$(dirname -- "$0")/lib.sh"
takt=$1
cd "$work"
demo() { "$takt" --quiet demo generate --task stack --seed 3 --no-cameras "$@"; }
fingerprint() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }

# Killed at several moments, gone on with every time: the same bytes as without.
demo --episodes 5 --out whole >/dev/null
for delay in 0.2 0.8 1.4; do
  demo --episodes 5 --out killed >/dev/null 2>&1 &
  pid=$!
  sleep "$delay"
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  if [ -e killed/meta/info.json ]; then
    run "$takt" --quiet dataset validate killed
    expect_status 0 "a set whose writer was killed after $delay s"
  fi
done
run demo --episodes 5 --out killed
expect_status 0 "going on"
[ "$(fingerprint whole)" = "$(fingerprint killed)" ] || fail "a resumed set differs from one made in one go"

# Shards of a job, and the merged set.
OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 run demo --episodes 1 --shard auto --out part1
expect_status 0 "--shard auto under Open MPI"
run demo --episodes 1 --shard 0/2 --out part0
expect_status 0 "--shard 0/2"
run "$takt" --quiet dataset merge part0 part1 --out both
expect_status 0 "merging shards"
run "$takt" --quiet demo verify both --plain --from-seed
expect_status 0 "verifying a merged set"
expect_line out 'bit for bit +2 of 2' "verifying a merged set"

# A digest that is not the one of the episode.
sed -i 's/"digest":"./"digest":"x/' both/meta/takt_episodes.jsonl
run "$takt" --quiet demo verify both --plain
expect_status 1 "a set with other digests"

# Wrong input says what is wrong, and leaves nothing behind.
run demo --episodes 1 --fps 30 --out none
expect_status 3 "a frame rate that does not divide the physics"
run demo --episodes 1 --shard 2/2 --out none
expect_status 3 "a shard that is not there"
run demo --episodes 1 --recipe nothing --out none
expect_line err 'built in: .*desk_stack' "a recipe that is not there"
run demo --episodes 1 --recipe shelf_aisle --out none
[ "$status" -ne 0 ] || fail "a recipe without cubes or a robot"
run "$takt" demo generate --task juggle --out none
expect_line err 'one of: pick_place' "a task that is not there"
[ ! -e none ] || fail "a refused job left a folder"

finish
