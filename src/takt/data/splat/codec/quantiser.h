// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "takt/data/splat/codec/bit_io.h"
#include "takt/data/splat/codec/rans.h"

namespace takt::splat {

// Two ways to turn a group of real samples into symbols.
//   magnitude: transform coefficients around zero. k = sign * m, value = sign * (m - shrink) * 2^(step / 4). The symbol
//     is the bucket of m (exact up to 8, two buckets an octave above); sign and position in the bucket are raw bits.
//   linear: values in [0, 1) without a favourite. 2^bits cells, value = centre. The symbol is the top `top_bits` of the
//     cell number, the rest are raw bits.
enum class CodeKind : uint8_t { kMagnitude, kLinear };

inline constexpr int64_t kCostUnit = 256;      // costs are counted in 1/256 bit
inline constexpr uint32_t kMaxMagnitude = 32767;
inline constexpr int kMaxBuckets = 33;
inline constexpr int kMaxLinearBits = 15;
inline constexpr int kMaxTopBits = 7;
inline constexpr int kMinStep = -128, kMaxStep = 127;

int BucketOf(uint32_t magnitude);
uint32_t BucketBase(int bucket);
int BucketExtraBits(int bucket);
double StepSize(int step);                 // 2^(step / 4), the same bits everywhere
inline double Shrink(int code) { return (code - 8) / 24.0; }  // 4-bit code

// Everything a decoder must know about one (channel, group).
struct GroupCode {
  bool constant = true;   // every symbol is zero (magnitude) or every value 1/2 (linear)
  int8_t step = 0;        // magnitude
  uint8_t shrink = 8;     // magnitude, 4 bits
  uint8_t bits = 0;       // linear
  uint8_t top_bits = 0;   // linear
  uint8_t symbols = 1;    // table size, magnitude
  std::array<uint8_t, kMaxSymbols> stop_codes{};

  int64_t TableBits(CodeKind kind) const;
  void Write(CodeKind kind, BitWriter* writer) const;
  // Errors: bad_input naming `subject` for values no encoder writes.
  static GroupCode Read(CodeKind kind, BitReader* reader, const std::string& subject);
};

// A way to code one group: what to write, what it takes in kCostUnit (table included), what it loses.
struct GroupOption {
  GroupCode code;
  int64_t cost = 0;
  double distortion = 0;
  double lambda = 0;  // that the symbols were chosen with: the same again gives the same symbols
};

// `costs` [n]: distortion of a squared error of each sample.
struct GroupSamples {
  std::span<const float> values;
  std::span<const float> costs;
};

GroupOption CodeConstant(CodeKind kind, const GroupSamples& group);

// Quantises to nearest with a small dead zone where lambda = 0; otherwise chooses each m among nearest, one less and zero by
// distortion + lambda * bits against the table of a first pass (rate-distortion optimised quantisation). `symbols`
// (optional, [n]) receives k. Returns a constant option where all k are zero, and where a value leaves the range.
GroupOption CodeMagnitudes(const GroupSamples& group, int step, double lambda, int32_t* symbols);

// `symbols` (optional, [n]) receives the cell numbers.
GroupOption CodeLinear(const GroupSamples& group, int bits, int32_t* symbols);

// Puts the symbols of a group; their cost is what the option said.
void PutSymbols(CodeKind kind, const GroupCode& code, std::span<const int32_t> symbols, RansEncoder* coder);
// Reads values.size() samples and dequantises them.
void GetValues(CodeKind kind, const GroupCode& code, RansDecoder* coder, std::span<float> values);
// What GetValues will return for a symbol.
float ValueOf(CodeKind kind, const GroupCode& code, int32_t symbol);

}  // namespace takt::splat
