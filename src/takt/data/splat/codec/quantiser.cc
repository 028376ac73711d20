// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/quantiser.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "takt/data/splat/codec/det_math.h"

namespace takt::splat {
namespace {

constexpr float kDeadZone = 0.08f;      // without RDOQ: rounds up from 0.58
constexpr float kDeadZoneFirst = 0.12f;  // the pass that only finds the table for RDOQ
constexpr uint32_t kSmall = 1024;
constexpr size_t kManySamples = 2048, kTableStride = 5;

struct BucketTable {
  std::array<uint8_t, kSmall> of;
  BucketTable() {
    for (uint32_t m = 0; m < kSmall; ++m) of[m] = static_cast<uint8_t>(Compute(m));
  }
  static int Compute(uint32_t m) {
    if (m <= 8) return static_cast<int>(m);
    const uint32_t v = m - 1;
    const int octave = std::bit_width(v) - 1;
    return 9 + 2 * (octave - 3) + static_cast<int>(v >> (octave - 1) & 1);
  }
};
const BucketTable kBuckets;

inline int FastBucketOf(uint32_t magnitude) {
  return magnitude < kSmall ? kBuckets.of[magnitude] : BucketTable::Compute(magnitude);
}

int64_t CostOfBits(double bits) { return static_cast<int64_t>(std::ceil(bits * static_cast<double>(kCostUnit))); }

struct BucketCounts {
  std::array<uint32_t, kMaxBuckets> counts{};
  int used() const {
    int n = kMaxBuckets;
    while (n > 1 && counts[n - 1] == 0) --n;
    return n;
  }
};

// Fits the table to the counts; returns the bits of all symbols, signs and positions in buckets.
double FitMagnitudes(const BucketCounts& histogram, GroupCode* code, std::array<float, kMaxBuckets>* bucket_bits) {
  const int used = histogram.used();
  code->symbols = static_cast<uint8_t>(used);
  FitStopCodes({histogram.counts.data(), static_cast<size_t>(used)}, code->stop_codes.data());
  SymbolTable table;
  table.Build({code->stop_codes.data(), static_cast<size_t>(used - 1)});
  double bits = 0;
  for (int b = 0; b < kMaxBuckets; ++b) {
    const double each = SymbolBits(b < used ? table.frequency[b] : 1) + (b > 0 ? 1 + BucketExtraBits(b) : 0);
    (*bucket_bits)[b] = static_cast<float>(each);
    if (b < used) bits += each * histogram.counts[b];
  }
  return bits;
}

// Sums over the samples that were not quantised to zero, in units of the step.
struct ErrorSums {
  double zero = 0;                    // sum h a^2
  double h = 0, hr = 0, hrr = 0;      // sum h, h (a - m), h (a - m)^2

