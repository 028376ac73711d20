// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "takt/infer/serve/model.h"
#include "takt/infer/serve/wire.h"

namespace takt::serve {

// Durations of the last minute, for quantiles: buckets that grow with the value, 64 in each doubling, in six slots of
// ten seconds of which the oldest is dropped. Cost: 55 kB, whatever is added; Add is O(1). Not thread-safe. Source: the
// layout of Gil Tene's HdrHistogram.
class LatencyWindow {
 public:
  static constexpr double kWindowS = 60;
  LatencyWindow();
  // `now_s` from a monotonic clock; values outside [1 us, 1 h] count as the nearest end.
  void Add(double seconds, double now_s);
  // The smallest bucket that holds at least a share q of the last minute's values, its middle: within 0.8 % of the
  // exact order statistic. NaN where there are none.
  double QuantileSeconds(double q, double now_s) const;
  double sum_s() const { return sum_s_; }    // since the beginning
  uint64_t count() const { return count_; }  // since the beginning

 private:
  static constexpr int kSlots = 6, kSubBits = 6, kOctaves = 36 - kSubBits;
  static constexpr size_t kBuckets = size_t{kOctaves + 1} << kSubBits;
  struct Slot {
    int64_t number = -1;  // of its ten seconds
    std::vector<uint32_t> counts;
  };
  static size_t BucketOf(double seconds);
  static double MiddleSeconds(size_t bucket);

  std::array<Slot, kSlots> slots_;
  double sum_s_ = 0;
  uint64_t count_ = 0;
};

// What a server did.
struct ServeReport {
  uint64_t received = 0;
  std::array<uint64_t, kStatusCount> answered = {};  // by Status; their sum is `received`
  // Of the last minute; NaN where there was none.
  double inference_p50_ms = 0, inference_p95_ms = 0, inference_p99_ms = 0;
  double total_p50_ms = 0, total_p95_ms = 0, total_p99_ms = 0;
};

// What a server counts. Thread-safe.
class ServeMetrics {
 public:
  void CountReceived();
  void CountAnswer(Status status);
  void AddQueue(double seconds, double now_s);      // arrival to start, of what started
  void AddInference(double seconds, double now_s);  // start to end, of what ran
  void AddTotal(double seconds, double now_s);      // arrival to answer, of what ended ok

  uint64_t Received() const;
  uint64_t Answered(Status status) const;
  ServeReport Report(double now_s) const;

  // The text that Prometheus scrapes: counters, three summaries with quantiles 0.5, 0.95 and 0.99, gauges of `health`.
  std::string Prometheus(const Health& health, double now_s) const;

 private:
  mutable std::mutex mutex_;
  uint64_t received_ = 0;
  std::array<uint64_t, kStatusCount> answered_ = {};
  LatencyWindow queue_, inference_, total_;
};

}  // namespace takt::serve
