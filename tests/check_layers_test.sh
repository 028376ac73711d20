#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Plants one violation of each rule in a tree of its own and expects the layer check to name its file and line.
# shellcheck source=tests/lib.sh
. "$(dirname -- "$0")/lib.sh"
check=$1
tree=$work/tree

# plant PATH LINE...: a file that keeps the rules but for the given lines, which start at line 3.
plant() {
  local path=$tree/$1 head="// SPDX-License-Identifier: Apache-2.0\n#pragma once\n"
  shift
  case "$path" in *.txt) head="# SPDX-License-Identifier: Apache-2.0\n" ;; esac
  mkdir -p "$(dirname -- "$path")"
  { printf "%b" "$head" && printf "%s\n" "$@"; } >"$path"
}

clean_tree() {
  rm -rf -- "$tree"
  plant src/takt/core/CMakeLists.txt 'takt_module(NAME core PREFIX core SUBDIRS base' '  DEPS TBB::tbb)'
  plant src/takt/core/base/error.h '#include <string>'
  plant src/takt/data/low/CMakeLists.txt 'takt_module(NAME low PREFIX low DEPS takt_core)'
  plant src/takt/data/low/low.h '#include "takt/core/base/error.h"'
  plant src/takt/data/mid/CMakeLists.txt 'takt_module(NAME mid PREFIX mid DEPS takt_low takt_core)'
  plant src/takt/data/mid/mid.h '#include "takt/data/low/low.h"'
  plant src/takt/data/top/CMakeLists.txt 'takt_module(NAME top PREFIX top' '  DEPS takt_mid  # and low through it' ')'
  plant src/takt/data/top/top.h '#include "takt/data/mid/mid.h"' '#include "takt/data/low/low.h"'
  plant src/takt/data/top/blend_simd.cc '#include <hwy/highway.h>'
  plant src/takt/data/sim/step.cc '#include <mujoco/mujoco.h>'
  plant src/takt/train/link/ring.cc '#include <ATen/ops/add.h>'
  plant src/takt/apps/line/line.cc '#include "takt/data/low/low.h"' '#include "takt/train/link/ring.h"'
  plant src/takt/cli/main.cc '#include <CLI/CLI.hpp>' '#include "takt/apps/line/line.h"' '#include "takt/cli/command.h"'
}

clean_tree
run "$check" "$tree"
expect_status 0 "a clean tree"

# expect_violation WHAT PATH LINE RULE: the planted file, and it alone, is refused.
expect_violation() {
  run "$check" "$tree"
  expect_status 1 "$1"
  expect_line out "^$2:$3: .*$4" "$1"
  expect_line out ' 1 violations$' "$1"
  rm -f -- "$tree/$2"
}

# planted WHAT PATH RULE INCLUDE: as above, for one include line.
planted() {
  plant "$2" "$4"
  expect_violation "$1" "$2" 3 "$3"
}

planted "core on a stage" src/takt/core/base/bad.h 'core includes nothing else' '#include "takt/data/other/x.h"'
planted "a stage on a stage" src/takt/data/other/bad.cc 'stage data does not include stage infer' '#include "takt/infer/q/x.h"'
planted "a stage on apps" src/takt/plan/tools/bad.cc 'a stage does not include apps' '  #  include "takt/apps/line/line.h"'
planted "apps on cli" src/takt/apps/line/bad.cc 'nothing includes cli' '#include "takt/cli/command.h"'
planted "core on cli" src/takt/core/base/bad.cc 'nothing includes cli' '#include "takt/cli/command.h"'
planted "torch in data" src/takt/data/low/bad.cc 'libtorch' '#include <torch/torch.h>'
planted "c10 in cli" src/takt/cli/bad.cc 'libtorch' '#include <c10/util/Half.h>'
planted "ATen in core" src/takt/core/base/bad.cc 'libtorch' '#include <ATen/ATen.h>'
planted "Highway in a plain file" src/takt/data/low/bad.cc 'Highway' '#include "hwy/highway.h"'
planted "intrinsics" src/takt/data/low/bad_simd.cc 'not intrinsics' '#include <immintrin.h>'
planted "MuJoCo outside sim" src/takt/data/low/bad.cc 'MuJoCo' '#include <mujoco/mujoco.h>'
planted "OpenCV outside inspect" src/takt/data/low/bad.cc 'OpenCV' '#include <opencv2/core.hpp>'
planted "CLI11 in a stage" src/takt/data/low/bad.cc 'CLI11' '#include <CLI/CLI.hpp>'
planted "a relative include" src/takt/data/low/bad.cc 'path from src' '#include "../mid/mid.h"'
planted "a bare include" src/takt/data/low/bad.cc 'path from src' '#include "low.h"'
planted "upward inside a stage" src/takt/data/low/bad.cc 'takt_low does not name takt_mid' '#include "takt/data/mid/mid.h"'
planted "an unknown layer" src/takt/data/low/bad.cc 'takt/extra is no layer' '#include "takt/extra/x.h"'

plant src/takt/extra/bad.cc
expect_violation "a folder that is no layer" src/takt/extra/bad.cc 1 'no layer of the house'
mkdir -p "$tree/tests"
echo 'int main() {}' >"$tree/tests/bad.cc"
expect_violation "no SPDX line" tests/bad.cc 1 'SPDX'
printf '// SPDX-License-Identifier: Apache-2.0\nint x;\n' >"$tree/src/takt/core/base/bad.h"
expect_violation "no #pragma once" src/takt/core/base/bad.h 1 'pragma once'
plant src/takt/core/base/bad.cc "$(seq -f '// %g' 999)"
expect_violation "a long file" src/takt/core/base/bad.cc 1001 '1001 lines'

finish
