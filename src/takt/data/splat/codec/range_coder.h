// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace takt::splat {

// An adaptive probability of a one bit: the mean of a fast and a slow estimate, 16 bits each.
struct BitModel {
  uint16_t fast = 1u << 15;
  uint16_t slow = 1u << 15;

  // Probability of a 1, in [64, 65472] of 65536: neither bit is ever impossible.
  uint32_t one() const {
    const uint32_t p = (static_cast<uint32_t>(fast) + slow) >> 1;
    return p < 64 ? 64 : p > 65472 ? 65472 : p;
  }
  void Update(int bit) {
    if (bit != 0) {
      fast = static_cast<uint16_t>(fast + ((65535 - fast) >> 4));
      slow = static_cast<uint16_t>(slow + ((65535 - slow) >> 7));
    } else {
      fast = static_cast<uint16_t>(fast - (fast >> 4));
      slow = static_cast<uint16_t>(slow - (slow >> 7));
    }
  }
};

// Binary range coder with 32-bit range and carry propagation, for the parts whose statistics are learned on the fly
// (occupancy, classes). Integer arithmetic only. Source: Martin, "Range encoding", 1979; the carry handling of LZMA.
class RangeEncoder {
 public:
  void Encode(BitModel* model, int bit);
  // `bits` <= 16 equiprobable bits.
  void EncodeRaw(uint32_t value, int bits);
  std::vector<uint8_t> Finish();

 private:
  void ShiftLow();
  uint64_t low_ = 0;
  uint32_t range_ = 0xFFFFFFFFu;
  uint8_t cache_ = 0;
  uint64_t pending_ = 1;
  std::vector<uint8_t> bytes_;
};

// Never reads past the end: behind the last byte there are zeros, so that the encoder need not write them.
class RangeDecoder {
 public:
  explicit RangeDecoder(std::span<const uint8_t> bytes);
  int Decode(BitModel* model);
  uint32_t DecodeRaw(int bits);

 private:
  uint8_t Next() { return position_ < bytes_.size() ? bytes_[position_++] : uint8_t{0}; }
  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
  uint32_t range_ = 0xFFFFFFFFu, code_ = 0;
};

}  // namespace takt::splat
