#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `takt splat` as its users meet it: budgets on disk, Ctrl-C and --resume, JSON, what is missing. The guide's examples
# run every verb; here is what they leave out.
# shellcheck source=tests/lib.sh
. "$(dirname -- "$0")/lib.sh"
takt=$1
parse_json=$2
cd -- "$work"

"$takt" --quiet capture cell --out capture --cameras 9 --width 64 --height 48 >/dev/null || fail "no capture"
train=("$takt" --quiet splat train capture --max-splats 500 --iterations 150 --max-bytes 12kB --sh-degree 1)

run "${train[@]}" --out whole.tks --json
expect_status 0 "train"
"$parse_json" iterations=150 budget.kept=true held_out_views=2 <"$work/out" || fail "train: not the document that was expected"
[ "$(stat -c %s whole.tks)" -le 12000 ] || fail "train: over budget"
[ ! -e whole.tks.checkpoint ] || fail "train: the checkpoint is still there"

# Ctrl-C as soon as training shows progress, then --resume: the same bytes as without.
"$takt" --json "${train[@]:2}" --out parts.tks >answer 2>progress </dev/null &
training=$!
for _ in $(seq 600); do
  grep -q '"train"' progress && break
  sleep 0.1
done
kill -INT "$training"
status=0
wait "$training" || status=$?
if [ "$status" -eq 0 ]; then
  echo "the training ended before it could be interrupted" >&2
else
  [ "$status" -eq 130 ] || fail "Ctrl-C: exit status $status, expected 130"
  "$parse_json" error.code=cancelled <answer || fail "Ctrl-C: not the error that was expected"
  [ ! -e parts.tks ] || fail "Ctrl-C: half a result"
  [ -e parts.tks.checkpoint ] || fail "Ctrl-C: no checkpoint"
  run "${train[@]}" --out parts.tks --resume
  expect_status 0 "--resume"
fi
cmp whole.tks parts.tks || fail "--resume: another result than without an interruption"

run "${train[@]}" --out again.tks --resume
expect_status 3 "--resume without a checkpoint"
run "$takt" splat train capture --out scene.xyz
expect_status 3 "an unknown suffix"
expect_line err '^  hint: .*\.tks' "an unknown suffix"
run "$takt" splat train capture --out scene.tks --max-bytes 4MBit
expect_status 2 "a size that is none"
run "$takt" splat compress whole.tks --out small.tks
expect_status 2 "no budget"
run "$takt" splat compress whole.tks --out small.tks --max-bytes 20
expect_status 4 "a budget that nothing meets"
expect_line err '^  hint: .*[0-9]' "a budget that nothing meets"
[ ! -e small.tks ] || fail "a budget that nothing meets: a file"
run "$takt" splat compress whole.tks --out small.tks --max-bytes 5kB --finetune 5
expect_status 3 "fine-tuning without photographs"
run "$takt" splat eval whole.tks --capture nowhere
expect_status 3 "a capture that does not exist"
run "$takt" splat render whole.tks --out one.png --size 0x7
expect_status 3 "a picture without pixels"

# A machine without ffmpeg: nothing but what takt needs is on the path.
mkdir empty_path
run env PATH="$work/empty_path" "$takt" splat render whole.tks --out film.mp4 --orbit 3 --size 33x21
expect_status 4 "an MP4 without ffmpeg"
expect_line err 'apt-get install ffmpeg' "an MP4 without ffmpeg"
if command -v ffmpeg >/dev/null; then
  run "$takt" splat render whole.tks --out film.mp4 --orbit 3 --size 33x21
  expect_status 0 "an MP4"
  [ -s film.mp4 ] || fail "an MP4: nothing there"
fi
[ -z "$(find . -name '*.tmp*')" ] || fail "left behind: $(find . -name '*.tmp*')"

finish
