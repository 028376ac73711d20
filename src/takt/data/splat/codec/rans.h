// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "takt/data/splat/codec/bit_io.h"

namespace takt::splat {

inline constexpr int kProbabilityBits = 14;
inline constexpr uint32_t kProbabilityOne = 1u << kProbabilityBits;
inline constexpr int kMaxSymbols = 129;

// Static frequencies of the symbols 0 .. count-1; they sum to kProbabilityOne.
//
// On disk a table is a row of stop probabilities, "it is symbol j, given that it is j or later", each as 6 bits of log
// odds: p = 1 / (1 + 2^(-(h - 31.5) * 3/8)). A geometric tail costs little, any shape is possible, and a table of n
// symbols takes 6 (n - 1) bits, known before it is built.
struct SymbolTable {
  int count = 0;
  std::array<uint16_t, kMaxSymbols> frequency{};  // [count], each >= 1
  std::array<uint16_t, kMaxSymbols> start{};      // [count] sums of the frequencies before

  // From stop codes [count - 1], each in [0, 63]. Deterministic on any machine.
  void Build(std::span<const uint8_t> stop_codes);
};

// The stop codes that fit a histogram best; `codes` receives counts.size() - 1 values.
void FitStopCodes(std::span<const uint32_t> counts, uint8_t* codes);

// Bits that a symbol of this frequency takes: log2(kProbabilityOne / frequency).
double SymbolBits(uint32_t frequency);

// Range-variant asymmetric numeral system with a 64-bit state and 32-bit words. Symbols are put first to last and
// written last to first. Source: Duda, "Asymmetric numeral systems", 2013; Giesen's streaming form.
class RansEncoder {
 public:
  void Put(uint32_t start, uint32_t frequency) { ops_.push_back(start << 15 | frequency); }
  void PutRaw(uint32_t value, int bits) {  // bits <= 15
    if (bits != 0) ops_.push_back(kRawFlag | value << 4 | static_cast<uint32_t>(bits));
  }
  void Reserve(size_t symbols) { ops_.reserve(symbols); }
  // Empty where nothing was put.
  std::vector<uint8_t> Finish() const;

 private:
  static constexpr uint32_t kRawFlag = 1u << 31;
  std::vector<uint32_t> ops_;
};

// Reads zeros past the end; `Whole` tells whether the stream was the one that an encoder wrote.
class RansDecoder {
 public:
  explicit RansDecoder(std::span<const uint8_t> bytes);

  uint32_t Slot() const { return static_cast<uint32_t>(state_) & (kProbabilityOne - 1); }
  void Advance(uint32_t start, uint32_t frequency) {
    state_ = frequency * (state_ >> kProbabilityBits) + Slot() - start;
    Refill();
  }
  uint32_t Raw(int bits) {
    const uint32_t value = static_cast<uint32_t>(state_) & ((1u << bits) - 1);
    state_ >>= bits;
    Refill();
    return value;
  }
  // True when every byte was used and the state is back where the encoder began.
  bool Whole() const { return state_ == kLowest && position_ == bytes_.size() && !overrun_; }

  static constexpr uint64_t kLowest = uint64_t{1} << 31;

 private:
  void Refill() {
    if (state_ >= kLowest) return;
    uint32_t word = 0;
    if (position_ + 4 <= bytes_.size()) {
      word = static_cast<uint32_t>(bytes_[position_]) | static_cast<uint32_t>(bytes_[position_ + 1]) << 8 |
             static_cast<uint32_t>(bytes_[position_ + 2]) << 16 | static_cast<uint32_t>(bytes_[position_ + 3]) << 24;
      position_ += 4;
    } else {
      overrun_ = true;
    }
    state_ = state_ << 32 | word;
  }
  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
  bool overrun_ = false;
  uint64_t state_ = kLowest;
};

}  // namespace takt::splat
