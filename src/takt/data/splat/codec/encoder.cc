// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/data/splat/codec/codec.h"
#include "takt/data/splat/codec/trial.h"

namespace takt::splat {
namespace {

constexpr size_t kSampleSplats = 24576;  // about as many stand for the whole model while lambda is searched
constexpr size_t kSampleBlock = 256;     // in runs along the Morton curve, so that neighbours stay together
constexpr int kMinDepth = 2;
constexpr double kMinLog2Lambda = -120, kMaxLog2Lambda = 40;
constexpr uint8_t kAllTransforms = kScalesTransformed | kOpacityTransformed | kDcTransformed | kShTransformed;

class Stopwatch {
 public:
  double Lap() {
    const auto now = std::chrono::steady_clock::now();
    const double s = std::chrono::duration<double>(now - start_).count();
    start_ = now;
    return s;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Costs of the container for a file with these channels, in bytes: an upper bound.
int64_t ContainerBytes(int sh_degree) { return 100 + 11 * static_cast<int64_t>(ChannelCount(sh_degree) + 3); }

int64_t CostOfBytes(uint64_t bytes) {
  return static_cast<int64_t>(std::min<uint64_t>(bytes, uint64_t{1} << 48)) * 8 * kCostUnit;
}

class Encoder {
 public:
  Encoder(const SplatSource& source, const EncodeOptions& options) : source_(source), options_(options) {}

  // lambda decides the step of every group and, with the bits that a splat takes, which splats are worth keeping; the
  // file gets larger as it falls, so that one search along one line finds the budget.
  OperatingPoint Search(OperatingPoint point) {
    const double budget_bits =
        8.0 * std::max<double>(1, static_cast<double>(options_.max_bytes) - static_cast<double>(ContainerBytes(source_.sh_degree)));
    double low = kMinLog2Lambda, high = kMaxLog2Lambda;  // too many bits at low, too few at high
    double low_error = 0, high_error = 0;
    bool low_known = false, high_known = false, depth_known = false;
    for (int i = 0; i < 24; ++i) {
      const Estimate e = Try(point);
      const double error = std::log2(std::max(e.bits, 1.0) / budget_bits);
      const bool settled = e.kept == 0 || std::abs(e.bits / static_cast<double>(e.kept) / point.bits_per_splat - 1) < 0.15;
      if (e.kept > 0) point.bits_per_splat = e.bits / static_cast<double>(e.kept);
      if (settled && !depth_known && std::abs(error) < 0.3) {
        FitDepth(&point);
        depth_known = true;
        continue;
      }
      // The threshold follows the bits per splat of the step before; until they agree the error says little.
      if (settled && (std::abs(error) < 0.01 || high - low < 0.02)) break;
      if (settled || std::abs(error) > 0.3) {
        (error > 0 ? low : high) = point.log2_lambda;
        (error > 0 ? low_error : high_error) = error;
        (error > 0 ? low_known : high_known) = true;
      }
      double next;
      if (low_known && high_known) {
        const double t = std::clamp(low_error / (low_error - high_error), 0.1, 0.9);
        next = low + (high - low) * t;
      } else {
        // A bit per sample more or less is two octaves of lambda; a splat has some ten samples that count.
        next = point.log2_lambda + std::clamp(5 * error, -12.0, 12.0);
      }
      point.log2_lambda = std::clamp(next, kMinLog2Lambda, kMaxLog2Lambda);
    }
    return point;
  }

  OperatingPoint Guess() const {
    double removal = 0;
    for (const float r : source_.removal) removal += r;
    OperatingPoint point;
    const double bits = 8.0 * static_cast<double>(options_.max_bytes) + 1;
    if (removal > 0) point.log2_lambda = std::clamp(std::log2(removal / bits) - 4, kMinLog2Lambda, kMaxLog2Lambda);
    return point;
  }

  // The file for the splats that the point keeps, as close under the budget as the groups allow. Empty when even the
  // cheapest choice does not fit.
  std::vector<uint8_t> Encode(const OperatingPoint& point, std::vector<uint32_t> kept, EncodeReport* report) {
    Stopwatch watch;
    double left_out = 0;
    for (const float r : source_.removal) left_out += r;
    for (const uint32_t i : kept) left_out -= source_.removal[i];
    const size_t count = kept.size();
    Trial trial(Subset(source_, kept), point.depth, kAllTransforms, 1);
    double log2_lambda = point.log2_lambda;
    int64_t container = CostOfBytes(static_cast<uint64_t>(ContainerBytes(source_.sh_degree)));
    std::optional<KnapsackSolution> solution;
    const auto allocate = [&] {
      solution = trial.Allocate(CostOfBytes(options_.max_bytes) - container);
      report->allocation_s += watch.Lap();
    };
    // Prices known to be too low (the cheapest options do not fit) and too high (the finest options leave bytes over).
    double low = kMinLog2Lambda - 1, high = kMaxLog2Lambda + 40;
    int reach = 1;
    double stride = 1;
    for (int round = 0; round < 24; ++round) {
      trial.Choose(std::exp2(log2_lambda), reach);
      report->transform_s += watch.Lap();
      allocate();
      double next;
      if (!solution) {
        low = log2_lambda;
        next = log2_lambda + (stride *= 2);
        if (next >= kMaxLog2Lambda + 40) return {};
      } else if (solution->lambda > 0) {
        next = std::log2(solution->lambda * kCostUnit);
        if (std::abs(next - log2_lambda) < 0.5) break;
        next = 0.5 * (log2_lambda + next);
      } else {
        if (log2_lambda <= kMinLog2Lambda) break;
        high = log2_lambda;
        reach = 4;
        next = log2_lambda - (stride *= 2);
      }
      if (!(next > low && next < high)) next = 0.5 * (low + high);
      if (high - low < 0.02 && solution) break;
      log2_lambda = std::max(next, kMinLog2Lambda);
    }
    if (!solution) return {};
    std::vector<uint8_t> best;
    uint64_t margin = 0;
    for (int round = 0; round < 8 && solution; ++round) {
      std::vector<uint8_t> file = WriteTks(trial.Write());
      const int64_t actual = CostOfBytes(file.size());
      if (file.size() <= options_.max_bytes && file.size() > best.size()) {
        best = std::move(file);
        report->predicted_bytes = static_cast<uint64_t>((solution->cost + container) / (8 * kCostUnit));
        report->lp_bound = solution->lp_bound;
        report->lp_gap = solution->gap();
        report->coding_mse = trial.Chosen().distortion;
      }
      // What really lies between the sum of the tables and the file. Streams end at whole words, so another choice may
      // need a few bytes more; each file that is too large asks for a wider margin.
      if (actual > CostOfBytes(options_.max_bytes)) margin = std::max<uint64_t>(4, 2 * margin);
      container = actual - solution->cost + CostOfBytes(margin);
      report->write_s += watch.Lap();
      if (static_cast<double>(best.size()) >= 0.9999 * static_cast<double>(options_.max_bytes)) break;
      if (solution->lambda == 0 && !best.empty()) break;
      allocate();
    }
    // The reader takes a splat for at least a byte of file.
    if (count > best.size()) return {};
    report->kept = count;
    report->octree_depth = point.depth;
    report->removal_mse = std::max(0.0, left_out);
    report->lambda = std::exp2(log2_lambda);
    return best;
  }

  std::vector<uint32_t> Kept(const OperatingPoint& point) const {
    std::vector<uint32_t> kept = Kept(Threshold(point), 1);
    // No splat takes less than 16 bits; so many would never fit.
    const size_t most = std::max<size_t>(1, options_.max_bytes / 2);
    return kept.empty() || kept.size() > most ? MostImportant(kept.empty() ? 1 : most) : kept;
  }

  std::vector<uint32_t> MostImportant(size_t count) const {
    std::vector<uint32_t> order(source_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint32_t>(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return source_.removal[a] > source_.removal[b]; });
    order.resize(std::min(count, order.size()));
    std::sort(order.begin(), order.end());
    return order;
  }

  // The smallest file there is: one splat, every group constant.
  std::vector<uint8_t> Smallest() const {
    Trial trial(Subset(source_, MostImportant(1)), 1, kAllTransforms, 0);
    trial.Choose(std::exp2(100.0));
    return WriteTks(trial.Write());
  }

 private:
  double Threshold(const OperatingPoint& point) const {
    if (options_.keep_all) return -1;
    return std::exp2(point.log2_lambda) * point.bits_per_splat * options_.prune_bias;
  }

  std::vector<uint32_t> Kept(double threshold, size_t stride) const {
    std::vector<uint32_t> kept;
    for (size_t i = 0; i < source_.size(); ++i) {
      if (i / kSampleBlock % stride == 0 && source_.removal[i] >= threshold) kept.push_back(static_cast<uint32_t>(i));
    }
    return kept;
  }

  struct Estimate {
    double bits = 0;  // of the whole file, without the container
    double loss = 0;  // distortion + lambda bits, of the sample
    size_t kept = 0;
  };
  Estimate Try(const OperatingPoint& point) const {
    const size_t stride = std::max<size_t>(1, source_.size() / kSampleSplats);
    const std::vector<uint32_t> kept = Kept(Threshold(point), stride);
    if (kept.empty()) return {};
    Trial trial(Subset(source_, kept), point.depth, kAllTransforms, 0);
    const double lambda = std::exp2(point.log2_lambda);
    const Trial::Totals totals = trial.Choose(lambda);
    const double bits = static_cast<double>(totals.cost) / kCostUnit, tables = static_cast<double>(totals.tables) / kCostUnit;
    return {(bits - tables) * static_cast<double>(stride) + tables, totals.distortion + lambda * bits, kept.size() * stride};
  }

  // The octree depth with the least loss at this lambda; the loss has one valley.
  void FitDepth(OperatingPoint* point) const {
    double best = Try(*point).loss;
    for (const int direction : {1, -1}) {
      bool moved = false;
      while (true) {
        OperatingPoint next = *point;
        next.depth += direction;
        if (next.depth < kMinDepth || next.depth > kMaxOctreeDepth) break;
        const double loss = Try(next).loss;
        if (!(loss < best)) break;
        best = loss;
        *point = next;
        moved = true;
      }
      if (moved) break;
    }
  }

  const SplatSource& source_;
  const EncodeOptions& options_;
};

}  // namespace

OperatingPoint SearchOperatingPoint(const SplatSource& source, const EncodeOptions& options,
                                    const std::optional<OperatingPoint>& start) {
  Encoder encoder(source, options);
  return encoder.Search(start.value_or(encoder.Guess()));
}

std::vector<uint8_t> EncodeTks(const SplatSource& source, const EncodeOptions& options, EncodeReport* report,
                               const std::optional<OperatingPoint>& known) {
  EncodeReport local;
  if (report == nullptr) report = &local;
  *report = {};
  Stopwatch watch;
  Encoder encoder(source, options);
  // Far below what one splat takes there is nothing to search.
  std::vector<uint8_t> file;
  const std::vector<uint8_t> smallest = encoder.Smallest();
  if (options.max_bytes < smallest.size()) {
    throw Error(ErrorCode::kInfeasibleBudget, "the byte budget",
                std::to_string(options.max_bytes) + " bytes do not hold a single splat",
                "ask for at least " + std::to_string(smallest.size()) + " bytes");
  }
  OperatingPoint point = known ? *known : encoder.Search(encoder.Guess());
  report->search_s = watch.Lap();
  std::vector<uint32_t> kept = encoder.Kept(point);
  while (true) {
    file = encoder.Encode(point, kept, report);
    if (!file.empty() || kept.size() <= 1) break;
    if (options.keep_all) {
      throw Error(ErrorCode::kInfeasibleBudget, "the byte budget",
                  std::to_string(options.max_bytes) + " bytes do not hold all " + std::to_string(kept.size()) + " splats",
                  "ask for more bytes, or let splats be left out");
    }
    kept = encoder.MostImportant(kept.size() / 2);
  }
  if (file.empty()) {
    file = smallest;
    report->kept = 1;
    report->octree_depth = 1;
  }
  report->total = source.size();
  report->bytes = ReadTksInfo(file, "the new file").bytes;
  report->budget.quantity = "bytes";
  report->budget.unit = "B";
  report->budget.asked = static_cast<double>(options.max_bytes);
  report->budget.used = static_cast<double>(file.size());
  report->budget.proof = "size of the encoded file";
  if (static_cast<double>(file.size()) < 0.998 * static_cast<double>(options.max_bytes)) {
    report->budget.left_because = report->kept == source.size() ? "every splat is coded at the finest precision of the format"
                                                                : "no further upgrade of a group fits into so small a file";
  }
  return file;
}

std::vector<uint8_t> EncodeTks(const Splats& splats, const Sensitivity& sensitivity, const EncodeOptions& options,
                               EncodeReport* report) {
  CheckSplats(splats, "the splats");
  return EncodeTks(PrepareSource(splats, sensitivity, "the splats"), options, report);
}

}  // namespace takt::splat
