// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/rans.h"

#include <algorithm>
#include <cmath>

#include "takt/data/splat/codec/det_math.h"

namespace takt::splat {
namespace {

constexpr double kOddsStep = 0.375;

struct StopProbabilities {
  std::array<double, 64> p;
  StopProbabilities() {
    for (int h = 0; h < 64; ++h) p[h] = 1.0 / (1.0 + DetExp2(-(h - 31.5) * kOddsStep));
  }
};

const std::array<double, 64>& Stops() {
  static const StopProbabilities table;
  return table.p;
}

struct BitCosts {
  std::array<double, kProbabilityOne + 1> bits;
  BitCosts() {
    bits[0] = kProbabilityBits + 1;
    for (uint32_t f = 1; f <= kProbabilityOne; ++f) bits[f] = kProbabilityBits - DetLog2(f);
  }
};

}  // namespace

void SymbolTable::Build(std::span<const uint8_t> stop_codes) {
  count = static_cast<int>(stop_codes.size()) + 1;
  const double scale = static_cast<double>(kProbabilityOne - static_cast<uint32_t>(count));
  double left = 1.0;
  uint32_t sum = 0;
  int largest = 0;
  for (int j = 0; j < count; ++j) {
    const double p = j + 1 < count ? left * Stops()[stop_codes[j]] : left;
    left -= p;
    frequency[j] = static_cast<uint16_t>(1 + static_cast<uint32_t>(std::max(0.0, p) * scale));
    sum += frequency[j];
    if (frequency[j] > frequency[largest]) largest = j;
  }
  frequency[largest] = static_cast<uint16_t>(frequency[largest] + kProbabilityOne - sum);
  uint32_t at = 0;
  for (int j = 0; j < count; ++j) {
    start[j] = static_cast<uint16_t>(at);
    at += frequency[j];
  }
}

void FitStopCodes(std::span<const uint32_t> counts, uint8_t* codes) {
  uint64_t tail = 0;
  for (const uint32_t c : counts) tail += c;
  for (size_t j = 0; j + 1 < counts.size(); ++j) {
    const uint64_t here = counts[j];
    tail -= here;
    int code = 31;
    if (here == 0 || tail == 0) {
      code = here == 0 ? 0 : 63;
    } else {
      const double odds = static_cast<double>(here) / static_cast<double>(tail);
      code = static_cast<int>(std::floor(DetLog2(odds) / kOddsStep + 32.0));
    }
    codes[j] = static_cast<uint8_t>(std::clamp(code, 0, 63));
  }
}

double SymbolBits(uint32_t frequency) {
  static const BitCosts costs;
  return costs.bits[frequency];
}

std::vector<uint8_t> RansEncoder::Finish() const {
  if (ops_.empty()) return {};
  std::vector<uint32_t> words;
  words.reserve(ops_.size() / 4);
  uint64_t state = RansDecoder::kLowest;
  for (size_t i = ops_.size(); i-- > 0;) {
    const uint32_t op = ops_[i];
    if ((op & kRawFlag) != 0) {
      const int bits = static_cast<int>(op & 15);
      const uint32_t value = (op & ~kRawFlag) >> 4;
      if (state >= (uint64_t{1} << (63 - bits))) {
        words.push_back(static_cast<uint32_t>(state));
        state >>= 32;
      }
      state = state << bits | value;
    } else {
      const uint32_t start = op >> 15, frequency = op & 0x7FFF;
      if (state >= (static_cast<uint64_t>(frequency) << (63 - kProbabilityBits))) {
        words.push_back(static_cast<uint32_t>(state));
        state >>= 32;
      }
      state = ((state / frequency) << kProbabilityBits) + state % frequency + start;
    }
  }
  std::vector<uint8_t> bytes;
  bytes.reserve(words.size() * 4 + 8);
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<uint8_t>(state >> (8 * i)));
  for (size_t i = words.size(); i-- > 0;) {
    for (int b = 0; b < 4; ++b) bytes.push_back(static_cast<uint8_t>(words[i] >> (8 * b)));
  }
  return bytes;
}

RansDecoder::RansDecoder(std::span<const uint8_t> bytes) : bytes_(bytes) {
  if (bytes.empty()) return;
  state_ = 0;
  for (int i = 0; i < 8; ++i) {
    if (position_ < bytes_.size()) {
      state_ |= static_cast<uint64_t>(bytes_[position_++]) << (8 * i);
    } else {
      overrun_ = true;
    }
  }
}

}  // namespace takt::splat
