#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
if ! command -v shellcheck >/dev/null; then
  echo "SKIPPED: needs shellcheck (apt-get install shellcheck)"
  exit 77
fi
cd -- "$1"
find . -name '*.sh' -not -path './build/*' -not -path './out/*' -not -path './.git/*' -print0 |
  xargs -0 shellcheck -x .ci/run
