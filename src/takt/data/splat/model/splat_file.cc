// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/splat_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "takt/core/base/error.h"
#include "takt/data/splat/model/quantize.h"

namespace takt::splat {
namespace {

constexpr size_t kRecordBytes = 32;

struct Record {
  float mean[3];
  float scale[3];  // linear
  uint8_t rgba[4];
  uint8_t quat[4];  // w x y z, 128 + 128 q
};
static_assert(sizeof(Record) == kRecordBytes);

// log(opacity x volume): the logarithm orders alike and cannot overflow.
double Importance(const Splats& splats, size_t i) {
  const float* s = &splats.log_scales[i * 3];
  const double logit = splats.logits[i];
  const double log_opacity = logit < 0 ? logit - std::log1p(std::exp(logit)) : -std::log1p(std::exp(-logit));
  return double{s[0]} + s[1] + s[2] + log_opacity;
}

}  // namespace

Splats ParseSplatFile(std::span<const uint8_t> bytes, const std::string& subject, ReadReport& report) {
  report.format = Format::kSplat;
  report.encoding = "32-byte records";
  report.columns = {"x",     "y",    "z",     "scale_0", "scale_1", "scale_2", "red",
                    "green", "blue", "alpha", "rot_0",   "rot_1",   "rot_2",   "rot_3"};
  if (bytes.empty()) throw Error(ErrorCode::kBadInput, subject, "holds no splats");
  if (bytes.size() % kRecordBytes != 0) {
    throw Error(ErrorCode::kBadInput, subject,
                fmt::format("is {} bytes long, which is no multiple of {}", bytes.size(), kRecordBytes),
                "the file is truncated, or it is no .splat file");
  }
  const std::array<float, 256> logits = ByteLogits();
  Splats splats;
  splats.Resize(bytes.size() / kRecordBytes);
  size_t flat = 0;
  for (size_t i = 0; i < splats.size(); ++i) {
    Record r;
    std::memcpy(&r, bytes.data() + i * kRecordBytes, kRecordBytes);
    for (size_t a = 0; a < 3; ++a) {
      splats.means[i * 3 + a] = r.mean[a];
      if (!(r.scale[a] >= 0)) {
        throw Error(ErrorCode::kBadInput, subject, fmt::format("splat {}: column 'scale_{}' is {}", i, a, r.scale[a]),
                    "a scale is a standard deviation: 0 or more");
      }
      flat += r.scale[a] == 0;
      splats.log_scales[i * 3 + a] = r.scale[a] == 0 ? kFlatLogScale : std::log(r.scale[a]);
      splats.sh[i * 3 + a] = (static_cast<float>(r.rgba[a]) / 255.0f - 0.5f) / kShC0;
    }
    splats.logits[i] = logits[r.rgba[3]];
    for (size_t a = 0; a < 4; ++a) splats.quats[i * 4 + a] = (static_cast<float>(r.quat[a]) - 128.0f) / 128.0f;
  }
  if (flat > 0) report.defaulted.push_back(fmt::format("scale: {} of 0 set to e^{}", flat, kFlatLogScale));
  CheckSplats(splats, subject.c_str());
  return splats;
}

std::vector<uint8_t> EncodeSplatFile(const Splats& splats, WriteReport& report) {
  report.format = Format::kSplat;
  const size_t n = splats.size();
  std::vector<double> importance(n);
  for (size_t i = 0; i < n; ++i) importance[i] = Importance(splats, i);
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return importance[a] > importance[b]; });

  uint64_t clamped_colours = 0, clamped_scales = 0, rounded_up = 0;
  std::vector<uint8_t> bytes(n * kRecordBytes);
  for (size_t j = 0; j < n; ++j) {
    const size_t i = order[j];
    Record r;
    for (size_t a = 0; a < 3; ++a) {
      r.mean[a] = splats.means[i * 3 + a];
      const float scale = std::exp(splats.log_scales[i * 3 + a]);
      clamped_scales += !std::isfinite(scale);
      r.scale[a] = std::min(scale, std::numeric_limits<float>::max());
      const double colour = 0.5 + double{kShC0} * splats.sh[i * static_cast<size_t>(splats.sh_stride()) +
                                                            a * static_cast<size_t>(ShCoefficients(splats.sh_degree))];
      r.rgba[a] = static_cast<uint8_t>(QuantizeClamped(colour * 255.0, 0, 255, clamped_colours));
    }
    r.rgba[3] = static_cast<uint8_t>(std::lround(Sigmoid(splats.logits[i]) * 255.0));
    double norm = 0;
    for (size_t a = 0; a < 4; ++a) norm += double{splats.quats[i * 4 + a]} * splats.quats[i * 4 + a];
    norm = std::sqrt(norm);
    for (size_t a = 0; a < 4; ++a) {
      // +1 would be 256: the grid ends half a step earlier, which is part of the format.
      r.quat[a] =
          static_cast<uint8_t>(QuantizeClamped(splats.quats[i * 4 + a] / norm * 128.0 + 128.0, 0, 255, rounded_up));
    }
    std::memcpy(bytes.data() + j * kRecordBytes, &r, kRecordBytes);
  }
  if (splats.sh_degree > 0) {
    report.lost.push_back(fmt::format("SH of degree {}: .splat holds colour only", splats.sh_degree));
  }
  if (splats.antialiased) report.lost.push_back("the antialiased mark");
  if (clamped_colours > 0) report.lost.push_back(fmt::format("{} colours clamped to [0, 1]", clamped_colours));
  if (clamped_scales > 0) report.lost.push_back(fmt::format("{} scales clamped to the largest float", clamped_scales));
  report.file_bytes = bytes.size();
  return bytes;
}

}  // namespace takt::splat
