// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"

namespace takt::splat {
namespace {

constexpr double kGoodUse = 0.9995;  // the search ends when so much of the budget is used

// Indices of the `count` splats that are dearest to remove, ascending. `by_cost` has all of them, dearest first.
std::vector<uint32_t> Dearest(const std::vector<uint32_t>& by_cost, size_t count) {
  std::vector<uint32_t> kept(by_cost.begin(), by_cost.begin() + static_cast<std::ptrdiff_t>(count));
  std::sort(kept.begin(), kept.end());
  return kept;
}

// `all_bytes`: the size with all splats, over the budget.
std::vector<uint8_t> KeepDearest(const Splats& splats, const Sensitivity& sensitivity, Format format,
                                 uint64_t max_bytes, uint64_t all_bytes, size_t* kept) {
  std::vector<uint32_t> by_cost(splats.size());
  std::iota(by_cost.begin(), by_cost.end(), 0u);
  std::stable_sort(by_cost.begin(), by_cost.end(),
                   [&](uint32_t a, uint32_t b) { return sensitivity.removal[a] > sensitivity.removal[b]; });
  const double budget = static_cast<double>(max_bytes);
  size_t fits = 0, too_many = splats.size();
  double fits_bytes = 0, over_bytes = static_cast<double>(all_bytes);
  std::vector<uint8_t> best;
  while (too_many - fits > 1 && fits_bytes < kGoodUse * budget) {
    ThrowIfInterrupted();
    // Sizes are almost linear in the count; a little off the straight line, both ends keep moving.
    const double at = std::clamp((budget - fits_bytes) / (over_bytes - fits_bytes), 0.02, 0.98);
    const size_t span = too_many - fits;
    const size_t count = fits + std::clamp<size_t>(static_cast<size_t>(at * static_cast<double>(span)), 1, span - 1);
    std::vector<uint8_t> bytes = EncodeScene(Select(splats, Dearest(by_cost, count)), format);
    if (bytes.size() <= max_bytes) {
      fits = count, fits_bytes = static_cast<double>(bytes.size());
      best = std::move(bytes);
    } else {
      too_many = count, over_bytes = static_cast<double>(bytes.size());
    }
  }
  if (fits == 0) {
    throw Error(ErrorCode::kInfeasibleBudget, "--max-bytes",
                fmt::format("{} cannot hold one splat as .{}", FormatBytes(max_bytes), FormatName(format)),
                fmt::format("the smallest file has {:.0f} B", over_bytes));
  }
  *kept = fits;
  return best;
}

BudgetReport MakeBudget(std::optional<uint64_t> max_bytes, size_t used, std::string left_because) {
  BudgetReport budget;
  budget.quantity = "bytes", budget.unit = "B";
  budget.asked = max_bytes ? static_cast<double>(*max_bytes) : std::numeric_limits<double>::quiet_NaN();
  budget.used = static_cast<double>(used);
  budget.proof = "size of the written file";
  if (max_bytes && used < *max_bytes) budget.left_because = std::move(left_because);
  return budget;
}

}  // namespace

Splats Select(const Splats& splats, const std::vector<uint32_t>& kept) {
  Splats chosen;
  chosen.sh_degree = splats.sh_degree;
  chosen.antialiased = splats.antialiased;
  chosen.Resize(kept.size());
  const auto copy = [&](const std::vector<float>& from, std::vector<float>& to, size_t width) {
    for (size_t i = 0; i < kept.size(); ++i) std::copy_n(&from[kept[i] * width], width, &to[i * width]);
  };
  copy(splats.means, chosen.means, 3);
  copy(splats.log_scales, chosen.log_scales, 3);
  copy(splats.quats, chosen.quats, 4);
  copy(splats.logits, chosen.logits, 1);
  copy(splats.sh, chosen.sh, static_cast<size_t>(splats.sh_stride()));
  return chosen;
}

std::vector<uint8_t> FitTks(const RetargetCache& cache, std::optional<uint64_t> max_bytes, FitReport* report) {
  *report = {};
  EncodeReport encode;
  std::vector<uint8_t> bytes =
      EncodeTks(cache, {.max_bytes = max_bytes.value_or(kUnlimitedBytes), .keep_all = !max_bytes.has_value()}, &encode);
  report->total = encode.total, report->kept = encode.kept;
  report->budget = MakeBudget(max_bytes, bytes.size(), encode.budget.left_because);
  report->encode = std::move(encode);
  return bytes;
}

std::vector<uint8_t> FitForeign(const Splats& splats, const Sensitivity& sensitivity, Format format,
                                std::optional<uint64_t> max_bytes, FitReport* report) {
  *report = {};
  report->total = report->kept = splats.size();
  WriteReport write;
  std::vector<uint8_t> bytes = EncodeScene(splats, format, {}, &write);
  report->lost = std::move(write.lost);
  std::string left_because = "every splat is in the file, and the format knows no finer precision";
  if (max_bytes && bytes.size() > *max_bytes) {
    bytes = KeepDearest(splats, sensitivity, format, *max_bytes, bytes.size(), &report->kept);
    left_because.clear();
  }
  report->budget = MakeBudget(max_bytes, bytes.size(), left_because);
  return bytes;
}

}  // namespace takt::splat
