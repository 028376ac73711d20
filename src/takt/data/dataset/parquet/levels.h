// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "takt/data/dataset/parquet/parquet.h"

namespace takt::dataset {

// Builds a top-level column from its stored leaves: the definition level of an entry says how deep its path is there,
// the repetition level at which list it goes on.
// Errors: bad_input for levels that contradict themselves, those of another leaf of the same field, or `num_rows`.
// Cost: one pass over the levels for each level of nesting.
// Source: Melnik et al., "Dremel: Interactive Analysis of Web-Scale Datasets", VLDB 2010, section 4.
Array Assemble(const Field& field, std::span<const Leaf> leaf_schemas, std::vector<LeafValues> leaves, size_t num_rows,
               const std::string& subject);

// The other way round: the leaves of an array that passes CheckArray.
struct ShreddedLeaf {
  std::vector<uint8_t> definition_levels, repetition_levels;  // as in LeafValues
  size_t num_values = 0;                                      // entries, missing ones too
  const Array* array = nullptr;                               // borrowed: the innermost array, with the values
  bool all_present = true;  // every value of `array`, in order; otherwise those at `places`
  std::vector<uint64_t> places;
};
std::vector<ShreddedLeaf> Shred(const Field& field, const Array& array);

}  // namespace takt::dataset
