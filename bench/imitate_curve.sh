#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From nothing to working: success of pick_place from pictures over the number of generated demonstrations, and over 100
# that were spoilt as an operator would spoil them.
#
#   bench/imitate_curve.sh TAKT WORK_FOLDER [EPISODES=100] [SEEDS="1 2 3"] [SIZES="1000:60 300:20 100:12 30:6 10:6"]
#
# A size is demonstrations:minutes. Every training runs on one thread; two run side by side. What is done already is not
# done again, so an interrupted run goes on. Ends with a table: success on EPISODES scenes that no demonstration has seen.
set -euo pipefail
takt=$1 work=$2 episodes=${3:-100} seeds=${4:-1 2 3} sizes=${5:-1000:60 300:20 100:12 30:6 10:6}
mkdir -p "$work"
demos=$work/demos

"$takt" demo generate --task pick_place --recipe feed_station --front station --plain-look --width 96 \
  --height 96 --recovery 0.5 --episodes 1000 --seed 1 --out "$demos" >"$work/demos.txt"
"$takt" imitate configs pick_place_pictures >"$work/config.json"

# one NAME OPTIONS...: trains, then plays; an untrained policy is one of no steps.
one() {
  local name=$1
  shift
  [ -s "$work/$name.json" ] && return
  local resume=()
  [ -e "$work/$name/checkpoint" ] && resume=(--resume)
  "$takt" --quiet imitate train "$demos" --config "$work/config.json" --out "$work/$name" --threads 1 "$@" "${resume[@]}" \
    >"$work/$name.txt"
  "$takt" --quiet --json --threads 1 policy eval "$work/$name" --task "demo:$demos" --precision bf16 --sampler ddim --steps 10 \
    --episodes "$episodes" >"$work/$name.json.part"
  mv "$work/$name.json.part" "$work/$name.json"
}

jobs_of() {
  local seed size
  for seed in $seeds; do
    for size in $sizes; do
      echo "n${size%:*}_s$seed --episodes ${size%:*} --seed $seed --minutes ${size#*:}"
      [ "${size%:*}" != 100 ] ||
        echo "teleop100_s$seed --episodes 100 --seed $seed --minutes ${size#*:} --teleop-noise 1"
    done
  done
  echo "untrained --episodes 10 --seed 1 --steps 1"
}
export -f one
export takt work episodes demos
# shellcheck disable=SC2016  # expanded by the shell that xargs starts
jobs_of | xargs -P 2 -L 1 bash -c 'set -euo pipefail; one "$@"' _

echo "| demonstrations | success on $episodes unseen scenes, by seed |"
echo "|---|---|"
for name in untrained $(for size in $sizes; do echo "n${size%:*}"; done) teleop100; do
  row=
  for file in "$work/$name".json "$work/$name"_s*.json; do
    [ -e "$file" ] || continue
    row+="$(sed -n 's/.*"success_rate": *\([0-9.]*\).*/\1/p' "$file" | head -1) "
  done
  echo "| $name | $row|"
done
