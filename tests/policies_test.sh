#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The policies that come with Takt run and do what policies/README.md says of them: policies_test.sh TAKT REPOSITORY
set -euo pipefail
takt=$1 root=$2

answer=$("$takt" --quiet --json policy eval "$root/policies/pusht_state" --task pusht --episodes 8 --sampler ddim --steps 10)
score=$(sed -n 's/.*"mean_score": *\([0-9.]*\).*/\1/p' <<<"$answer" | head -1)
# 0.93 over 500 starts; 0.75 over 8 is four deviations below.
if ! awk -v score="$score" 'BEGIN { exit !(score >= 0.75) }'; then
  echo "pusht_state scores $score on 8 starts" >&2
  exit 1
fi
