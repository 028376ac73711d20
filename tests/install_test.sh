#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the build into a folder of its own, moves it, and builds a small project against it.
# shellcheck source=tests/lib.sh
. "$(dirname -- "$0")/lib.sh"
build=$1
source=$(cd -- "$(dirname -- "$0")" && pwd -P)

step() {
  local what=$1
  shift
  run "$@"
  expect_status 0 "$what"
  [ "$status" -eq 0 ] || finish
}

step "installing" cmake --install "$build" --prefix "$work/first"
mv "$work/first" "$work/prefix"  # a package must not remember where it was put first

step "the installed program" "$work/prefix/bin/takt" --version
expect_line out '^takt ' "the installed program"
step "a capture for the consumer" "$work/prefix/bin/takt" --quiet capture cell --out "$work/capture" \
  --cameras 4 --width 32 --height 24

step "configuring a consumer" cmake -S "$source/consumer" -B "$work/consumer" -G Ninja \
  -DCMAKE_PREFIX_PATH="$work/prefix"
step "building a consumer" cmake --build "$work/consumer"
step "running a consumer" "$work/consumer/consumer" "$work/capture"
expect_line out '^4 views, 1500000 bytes$' "running a consumer"
if grep -rqF -- "$(cd -- "$source/.." && pwd -P)" "$work/prefix"/lib*/cmake "$work/prefix/include"; then
  fail "the package names the folder that it was built in"
fi

finish
