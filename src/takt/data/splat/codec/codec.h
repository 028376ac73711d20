// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "takt/core/base/budget.h"
#include "takt/data/splat/codec/source.h"
#include "takt/data/splat/model/splats.h"
#include "takt/data/splat/render/sensitivity.h"

namespace takt::splat {

struct EncodeOptions {
  uint64_t max_bytes = 0;  // the file is never larger
  // A splat is kept where removing it costs more than this times the distortion that its bits would save elsewhere.
  // Removal costs are first order and do not see that splats stand in for each other; docs/adr/0103 has the sweep.
  double prune_bias = 0.2;
  bool keep_all = false;   // prune nothing, for fine-tuning steps that need the same splats
};

// Where the bytes went.
struct TksBytes {
  uint64_t header = 0;      // with the lengths of the parts
  uint64_t positions = 0;   // octree
  uint64_t refinement = 0;  // of positions inside their cells
  uint64_t classes = 0;     // importance of every splat
  uint64_t tables = 0;      // steps and statistics of every (channel, group)
  uint64_t scales = 0, opacity = 0, rotation = 0, dc = 0, sh = 0;
  uint64_t total() const {
    return header + positions + refinement + classes + tables + scales + opacity + rotation + dc + sh;
  }
};

struct EncodeReport {
  size_t total = 0, kept = 0;         // splats
  int octree_depth = 0;
  TksBytes bytes;
  uint64_t predicted_bytes = 0;       // what the tables said the file would take
  double coding_mse = 0;              // predicted mean squared error from coding
  double removal_mse = 0;             // and from the splats left out (sum of single removals)
  double lambda = 0;                  // mean squared error that one more bit would save
  double lp_bound = 0, lp_gap = 0;    // certificate of the last allocation, see knapsack.h
  double search_s = 0, transform_s = 0, allocation_s = 0, write_s = 0;
  BudgetReport budget;
};

// Encodes within a budget: chooses the kept splats and the precision of every (channel, group) for the least predicted
// error of the pictures (Sensitivity) whose real file is at most max_bytes.
// Errors: infeasible_budget when not even one splat fits, naming the smallest size that does; bad_input.
// Determinism: the same bytes for any thread count.
// Cost: for 300 k splats of SH degree 3 about 2 s of one core.
std::vector<uint8_t> EncodeTks(const Splats& splats, const Sensitivity& sensitivity, const EncodeOptions& options,
                               EncodeReport* report = nullptr);

// Where a budget lands on the rate-distortion curve of a model; everything else about a file follows from it.
struct OperatingPoint {
  double log2_lambda = -30;    // mean squared error that a bit is worth
  double bits_per_splat = 80;  // with lambda: splats whose removal costs less are left out
  int depth = 10;              // octree levels
};
OperatingPoint SearchOperatingPoint(const SplatSource& source, const EncodeOptions& options,
                                    const std::optional<OperatingPoint>& start = std::nullopt);
// The same from a prepared source, and without a search where the operating point is known (retarget_cache.h).
std::vector<uint8_t> EncodeTks(const SplatSource& source, const EncodeOptions& options, EncodeReport* report = nullptr,
                               const std::optional<OperatingPoint>& known = std::nullopt);

// The splats of a .tks file, the same bits on any machine.
// Errors: bad_input naming `subject` for anything damaged; unsupported for a later major version.
// Cost: O(file); allocates at most about 1 kB for each byte of the file.
Splats DecodeTks(std::span<const uint8_t> bytes, const std::string& subject);

struct TksInfo {
  uint16_t major = 0, minor = 0;
  size_t count = 0;
  int sh_degree = 0;
  int octree_depth = 0;
  TksBytes bytes;
};
// What is in a file, without decoding it. Errors: as DecodeTks.
TksInfo ReadTksInfo(std::span<const uint8_t> bytes, const std::string& subject);

}  // namespace takt::splat
