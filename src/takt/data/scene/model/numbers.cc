// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/model/numbers.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace takt::scene {

std::string FormatNumber(double value) {
  char buffer[32];
  const auto [end, failed] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, end};
}

std::string FormatNumbers(std::span<const double> values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : " ") + FormatNumber(value);
  return text;
}

std::optional<double> ParseNumber(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::vector<std::string_view> SplitWords(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  std::vector<std::string_view> words;
  for (size_t begin = text.find_first_not_of(kSpace); begin != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_of(kSpace, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kSpace, end);
  }
  return words;
}

Quat QuatFromYawDeg(double yaw_deg) { return Pose::Yaw(yaw_deg * (std::numbers::pi / 180)).rotation; }

std::optional<double> ExactYawDeg(const Quat& rotation) {
  if (!SameBits(rotation.x(), 0) || !SameBits(rotation.y(), 0)) return std::nullopt;
  const double near_deg = 2 * std::atan2(rotation.z(), rotation.w()) * (180 / std::numbers::pi);
  if (!std::isfinite(near_deg)) return std::nullopt;
  const auto is_exact = [&](double yaw_deg) {
    const Quat q = QuatFromYawDeg(yaw_deg);
    return SameBits(q.w(), rotation.w()) && SameBits(q.z(), rotation.z());
  };
  for (int digits = 1; digits <= 17; ++digits) {
    char buffer[40];
    const auto [end, failed] =
        std::to_chars(buffer, buffer + sizeof buffer, near_deg, std::chars_format::scientific, digits - 1);
    double yaw_deg = 0;
    std::from_chars(buffer, end, yaw_deg);
    if (is_exact(yaw_deg)) return yaw_deg;
  }
  // sin and cos round; the angle that they came from may be a few steps away.
  double below = near_deg, above = near_deg;
  for (int step = 0; step < 8; ++step) {
    below = std::nextafter(below, -1e9);
    above = std::nextafter(above, 1e9);
    if (is_exact(below)) return below;
    if (is_exact(above)) return above;
  }
  return std::nullopt;
}

bool SameBits(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

}  // namespace takt::scene
