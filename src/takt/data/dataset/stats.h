// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/io/image.h"
#include "takt/data/dataset/features.h"
#include "takt/data/dataset/parquet/array.h"

namespace takt::dataset {

inline constexpr std::array<double, 5> kQuantiles = {0.01, 0.10, 0.50, 0.90, 0.99};
inline constexpr std::array<std::string_view, 5> kQuantileNames = {"q01", "q10", "q50", "q90", "q99"};

// What LeRobot keeps about a feature, of one episode or of a set. Values that are not finite are left out; an element
// without any finite value has 0 everywhere.
struct FeatureStats {
  std::vector<int64_t> shape;             // how the lists nest: {6}; {3, 1, 1} of pictures, in [0, 1]
  bool integral = false;                  // min and max are written as integers
  int64_t count = 0;                      // frames; of pictures, those that were sampled
  std::vector<double> min, max, mean, std;  // [elements]; std divides by count
  std::array<std::vector<double>, 5> quantiles;  // [elements] for each of kQuantiles; empty in v2.1

  bool HasQuantiles() const { return !quantiles[0].empty(); }
};
using StatsMap = std::map<std::string, FeatureStats>;

// Linear interpolation between order statistics, as numpy.quantile: at (n - 1) q. Reorders `values`; NaN for none.
double Quantile(std::vector<double>& values, double q);

// [frames, elements] row by row. Exact. Errors: bad_input for strings or a count that is no multiple of `elements`.
FeatureStats ComputeStats(const Values& values, int64_t elements, std::vector<int64_t> shape);

// 8-bit samples of pictures, counted: [3, 256].
struct PictureHistogram {
  int64_t pictures = 0;
  std::array<std::array<uint64_t, 256>, 3> counts{};

  // Every n-th pixel of every n-th row where a picture is larger than 300 pixels, so that about 150 are left.
  void Add(const Image8& rgb);
  void Add(const PictureHistogram& other);
  // Exact for the counted samples, in [0, 1].
  FeatureStats Stats() const;
};

// The frames whose pixels are counted: n^0.75 of n, at least 100, at most 10,000, evenly spread.
// Source: LeRobot, sample_indices.
std::vector<int64_t> SampledFrames(int64_t frames);

// Statistics of the union from those of its parts. Exact for min, max, mean, std and count; quantiles are the means of
// the parts' quantiles weighted by count, as LeRobot aggregates them (an approximation; Finish and `takt dataset stats`
// compute them exactly). Determinism: depends on the order of the calls.
class RunningStats {
 public:
  void Add(const StatsMap& part);
  StatsMap Result() const;

 private:
  struct Sum {
    FeatureStats stats;           // quantiles hold sums of count * value
    std::vector<double> squares;  // sums of squared differences from the mean
    bool quantiles = true;
  };
  std::map<std::string, Sum> sums_;
};

// As info.json's neighbours hold them: {"min": [...], ..., "count": [n]}, nested by shape.
nlohmann::ordered_json StatsToJson(const FeatureStats& stats);
// Errors: bad_input naming `subject`: a key is missing, lists of different lengths.
FeatureStats StatsFromJson(const nlohmann::ordered_json& json, const std::string& subject);

}  // namespace takt::dataset
