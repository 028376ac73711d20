// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
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
constexpr int kMinDepth = 5, kMaxDepth = kMaxOctreeDepth;
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

// The operating point: everything else follows from it.
struct Point {
  double log2_lambda = 0;
  double threshold = 0;  // splats whose removal costs less are left out
  int depth = 10;
};

class Encoder {
 public:
  Encoder(const SplatSource& source, const EncodeOptions& options) : source_(source), options_(options) {}

  std::vector<uint8_t> Run(EncodeReport* report) {
    Stopwatch watch;
    Point point = Search();
    report->search_s = watch.Lap();
    std::vector<uint8_t> file = Finish(point, report);
    report->total = source_.size();
    return file;
  }

 private:
  double Threshold(double log2_lambda, double bits_per_splat) const {
    if (options_.keep_all) return -1;
    return std::exp2(log2_lambda) * bits_per_splat * options_.prune_bias;
  }

  std::vector<uint32_t> Kept(double threshold, size_t stride) const {
    std::vector<uint32_t> kept;
    for (size_t i = 0; i < source_.size(); ++i) {
      if (i / kSampleBlock % stride == 0 && source_.removal[i] >= threshold) kept.push_back(static_cast<uint32_t>(i));
    }
    return kept;
  }

  struct Estimate {
    double bits = 0;    // of the whole file, without the container
    double loss = 0;    // distortion + lambda bits, of the sample
    size_t kept = 0;
  };
  Estimate Try(const Point& point) {
    const size_t stride = std::max<size_t>(1, source_.size() / kSampleSplats);
    const std::vector<uint32_t> kept = Kept(point.threshold, stride);
    if (kept.empty()) return {};
    Trial trial(Subset(source_, kept), point.depth, kAllTransforms, 0);
    const double lambda = std::exp2(point.log2_lambda);
    const Trial::Totals totals = trial.Choose(lambda);
    const double bits = static_cast<double>(totals.cost) / kCostUnit;
    return {bits * static_cast<double>(stride), totals.distortion + lambda * bits, kept.size() * stride};
  }

  // lambda decides the step of every group and, with the bits that a splat takes, which splats are worth keeping; the
  // file gets larger as it falls, so that one search along one line finds the budget.
  Point Search() {
    const double budget_bits =
        8.0 * std::max<double>(1, static_cast<double>(options_.max_bytes) - ContainerBytes(source_.sh_degree));
    double removal = 0;
    for (const float r : source_.removal) removal += r;
    Point point;
    point.depth = 10;
    point.log2_lambda = removal > 0 ? std::clamp(std::log2(removal / budget_bits) - 4, kMinLog2Lambda, kMaxLog2Lambda) : -30;
    double bits_per_splat = 80;
    const auto evaluate = [&] {
      Estimate e;
      // The threshold needs the bits per splat, which need the threshold: two rounds settle it well enough.
      for (int round = 0; round < 2; ++round) {
        point.threshold = Threshold(point.log2_lambda, bits_per_splat);
        e = Try(point);
        if (e.kept == 0) break;
        const double now = e.bits / static_cast<double>(e.kept);
        const bool settled = std::abs(now / bits_per_splat - 1) < 0.1;
        bits_per_splat = now;
        if (settled) break;
      }
      return e;
    };
    double low = kMinLog2Lambda, high = kMaxLog2Lambda;  // too many bits at low, too few at high
    double low_error = 0, high_error = 0;
    bool low_known = false, high_known = false;
    for (int i = 0; i < 20; ++i) {
      const Estimate e = evaluate();
      const double error = std::log2(std::max(e.bits, 1.0) / budget_bits);
      if (std::abs(error) < 0.008) break;
      (error > 0 ? low : high) = point.log2_lambda;
      (error > 0 ? low_error : high_error) = error;
      (error > 0 ? low_known : high_known) = true;
      if (high - low < 0.02) break;
      double next;
      if (low_known && high_known) {
        const double t = std::clamp(low_error / (low_error - high_error), 0.15, 0.85);
        next = low + (high - low) * t;
      } else {
        // A bit per sample more or less is two octaves of lambda; a splat has some ten samples that count.
        next = point.log2_lambda + std::clamp(6 * error, -12.0, 12.0) + (error > 0 ? 0.3 : -0.3);
      }
      point.log2_lambda = std::clamp(next, kMinLog2Lambda, kMaxLog2Lambda);
      if (i == 3) FitDepth(&point);
    }
    FitDepth(&point);
    return point;
  }

