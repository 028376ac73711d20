// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "takt/data/dataset/parquet/array.h"

namespace takt::dataset {

// Different values in order of first appearance, and for every value its place among them.
struct Dictionary {
  Values values;
  std::vector<uint32_t> indices;
};

// Nothing where a dictionary has no chance to be smaller: booleans, no values, more than half of them different, more
// than 1 MiB of different ones, or three in four of the first 4,096 different (a guess that saves the rest of the
// pass). Numbers are told apart by their bits, so that -0 and every NaN keep theirs.
std::optional<Dictionary> BuildDictionary(const Values& values);

}  // namespace takt::dataset
