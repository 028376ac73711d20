// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/morton.h"

#include <algorithm>
#include <array>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::splat {
namespace {

constexpr int kAxisBits = 21;
constexpr int kDigitBits = 11;

uint64_t Spread(uint64_t v) {
  v &= 0x1fffff;
  v = (v | v << 32) & 0x001f00000000ffff;
  v = (v | v << 16) & 0x001f0000ff0000ff;
  v = (v | v << 8) & 0x100f00f00f00f00f;
  v = (v | v << 4) & 0x10c30c30c30c30c3;
  v = (v | v << 2) & 0x1249249249249249;
  return v;
}

}  // namespace

uint64_t MortonCode(uint32_t x, uint32_t y, uint32_t z) { return Spread(x) | Spread(y) << 1 | Spread(z) << 2; }

std::vector<uint32_t> MortonOrder(const Splats& splats) {
  const size_t n = splats.size();
  if (n > UINT32_MAX) throw Error(ErrorCode::kBadInput, "splats", "are more than 2^32 - 1");
  std::vector<uint32_t> order(n);
  if (n == 0) return order;

  std::array<double, 3> low, high;
  for (int a = 0; a < 3; ++a) low[a] = high[a] = splats.means[a];
  for (size_t i = 0; i < n; ++i) {
    for (int a = 0; a < 3; ++a) {
      low[a] = std::min<double>(low[a], splats.means[i * 3 + a]);
      high[a] = std::max<double>(high[a], splats.means[i * 3 + a]);
    }
  }
  const double side = std::max({high[0] - low[0], high[1] - low[1], high[2] - low[2]});
  constexpr uint32_t kLast = (1u << kAxisBits) - 1;
  const double cells = side > 0 ? (kLast + 1.0) / side : 0.0;
  std::vector<std::pair<uint64_t, uint32_t>> keys(n), sorted(n);
  for (size_t i = 0; i < n; ++i) {
    std::array<uint32_t, 3> cell;
    for (int a = 0; a < 3; ++a) {
      cell[a] = std::min(kLast, static_cast<uint32_t>((splats.means[i * 3 + a] - low[a]) * cells));
    }
    keys[i] = {MortonCode(cell[0], cell[1], cell[2]), static_cast<uint32_t>(i)};
  }

  for (int shift = 0; shift < 3 * kAxisBits; shift += kDigitBits) {
    const auto digit = [&](uint64_t code) { return (code >> shift) & ((1u << kDigitBits) - 1); };
    std::vector<size_t> start((size_t{1} << kDigitBits) + 1, 0);
    for (const auto& [code, idx] : keys) ++start[digit(code) + 1];
    for (size_t d = 1; d < start.size(); ++d) start[d] += start[d - 1];
    for (const auto& key : keys) sorted[start[digit(key.first)]++] = key;
    keys.swap(sorted);
  }
  for (size_t i = 0; i < n; ++i) order[i] = keys[i].second;
  return order;
}

}  // namespace takt::splat