  // The octree depth with the least loss at this lambda; the loss has one valley.
  void FitDepth(Point* point) {
    double best = Try(*point).loss;
    for (const int direction : {1, -1}) {
      bool moved = false;
      while (true) {
        Point next = *point;
        next.depth += direction;
        if (next.depth < kMinDepth || next.depth > kMaxDepth) break;
        const double loss = Try(next).loss;
        if (!(loss < best)) break;
        best = loss;
        *point = next;
        moved = true;
      }
      if (moved) break;
    }
  }

  std::vector<uint8_t> Finish(Point point, EncodeReport* report) {
    Stopwatch watch;
    const int64_t budget = static_cast<int64_t>(options_.max_bytes) * 8 * kCostUnit;
    std::vector<uint32_t> kept = Kept(point.threshold, 1);
    if (kept.empty()) kept = MostImportant(1);
    double left_out = 0;
    for (const float r : source_.removal) left_out += r;
    for (const uint32_t i : kept) left_out -= source_.removal[i];
    Trial trial(Subset(source_, kept), point.depth, kAllTransforms, 1);
    double log2_lambda = point.log2_lambda;
    int64_t container = ContainerBytes(source_.sh_degree) * 8 * kCostUnit;
    KnapsackSolution solution;
    for (int round = 0; round < 6; ++round) {
      trial.Choose(std::exp2(log2_lambda));
      report->transform_s += watch.Lap();
      bool fits = true;
      try {
        solution = trial.Allocate(budget - container);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kInfeasibleBudget) throw;
        fits = false;
      }
      report->allocation_s += watch.Lap();
      if (!fits) {
        log2_lambda += 2;
        continue;
      }
      const double found = solution.lambda > 0 ? std::log2(solution.lambda * kCostUnit) : log2_lambda - 2;
      if (std::abs(found - log2_lambda) < 0.3) break;
      log2_lambda = 0.5 * (log2_lambda + found);
    }
    std::vector<uint8_t> best;
    for (int round = 0; round < 6; ++round) {
      const TksParts parts = trial.Write();
      std::vector<uint8_t> file = WriteTks(parts);
      report->predicted_bytes = static_cast<uint64_t>((solution.cost + container) / (8 * kCostUnit));
      const int64_t actual = static_cast<int64_t>(file.size()) * 8 * kCostUnit;
      container += actual - (solution.cost + container);  // what really lies between the tables' sum and the file
      if (file.size() <= options_.max_bytes && file.size() > best.size()) {
        best = std::move(file);
        report->lp_bound = solution.lp_bound;
        report->lp_gap = solution.gap();
        report->coding_mse = trial.Chosen().distortion;
      }
      report->write_s += watch.Lap();
      if (best.size() + 8 >= options_.max_bytes || static_cast<double>(best.size()) >= 0.9998 * static_cast<double>(options_.max_bytes)) break;
      solution = trial.Allocate(budget - container);
      report->allocation_s += watch.Lap();
    }
    report->kept = kept.size();
    report->octree_depth = point.depth;
    report->removal_mse = left_out;
    report->lambda = std::exp2(log2_lambda);
    return best;
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

  const SplatSource& source_;
  const EncodeOptions& options_;
};

}  // namespace

std::vector<uint8_t> EncodeTks(const SplatSource& source, const EncodeOptions& options, EncodeReport* report) {
  EncodeReport local;
  if (report == nullptr) report = &local;
  *report = {};
  std::vector<uint8_t> file = Encoder(source, options).Run(report);
  report->bytes = ReadTksInfo(file, "the new file").bytes;
  report->budget.quantity = "bytes";
  report->budget.unit = "B";
  report->budget.asked = static_cast<double>(options.max_bytes);
  report->budget.used = static_cast<double>(file.size());
  report->budget.proof = "size of the encoded file";
  return file;
}

std::vector<uint8_t> EncodeTks(const Splats& splats, const Sensitivity& sensitivity, const EncodeOptions& options,
                               EncodeReport* report) {
  CheckSplats(splats, "the splats");
  return EncodeTks(PrepareSource(splats, sensitivity, "the splats"), options, report);
}

}  // namespace takt::splat
