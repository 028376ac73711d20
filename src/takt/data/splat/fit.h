// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "takt/core/base/budget.h"
#include "takt/data/splat/codec/codec.h"
#include "takt/data/splat/codec/retarget_cache.h"
#include "takt/data/splat/model/splats.h"
#include "takt/data/splat/render/sensitivity.h"
#include "takt/data/splat/scene_file.h"

namespace takt::splat {

struct FitReport {
  size_t total = 0, kept = 0;          // splats
  std::optional<EncodeReport> encode;  // .tks
  std::vector<std::string> lost;       // other formats: what they cannot hold
  BudgetReport budget;                 // `asked` is NaN without a limit
};

// The bytes of a .tks file that is at most max_bytes long; without a limit, all splats as fine as the format goes.
// Errors and cost: as EncodeTks with a cache: a fraction of a second.
std::vector<uint8_t> FitTks(const RetargetCache& cache, std::optional<uint64_t> max_bytes, FitReport* report);

// The same in a format of other programs. Its precision is fixed, so the splats whose removal costs most are kept, as
// many as fit: found by encoding, so that the size is the file's. Errors: infeasible_budget naming the smallest size of
// a file; as EncodeScene; cancelled. Cost: about ten encodings.
std::vector<uint8_t> FitForeign(const Splats& splats, const Sensitivity& sensitivity, Format format,
                                std::optional<uint64_t> max_bytes, FitReport* report);

// The splats at `kept`, in that order.
Splats Select(const Splats& splats, const std::vector<uint32_t>& kept);

}  // namespace takt::splat