  uint8_t BestShrink() const {
    if (!(h > 0)) return 8;
    return static_cast<uint8_t>(std::clamp(static_cast<int>(std::floor(-hr / h * 24.0 + 8.5)), 0, 15));
  }
  double Distortion(double step, uint8_t shrink) const {
    const double s = Shrink(shrink);
    return step * step * std::max(0.0, zero + hrr + 2 * s * hr + s * s * h);
  }
};

}  // namespace

int BucketOf(uint32_t magnitude) { return FastBucketOf(magnitude); }

uint32_t BucketBase(int bucket) {
  if (bucket <= 8) return static_cast<uint32_t>(bucket);
  const int octave = (bucket - 9) / 2 + 3, half = (bucket - 9) & 1;
  return (static_cast<uint32_t>(2 + half) << (octave - 1)) + 1;
}

int BucketExtraBits(int bucket) { return bucket <= 8 ? 0 : (bucket - 9) / 2 + 2; }

double StepSize(int step) {
  static constexpr double kQuarter[4] = {1.0, 1.18920711500272106672, 1.41421356237309504880, 1.68179283050742908606};
  const int octave = step >= 0 ? step / 4 : -((3 - step) / 4);
  return std::ldexp(kQuarter[step - 4 * octave], octave);
}

int64_t GroupCode::TableBits(CodeKind kind) const {
  if (constant) return 1;
  if (kind == CodeKind::kMagnitude) return 1 + 8 + 4 + 6 + 6 * (symbols - 1);
  return 1 + 4 + 3 + 6 * ((1 << top_bits) - 1);
}

void GroupCode::Write(CodeKind kind, BitWriter* writer) const {
  writer->Write(constant ? 1 : 0, 1);
  if (constant) return;
  int codes;
  if (kind == CodeKind::kMagnitude) {
    writer->Write(static_cast<uint8_t>(step), 8);
    writer->Write(shrink, 4);
    writer->Write(symbols, 6);
    codes = symbols - 1;
  } else {
    writer->Write(bits, 4);
    writer->Write(top_bits, 3);
    codes = (1 << top_bits) - 1;
  }
  for (int i = 0; i < codes; ++i) writer->Write(stop_codes[i], 6);
}

GroupCode GroupCode::Read(CodeKind kind, BitReader* reader, const std::string& subject) {
  GroupCode code;
  code.constant = reader->Read(1) != 0;
  if (code.constant) return code;
  int codes;
  if (kind == CodeKind::kMagnitude) {
    code.step = static_cast<int8_t>(reader->Read(8));
    code.shrink = static_cast<uint8_t>(reader->Read(4));
    code.symbols = static_cast<uint8_t>(reader->Read(6));
    if (code.symbols < 1 || code.symbols > kMaxBuckets) {
      throw Error(ErrorCode::kBadInput, subject, "a table has an impossible size", "the file is damaged");
    }
    codes = code.symbols - 1;
  } else {
    code.bits = static_cast<uint8_t>(reader->Read(4));
    code.top_bits = static_cast<uint8_t>(reader->Read(3));
    if (code.bits == 0 || code.top_bits > code.bits) {
      throw Error(ErrorCode::kBadInput, subject, "a table has an impossible size", "the file is damaged");
    }
    codes = (1 << code.top_bits) - 1;
  }
  for (int i = 0; i < codes; ++i) code.stop_codes[i] = static_cast<uint8_t>(reader->Read(6));
  return code;
}

GroupOption CodeConstant(CodeKind kind, const GroupSamples& group) {
  GroupOption option;
  const float centre = kind == CodeKind::kMagnitude ? 0.0f : 0.5f;
  for (size_t i = 0; i < group.values.size(); ++i) {
    const double e = group.values[i] - centre;
    option.distortion += group.costs[i] * e * e;
  }
  option.cost = kCostUnit;
  return option;
}

GroupOption CodeMagnitudes(const GroupSamples& group, int step, double lambda, int32_t* symbols) {
  const size_t n = group.values.size();
  const double size = StepSize(step);
  const float inverse = static_cast<float>(1.0 / size);
  const float rounding = 0.5f - (lambda > 0 ? kDeadZoneFirst : kDeadZone);
  GroupOption option;
  BucketCounts histogram;
  ErrorSums sums;
  const auto constant = [&] {
    if (symbols != nullptr) std::fill(symbols, symbols + n, 0);
    return CodeConstant(CodeKind::kMagnitude, group);
  };
  // For RDOQ this pass only finds a table to decide by; part of the samples tells as much.
  const size_t stride = lambda > 0 && n >= kManySamples ? kTableStride : 1;
  for (size_t i = 0; i < n; i += stride) {
    const float a = std::abs(group.values[i]) * inverse;
    if (!(a < static_cast<float>(kMaxMagnitude))) return constant();
    const auto m = static_cast<uint32_t>(a + rounding);
    ++histogram.counts[FastBucketOf(m)];
    if (lambda > 0) continue;
    const double h = group.costs[i];
    if (m == 0) {
      sums.zero += h * a * a;
    } else {
      const double r = a - static_cast<float>(m);
      sums.h += h, sums.hr += h * r, sums.hrr += h * r * r;
    }
    if (symbols != nullptr) symbols[i] = group.values[i] < 0 ? -static_cast<int32_t>(m) : static_cast<int32_t>(m);
  }
  if (histogram.used() == 1 && stride == 1) return constant();
  option.code.constant = false;
  option.lambda = lambda;
  option.code.step = static_cast<int8_t>(step);
  std::array<float, kMaxBuckets> bucket_bits;
  double bits = FitMagnitudes(histogram, &option.code, &bucket_bits);

  if (lambda > 0) {
    // In units of the squared step: a bit is worth as much as this much h-weighted squared error.
    const double bit_worth = lambda / (size * size);
    std::array<float, 64> small_bits;
    for (uint32_t m = 0; m < 64; ++m) small_bits[m] = static_cast<float>(bit_worth * bucket_bits[FastBucketOf(m)]);
    const auto bits_of = [&](uint32_t m) {
      return m < 64 ? small_bits[m] : static_cast<float>(bit_worth * bucket_bits[FastBucketOf(m)]);
    };
    const float zero_bits = small_bits[0];
    const float floor_cost = small_bits[1] - zero_bits;  // what leaving zero takes at least
    BucketCounts chosen;
    ErrorSums after;
    for (size_t i = 0; i < n; ++i) {
      const float a = std::abs(group.values[i]) * inverse, h = group.costs[i];
      if (!(a < static_cast<float>(kMaxMagnitude))) return constant();
      uint32_t best = 0;
      // Coding m saves at most h a^2.
      if (h * a * a > floor_cost) {
        const auto m = static_cast<uint32_t>(a + 0.5f);
        float best_loss = h * a * a + zero_bits;
        for (uint32_t candidate = m; candidate > 0 && candidate + 2 > m; --candidate) {
          const float r = a - static_cast<float>(candidate);
          const float loss = h * r * r + bits_of(candidate);
          if (loss < best_loss) {
            best_loss = loss;
            best = candidate;
          }
        }
      }
      ++chosen.counts[FastBucketOf(best)];
      if (best == 0) {
        after.zero += static_cast<double>(h) * a * a;
      } else {
        const double r = a - static_cast<float>(best);
        after.h += h, after.hr += h * r, after.hrr += h * r * r;
      }
      if (symbols != nullptr) symbols[i] = group.values[i] < 0 ? -static_cast<int32_t>(best) : static_cast<int32_t>(best);
    }
    if (chosen.used() == 1) return constant();
    bits = FitMagnitudes(chosen, &option.code, &bucket_bits);
    sums = after;
  }
  option.code.shrink = sums.BestShrink();
  option.distortion = sums.Distortion(size, option.code.shrink);
  option.cost = CostOfBits(bits) + option.code.TableBits(CodeKind::kMagnitude) * kCostUnit;
  return option;
}

GroupOption CodeLinear(const GroupSamples& group, int bits, int32_t* symbols) {
  const size_t n = group.values.size();
  GroupOption option;
  option.code.constant = false;
  option.code.bits = static_cast<uint8_t>(bits);
  const int top = std::min(bits, kMaxTopBits);
  const auto cells = static_cast<float>(1 << bits);
  const int32_t last = (1 << bits) - 1;
  std::array<uint32_t, 1 << kMaxTopBits> counts{};
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    const float a = group.values[i] * cells;
    const int32_t q = std::clamp(static_cast<int32_t>(a), 0, last);
    const double r = a - (static_cast<float>(q) + 0.5f);
    sum += group.costs[i] * r * r;
    ++counts[static_cast<size_t>(q >> (bits - top))];
    if (symbols != nullptr) symbols[i] = q;
  }
  option.distortion = sum / (static_cast<double>(cells) * cells);
  option.cost = (static_cast<int64_t>(n) * bits + option.code.TableBits(CodeKind::kLinear)) * kCostUnit;
  // The table resolution that pays best.
  for (int t = top; t >= 1; --t) {
    GroupCode code = option.code;
    code.top_bits = static_cast<uint8_t>(t);
    const std::span<const uint32_t> used(counts.data(), size_t{1} << t);
    FitStopCodes(used, code.stop_codes.data());
    SymbolTable table;
    table.Build({code.stop_codes.data(), used.size() - 1});
    double total = static_cast<double>(n) * (bits - t);
    for (size_t s = 0; s < used.size(); ++s) total += used[s] * SymbolBits(table.frequency[s]);
    const int64_t cost = CostOfBits(total) + code.TableBits(CodeKind::kLinear) * kCostUnit;
    if (cost < option.cost) {
      option.cost = cost;
      option.code = code;
    }
    for (size_t s = 0; s < used.size() / 2; ++s) counts[s] = counts[2 * s] + counts[2 * s + 1];
  }
  return option;
}

