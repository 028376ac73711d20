// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::dataset {
namespace {

// Column `element` of [frames, elements], finite values only.
std::vector<double> Gather(const Values& values, size_t element, size_t elements) {
  std::vector<double> column;
  std::visit(
      [&](const auto& all) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(all)>, Blobs>) {
          column.reserve(all.size() / elements);
          for (size_t i = element; i < all.size(); i += elements) {
            const double value = static_cast<double>(all[i]);
            if (std::isfinite(value)) column.push_back(value);
          }
        }
      },
      values);
  return column;
}

nlohmann::ordered_json Nest(const std::vector<double>& values, std::span<const int64_t> shape, bool integral,
                            size_t* at) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (int64_t i = 0; i < shape[0]; ++i) {
    if (shape.size() > 1) {
      list.push_back(Nest(values, shape.subspan(1), integral, at));
    } else if (integral) {
      list.push_back(static_cast<int64_t>(values[(*at)++]));
    } else {
      list.push_back(values[(*at)++]);
    }
  }
  return list;
}

void Flatten(const nlohmann::ordered_json& json, int depth, std::vector<double>* values, const std::string& subject) {
  if (json.is_array()) {
    if (depth > 8) throw Error(ErrorCode::kBadInput, subject, "is nested too deeply");
    for (const auto& item : json) Flatten(item, depth + 1, values, subject);
  } else if (json.is_number()) {
    values->push_back(json.get<double>());
  } else if (json.is_boolean()) {
    values->push_back(json.get<bool>() ? 1 : 0);
  } else if (json.is_null()) {
    values->push_back(std::numeric_limits<double>::quiet_NaN());
  } else {
    throw Error(ErrorCode::kBadInput, subject, "holds something that is no number");
  }
}

}  // namespace

double Quantile(std::vector<double>& values, double q) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double place = static_cast<double>(values.size() - 1) * q;
  const auto low = static_cast<size_t>(place);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(low), values.end());
  const double a = values[low];
  const double part = place - static_cast<double>(low);
  if (!(part > 0) || low + 1 >= values.size()) return a;
  const double b = *std::min_element(values.begin() + static_cast<std::ptrdiff_t>(low) + 1, values.end());
  return a + (b - a) * part;
}

FeatureStats ComputeStats(const Values& values, int64_t elements, std::vector<int64_t> shape) {
  const size_t total = CountValues(values);
  const auto width = static_cast<size_t>(elements);
  if (std::holds_alternative<Blobs>(values)) throw Error(ErrorCode::kBadInput, "statistics", "strings have none");
  if (elements <= 0 || total % width != 0) {
    throw Error(ErrorCode::kBadInput, "statistics", fmt::format("{} values are no rows of {}", total, elements));
  }
  FeatureStats stats;
  stats.shape = std::move(shape);
  stats.integral = !std::holds_alternative<std::vector<float>>(values) &&
                   !std::holds_alternative<std::vector<double>>(values);
  stats.count = static_cast<int64_t>(total / width);
  for (auto* list : {&stats.min, &stats.max, &stats.mean, &stats.std}) list->assign(width, 0.0);
  for (auto& list : stats.quantiles) list.assign(width, 0.0);
  for (size_t e = 0; e < width; ++e) {
    std::vector<double> column = Gather(values, e, width);
    if (column.empty()) continue;
    double sum = 0;
    for (const double v : column) sum += v;
    const double mean = sum / static_cast<double>(column.size());
    double squares = 0;
    for (const double v : column) squares += (v - mean) * (v - mean);
    stats.mean[e] = mean;
    stats.std[e] = std::sqrt(squares / static_cast<double>(column.size()));
    const auto [low, high] = std::minmax_element(column.begin(), column.end());
    stats.min[e] = *low;
    stats.max[e] = *high;
    for (size_t q = 0; q < kQuantiles.size(); ++q) stats.quantiles[q][e] = Quantile(column, kQuantiles[q]);
  }
  return stats;
}

