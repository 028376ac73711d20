#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The lego rows of bench/RESULTS.md:  bench/lego.sh TAKT CAPTURE WORK_FOLDER
# Trains once (17 minutes on two idle cores), then meets 4.3 MB and 1.15 MB without and with fine-tuning.
set -euo pipefail
takt=$1 capture=$2 work=$3
mkdir -p "$work"
measure() { /usr/bin/env time -f '%e s wall, %U s user, %M kB resident' "$@"; }
[ -e "$work/lego.ply" ] ||
  measure "$takt" --quiet splat train "$capture" --out "$work/lego.ply" --max-splats 150000 --iterations 7000
"$takt" --quiet splat eval "$work/lego.ply" --capture "$capture"
for bytes in 4300000 1150000; do
  measure "$takt" --quiet splat compress "$work/lego.ply" --max-bytes "$bytes" --capture "$capture" \
    --out "$work/lego_$bytes.tks"
  "$takt" --quiet splat eval "$work/lego_$bytes.tks" --capture "$capture"
done
measure "$takt" --quiet splat compress "$work/lego.ply" --max-bytes 1150000 --capture "$capture" \
  --finetune-minutes 3 --out "$work/lego_1150000_finetuned.tks"
"$takt" --quiet splat eval "$work/lego_1150000_finetuned.tks" --capture "$capture"