void PutSymbols(CodeKind kind, const GroupCode& code, std::span<const int32_t> symbols, RansEncoder* coder) {
  if (code.constant) return;
  SymbolTable table;
  if (kind == CodeKind::kLinear) {
    table.Build({code.stop_codes.data(), (size_t{1} << code.top_bits) - 1});
    const int low = code.bits - code.top_bits;
    for (const int32_t q : symbols) {
      if (code.top_bits > 0) coder->Put(table.start[q >> low], table.frequency[q >> low]);
      coder->PutRaw(static_cast<uint32_t>(q) & ((1u << low) - 1), low);
    }
    return;
  }
  table.Build({code.stop_codes.data(), static_cast<size_t>(code.symbols - 1)});
  for (const int32_t k : symbols) {
    const auto m = static_cast<uint32_t>(std::abs(k));
    const int bucket = BucketOf(m);
    coder->Put(table.start[bucket], table.frequency[bucket]);
    if (bucket == 0) continue;
    coder->PutRaw(k < 0 ? 1 : 0, 1);
    coder->PutRaw(m - BucketBase(bucket), BucketExtraBits(bucket));
  }
}

float ValueOf(CodeKind kind, const GroupCode& code, int32_t symbol) {
  if (kind == CodeKind::kLinear) {
    if (code.constant) return 0.5f;
    return static_cast<float>((symbol + 0.5) / static_cast<double>(1 << code.bits));
  }
  if (code.constant || symbol == 0) return 0.0f;
  const double m = std::abs(symbol) - Shrink(code.shrink);
  return static_cast<float>((symbol < 0 ? -m : m) * StepSize(code.step));
}