void PictureHistogram::Add(const Image8& rgb) {
  const int longest = std::max(rgb.width_px, rgb.height_px);
  const int step = longest < 300 ? 1 : longest / 150;
  for (int y = 0; y < rgb.height_px; y += step) {
    const uint8_t* p = rgb.row(y);
    for (int x = 0; x < rgb.width_px; x += step) {
      for (size_t c = 0; c < 3; ++c) ++counts[c][p[3 * x + static_cast<int>(c)]];
    }
  }
  ++pictures;
}

void PictureHistogram::Add(const PictureHistogram& other) {
  pictures += other.pictures;
  for (size_t c = 0; c < 3; ++c) {
    for (size_t v = 0; v < 256; ++v) counts[c][v] += other.counts[c][v];
  }
}

FeatureStats PictureHistogram::Stats() const {
  FeatureStats stats;
  stats.shape = {3, 1, 1};
  stats.count = pictures;
  for (auto* list : {&stats.min, &stats.max, &stats.mean, &stats.std}) list->assign(3, 0.0);
  for (auto& list : stats.quantiles) list.assign(3, 0.0);
  for (size_t c = 0; c < 3; ++c) {
    uint64_t n = 0, sum = 0;
    for (size_t v = 0; v < 256; ++v) {
      n += counts[c][v];
      sum += counts[c][v] * v;
    }
    if (n == 0) continue;
    const double mean = static_cast<double>(sum) / static_cast<double>(n);
    double squares = 0;
    size_t low = 256, high = 0;
    for (size_t v = 0; v < 256; ++v) {
      if (counts[c][v] == 0) continue;
      squares += static_cast<double>(counts[c][v]) * (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean);
      low = std::min(low, v);
      high = v;
    }
    // The value at a place in the sorted samples.
    const auto at = [&](uint64_t place) {
      uint64_t before = 0;
      for (size_t v = 0; v < 256; ++v) {
        before += counts[c][v];
        if (place < before) return static_cast<double>(v);
      }
      return 255.0;
    };
    stats.min[c] = static_cast<double>(low) / 255;
    stats.max[c] = static_cast<double>(high) / 255;
    stats.mean[c] = mean / 255;
    stats.std[c] = std::sqrt(squares / static_cast<double>(n)) / 255;
    for (size_t q = 0; q < kQuantiles.size(); ++q) {
      const double place = static_cast<double>(n - 1) * kQuantiles[q];
      const auto floor = static_cast<uint64_t>(place);
      const double a = at(floor), b = at(std::min(floor + 1, n - 1));
      stats.quantiles[q][c] = (a + (b - a) * (place - static_cast<double>(floor))) / 255;
    }
  }
  return stats;
}

std::vector<int64_t> SampledFrames(int64_t frames) {
  if (frames <= 0) return {};
  const auto power = static_cast<int64_t>(std::pow(static_cast<double>(frames), 0.75));
  const int64_t count = std::max(std::min<int64_t>(100, frames), std::min<int64_t>(power, 10000));
  std::vector<int64_t> sampled(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const double place = count == 1 ? 0 : static_cast<double>(i) * static_cast<double>(frames - 1) /
                                              static_cast<double>(count - 1);
    sampled[static_cast<size_t>(i)] = static_cast<int64_t>(std::nearbyint(place));
  }
  return sampled;
}

void RunningStats::Add(const StatsMap& part) {
  for (const auto& [name, stats] : part) {
    if (stats.count <= 0) continue;
    auto [it, fresh] = sums_.try_emplace(name);
    Sum& sum = it->second;
    const size_t width = stats.mean.size();
    const auto n = static_cast<double>(stats.count);
    if (fresh) {
      sum.stats = stats;
      sum.squares.resize(width);
      for (size_t e = 0; e < width; ++e) sum.squares[e] = stats.std[e] * stats.std[e] * n;
      sum.quantiles = stats.HasQuantiles();
      for (auto& list : sum.stats.quantiles) {
        for (double& value : list) value *= n;
      }
      continue;
    }
    if (sum.stats.mean.size() != width) continue;  // the caller's check names such a feature
    const auto have = static_cast<double>(sum.stats.count);
    sum.quantiles = sum.quantiles && stats.HasQuantiles();
    for (size_t e = 0; e < width; ++e) {
      const double delta = stats.mean[e] - sum.stats.mean[e];
      sum.stats.mean[e] += delta * n / (have + n);
      sum.squares[e] += stats.std[e] * stats.std[e] * n + delta * delta * have * n / (have + n);
      sum.stats.min[e] = std::min(sum.stats.min[e], stats.min[e]);
      sum.stats.max[e] = std::max(sum.stats.max[e], stats.max[e]);
      if (!sum.quantiles) continue;
      for (size_t q = 0; q < kQuantiles.size(); ++q) sum.stats.quantiles[q][e] += stats.quantiles[q][e] * n;
    }
    sum.stats.count += stats.count;
  }
}

