// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <string_view>

namespace takt::serve {
namespace {

// Prometheus knows NaN, +Inf and -Inf by these names.
std::string Number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

void Head(std::string* text, std::string_view name, std::string_view type, std::string_view help) {
  *text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void Summary(std::string* text, std::string_view name, std::string_view help, const LatencyWindow& window,
             double now_s) {
  Head(text, name, "summary", help);
  for (const double q : {0.5, 0.95, 0.99}) {
    *text += fmt::format("{}{{quantile=\"{}\"}} {}\n", name, q, Number(window.QuantileSeconds(q, now_s)));
  }
  *text += fmt::format("{}_sum {}\n{}_count {}\n", name, Number(window.sum_s()), name, window.count());
}

void Gauge(std::string* text, std::string_view name, std::string_view help, double value) {
  Head(text, name, "gauge", help);
  *text += fmt::format("{} {}\n", name, Number(value));
}

}  // namespace

LatencyWindow::LatencyWindow() {
  for (Slot& slot : slots_) slot.counts.resize(kBuckets);
}

// In units of 64 ns: below 64 units a bucket each, then 64 buckets in each doubling.
size_t LatencyWindow::BucketOf(double seconds) {
  const double units = std::clamp(seconds, 1e-6, 3600.0) / 64e-9;
  const uint64_t value = static_cast<uint64_t>(units);
  const int octave = std::max(0, static_cast<int>(std::bit_width(value)) - 1 - kSubBits);
  const size_t bucket = octave == 0 ? value : (size_t{static_cast<size_t>(octave)} << kSubBits) + (value >> octave);
  return std::min(bucket, kBuckets - 1);
}

double LatencyWindow::MiddleSeconds(size_t bucket) {
  const size_t octave = bucket < (size_t{2} << kSubBits) ? 0 : (bucket >> kSubBits) - 1;
  const double low = std::ldexp(static_cast<double>(bucket - (octave << kSubBits)), static_cast<int>(octave));
  return (low + 0.5 * std::ldexp(1.0, static_cast<int>(octave))) * 64e-9;
}

void LatencyWindow::Add(double seconds, double now_s) {
  const int64_t number = static_cast<int64_t>(now_s / (kWindowS / kSlots));
  Slot& slot = slots_[static_cast<size_t>(number % kSlots)];
  if (slot.number != number) {
    std::fill(slot.counts.begin(), slot.counts.end(), 0);
    slot.number = number;
  }
  ++slot.counts[BucketOf(seconds)];
  sum_s_ += seconds;
  ++count_;
}

double LatencyWindow::QuantileSeconds(double q, double now_s) const {
  const int64_t number = static_cast<int64_t>(now_s / (kWindowS / kSlots));
  const auto is_recent = [&](const Slot& slot) { return slot.number >= 0 && slot.number > number - kSlots; };
  uint64_t in_all = 0;
  for (const Slot& slot : slots_) {
    if (is_recent(slot)) in_all = std::accumulate(slot.counts.begin(), slot.counts.end(), in_all);
  }
  if (in_all == 0) return std::numeric_limits<double>::quiet_NaN();
  const double wanted = std::max(1.0, std::ceil(q * static_cast<double>(in_all)));
  uint64_t below = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    for (const Slot& slot : slots_) below += is_recent(slot) ? slot.counts[bucket] : 0;
    if (static_cast<double>(below) >= wanted) return MiddleSeconds(bucket);
  }
  return MiddleSeconds(kBuckets - 1);
}

void ServeMetrics::CountReceived() {
  const std::lock_guard lock(mutex_);
  ++received_;
}
void ServeMetrics::CountAnswer(Status status) {
  const std::lock_guard lock(mutex_);
  ++answered_[static_cast<size_t>(status)];
}
void ServeMetrics::AddQueue(double seconds, double now_s) {
  const std::lock_guard lock(mutex_);
  queue_.Add(seconds, now_s);
}
void ServeMetrics::AddInference(double seconds, double now_s) {
  const std::lock_guard lock(mutex_);
  inference_.Add(seconds, now_s);
}
void ServeMetrics::AddTotal(double seconds, double now_s) {
  const std::lock_guard lock(mutex_);
  total_.Add(seconds, now_s);
}

uint64_t ServeMetrics::Received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}
uint64_t ServeMetrics::Answered(Status status) const {
  const std::lock_guard lock(mutex_);
  return answered_[static_cast<size_t>(status)];
}
ServeReport ServeMetrics::Report(double now_s) const {
  const std::lock_guard lock(mutex_);
  const auto ms = [&](const LatencyWindow& window, double q) { return 1e3 * window.QuantileSeconds(q, now_s); };
  return {received_,       answered_,        ms(inference_, 0.5), ms(inference_, 0.95), ms(inference_, 0.99),
          ms(total_, 0.5), ms(total_, 0.95), ms(total_, 0.99)};
}

std::string ServeMetrics::Prometheus(const Health& health, double now_s) const {
  const std::lock_guard lock(mutex_);
  std::string text;
  Head(&text, "takt_policy_received_total", "counter", "Requests that arrived.");
  text += fmt::format("takt_policy_received_total {}\n", received_);
  Head(&text, "takt_policy_answers_total", "counter", "Answers by status; each request gets one.");
  for (int i = 0; i < kStatusCount; ++i) {
    text += fmt::format("takt_policy_answers_total{{status=\"{}\"}} {}\n", StatusName(static_cast<Status>(i)),
                        answered_[static_cast<size_t>(i)]);
  }
  Summary(&text, "takt_policy_queue_seconds", "From the arrival to the start of the policy.", queue_, now_s);
  Summary(&text, "takt_policy_inference_seconds", "From the start of the policy to its end.", inference_, now_s);
  Summary(&text, "takt_policy_total_seconds", "From the arrival to the answer, of requests that ended ok.", total_,
          now_s);
  Gauge(&text, "takt_policy_up", "1 while the server takes requests and the policy works.", health.is_serving ? 1 : 0);
  Gauge(&text, "takt_policy_uptime_seconds", "Since the start of the server.", health.uptime_s);
  Gauge(&text, "takt_policy_estimate_seconds", "What an inference usually takes.", health.estimate_ms * 1e-3);
  Gauge(&text, "takt_policy_clients", "Clients that are known.", health.clients);
  Gauge(&text, "takt_policy_pending", "Requests that wait.", health.pending);
  return text;
}

}  // namespace takt::serve