void GetValues(CodeKind kind, const GroupCode& code, RansDecoder* coder, std::span<float> values) {
  if (code.constant) {
    std::fill(values.begin(), values.end(), ValueOf(kind, code, 0));
    return;
  }
  SymbolTable table;
  table.Build({code.stop_codes.data(),
               kind == CodeKind::kLinear ? (size_t{1} << code.top_bits) - 1 : static_cast<size_t>(code.symbols - 1)});
  std::array<uint8_t, kProbabilityOne> symbol_at;
  for (int s = 0; s < table.count; ++s) {
    std::fill_n(symbol_at.begin() + table.start[s], table.frequency[s], static_cast<uint8_t>(s));
  }
  const auto next = [&] {
    const int s = symbol_at[coder->Slot()];
    coder->Advance(table.start[s], table.frequency[s]);
    return s;
  };
  if (kind == CodeKind::kLinear) {
    const int low = code.bits - code.top_bits;
    for (float& value : values) {
      uint32_t q = code.top_bits > 0 ? static_cast<uint32_t>(next()) << low : 0;
      if (low > 0) q |= coder->Raw(low);
      value = ValueOf(kind, code, static_cast<int32_t>(q));
    }
    return;
  }
  std::array<float, 9> exact;
  for (int m = 0; m < 9; ++m) exact[m] = ValueOf(kind, code, m);
  for (float& value : values) {
    const int bucket = next();
    if (bucket == 0) {
      value = 0.0f;
      continue;
    }
    const bool negative = coder->Raw(1) != 0;
    float magnitude;
    if (bucket <= 8) {
      magnitude = exact[bucket];
    } else {
      const uint32_t m = BucketBase(bucket) + coder->Raw(BucketExtraBits(bucket));
      magnitude = ValueOf(kind, code, static_cast<int32_t>(m));
    }
    value = negative ? -magnitude : magnitude;
  }
}

}  // namespace takt::splat