StatsMap RunningStats::Result() const {
  StatsMap result;
  for (const auto& [name, sum] : sums_) {
    FeatureStats stats = sum.stats;
    const auto n = static_cast<double>(stats.count);
    for (size_t e = 0; e < stats.std.size(); ++e) stats.std[e] = std::sqrt(sum.squares[e] / n);
    for (auto& list : stats.quantiles) {
      if (!sum.quantiles) list.clear();
      for (double& value : list) value /= n;
    }
    result.emplace(name, std::move(stats));
  }
  return result;
}

nlohmann::ordered_json StatsToJson(const FeatureStats& stats) {
  nlohmann::ordered_json json;
  const auto put = [&](std::string_view key, const std::vector<double>& values, bool integral) {
    size_t at = 0;
    json[std::string(key)] = Nest(values, stats.shape, integral, &at);
  };
  put("min", stats.min, stats.integral);
  put("max", stats.max, stats.integral);
  put("mean", stats.mean, false);
  put("std", stats.std, false);
  json["count"] = nlohmann::ordered_json::array({stats.count});
  if (stats.HasQuantiles()) {
    for (size_t q = 0; q < kQuantiles.size(); ++q) put(kQuantileNames[q], stats.quantiles[q], false);
  }
  return json;
}

FeatureStats StatsFromJson(const nlohmann::ordered_json& json, const std::string& subject) {
  if (!json.is_object()) throw Error(ErrorCode::kBadInput, subject, "is no object");
  const auto get = [&](std::string_view key) {
    const auto found = json.find(std::string(key));
    if (found == json.end()) throw Error(ErrorCode::kBadInput, subject, fmt::format("has no '{}'", key));
    std::vector<double> values;
    Flatten(*found, 0, &values, subject);
    return values;
  };
  FeatureStats stats;
  stats.min = get("min");
  stats.max = get("max");
  stats.mean = get("mean");
  stats.std = get("std");
  const std::vector<double> count = get("count");
  if (count.size() != 1 || !(count[0] >= 0) || count[0] > 9e15) {
    throw Error(ErrorCode::kBadInput, subject, "has a 'count' that is no list of one number");
  }
  stats.count = static_cast<int64_t>(count[0]);
  if (json.contains("q01")) {
    for (size_t q = 0; q < kQuantiles.size(); ++q) stats.quantiles[q] = get(kQuantileNames[q]);
  }
  const size_t width = stats.min.size();
  bool same = stats.max.size() == width && stats.mean.size() == width && stats.std.size() == width;
  for (const auto& list : stats.quantiles) same = same && (list.empty() || list.size() == width);
  if (!same || width == 0) throw Error(ErrorCode::kBadInput, subject, "has lists of different lengths");
  const auto& first = json["min"];
  stats.shape.clear();
  for (const nlohmann::ordered_json* level = &first; level->is_array() && !level->empty(); level = &(*level)[0]) {
    stats.shape.push_back(static_cast<int64_t>(level->size()));
  }
  int64_t product = 1;
  for (const int64_t side : stats.shape) product *= side;
  if (stats.shape.empty() || product != static_cast<int64_t>(width)) stats.shape = {static_cast<int64_t>(width)};
  const nlohmann::ordered_json* leaf = &first;
  while (leaf->is_array() && !leaf->empty()) leaf = &(*leaf)[0];
  stats.integral = leaf->is_number_integer() && stats.shape.size() == 1;
  return stats;
}

}  // namespace takt::dataset
