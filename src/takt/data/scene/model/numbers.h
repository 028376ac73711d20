// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/geom/pose.h"

namespace takt::scene {

// The shortest decimal that reads back to the same bits: "0.1", "-0", "1e+22".
std::string FormatNumber(double value);
// Numbers with one space between.
std::string FormatNumbers(std::span<const double> values);

// A finite decimal number that fills all of `text`, or nothing ("nan", "5cm", "1,5", "1e999").
std::optional<double> ParseNumber(std::string_view text);

// Splits at white space.
std::vector<std::string_view> SplitWords(std::string_view text);

// Pose::Yaw of degrees, as files spell it.
Quat QuatFromYawDeg(double yaw_deg);

// The shortest yaw_deg with QuatFromYawDeg(yaw_deg) == rotation bit for bit; nothing where there is none, or none
// found.
std::optional<double> ExactYawDeg(const Quat& rotation);

// Whether two doubles have the same bits: -0 is not 0, and a NaN is itself.
bool SameBits(double a, double b);

}  // namespace takt::scene
