// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/splats.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

#include "takt/core/base/error.h"

namespace takt::splat {
namespace {

constexpr size_t kNone = SIZE_MAX;

// Index of the first value that is not finite. Whole blocks are tested by integer arithmetic, which vectorises: adding
// one to an exponent of all ones carries into the sign bit.
size_t FirstNonFinite(const std::vector<float>& values) {
  constexpr size_t kBlock = 4096;
  for (size_t begin = 0; begin < values.size(); begin += kBlock) {
    const size_t end = std::min(values.size(), begin + kBlock);
    uint32_t carry = 0;
    for (size_t i = begin; i < end; ++i) carry |= (std::bit_cast<uint32_t>(values[i]) & 0x7fffffffu) + 0x00800000u;
    if ((carry & 0x80000000u) == 0) continue;
    for (size_t i = begin; i < end; ++i) {
      if (!std::isfinite(values[i])) return i;
    }
  }
  return kNone;
}

std::string ShColumn(size_t index, int sh_degree) {
  const size_t k_count = static_cast<size_t>(ShCoefficients(sh_degree));
  const size_t channel = index / k_count, k = index % k_count;
  return k == 0 ? fmt::format("f_dc_{}", channel) : fmt::format("f_rest_{}", channel * (k_count - 1) + k - 1);
}

Error NotFinite(const char* subject, size_t splat_idx, const std::string& column, float value) {
  return Error(ErrorCode::kBadInput, subject, fmt::format("splat {}: column '{}' is {}", splat_idx, column, value),
               "remove that splat in the program that made the file");
}

}  // namespace

void CheckSplats(const Splats& splats, const char* subject) {
  const auto fail = [&](std::string message) { return Error(ErrorCode::kBadInput, subject, std::move(message)); };
  if (splats.sh_degree < 0 || splats.sh_degree > kMaxShDegree) {
    throw fail(fmt::format("SH degree {} is not 0, 1, 2 or 3", splats.sh_degree));
  }
  const size_t n = splats.size(), stride = static_cast<size_t>(splats.sh_stride());
  if (splats.means.size() != n * 3 || splats.log_scales.size() != n * 3 || splats.quats.size() != n * 4 ||
      splats.sh.size() != n * stride) {
    throw fail(fmt::format("{} splats, but {} means, {} scales, {} quaternions and {} SH values", n,
                           splats.means.size(), splats.log_scales.size(), splats.quats.size(), splats.sh.size()));
  }
  if (const size_t i = FirstNonFinite(splats.means); i != kNone) {
    throw NotFinite(subject, i / 3, std::string(1, "xyz"[i % 3]), splats.means[i]);
  }
  if (const size_t i = FirstNonFinite(splats.log_scales); i != kNone) {
    throw NotFinite(subject, i / 3, fmt::format("scale_{}", i % 3), splats.log_scales[i]);
  }
  if (const size_t i = FirstNonFinite(splats.quats); i != kNone) {
    throw NotFinite(subject, i / 4, fmt::format("rot_{}", i % 4), splats.quats[i]);
  }
  if (const size_t i = FirstNonFinite(splats.logits); i != kNone) {
    throw NotFinite(subject, i, "opacity", splats.logits[i]);
  }
  if (const size_t i = FirstNonFinite(splats.sh); i != kNone) {
    throw NotFinite(subject, i / stride, ShColumn(i % stride, splats.sh_degree), splats.sh[i]);
  }
  for (size_t i = 0; i < n; ++i) {
    const float* q = &splats.quats[i * 4];
    if (q[0] == 0 && q[1] == 0 && q[2] == 0 && q[3] == 0) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("splat {}: the quaternion rot_0..3 is zero", i),
                  "remove that splat in the program that made the file");
    }
  }
}

}  // namespace takt::splat
