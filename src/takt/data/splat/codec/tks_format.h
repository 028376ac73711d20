// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "takt/core/base/bytes.h"
#include "takt/data/splat/codec/splat_math.h"

namespace takt::splat {

inline constexpr uint16_t kTksMajor = 1, kTksMinor = 0;

// The fixed part of a .tks file; docs/formats/tks.md has the layout.
struct TksHeader {
  uint32_t count = 0;            // splats
  uint8_t sh_degree = 0;
  bool antialiased = false;
  uint8_t depth = 0;             // octree levels
  uint8_t transforms = 0;        // bit set of Transformed
  SpaceMap space;
  float blur = 0;
  std::array<float, 9> colour_rows{};
  int16_t direction_base = 0, spin_base = 0, shift_base = 0;
};

// Which channels go through the transform; the others are only scaled by their weight.
enum Transformed : uint8_t { kScalesTransformed = 1, kOpacityTransformed = 2, kDcTransformed = 4, kShTransformed = 8 };

// The channels of the attributes in the order of the file.
enum : int { kScaleChannel = 0, kOpacityChannel = 3, kRotationChannel = 4, kShiftChannel = 7, kColourChannel = 10 };
inline int ChannelCount(int sh_degree) { return kColourChannel + 3 * (sh_degree + 1) * (sh_degree + 1); }
inline bool IsLinear(int channel) { return channel >= kRotationChannel && channel < kColourChannel; }
// Coefficient index of a colour channel.
inline int ShIndex(int channel, int sh_degree) { return (channel - kColourChannel) % ((sh_degree + 1) * (sh_degree + 1)); }
bool IsTransformed(const TksHeader& header, int channel);

// The parts of a file, still coded.
struct TksParts {
  TksHeader header;
  std::vector<uint8_t> octree, classes, tables;
  std::vector<std::vector<uint8_t>> streams;  // [channels]
};

std::vector<uint8_t> WriteTks(const TksParts& parts);
// Bytes that WriteTks adds to the parts.
uint64_t TksOverhead(const TksParts& parts);

// The same parts as views into the file.
struct TksView {
  uint16_t major = 0, minor = 0;
  TksHeader header;
  std::span<const uint8_t> octree, classes, tables;
  std::vector<std::span<const uint8_t>> streams;
};
// Checks magic, version, checksum, and every number against the size of the file.
// Errors: bad_input naming `subject`; unsupported for another major version.
TksView ParseTks(std::span<const uint8_t> bytes, const std::string& subject);

}  // namespace takt::splat
