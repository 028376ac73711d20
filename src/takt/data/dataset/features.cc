// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/features.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::dataset {
namespace {

const std::map<std::string_view, ValueKind>& Kinds() {
  static const std::map<std::string_view, ValueKind> kinds = {
      {"float32", ValueKind::kFloat}, {"float64", ValueKind::kDouble}, {"int64", ValueKind::kInt64},
      {"int32", ValueKind::kInt32},   {"int16", ValueKind::kInt32},    {"int8", ValueKind::kInt32},
      {"uint8", ValueKind::kInt32},   {"bool", ValueKind::kBool},      {"string", ValueKind::kString}};
  return kinds;
}

}  // namespace

std::string_view DatasetFormatName(DatasetFormat format) { return format == DatasetFormat::kV21 ? "v2.1" : "v3.0"; }

int64_t Feature::Elements() const {
  int64_t count = 1;
  for (const int64_t side : shape) count *= side;
  return count;
}

Feature VectorFeature(std::string name, std::vector<std::string> names, std::string dtype) {
  Feature feature;
  feature.name = std::move(name);
  feature.dtype = std::move(dtype);
  feature.shape = {static_cast<int64_t>(names.size())};
  feature.names = std::move(names);
  return feature;
}

Feature ScalarFeature(std::string name, std::string dtype) {
  Feature feature;
  feature.name = std::move(name);
  feature.dtype = std::move(dtype);
  feature.shape = {1};
  return feature;
}

Feature PictureFeature(std::string name, int height_px, int width_px, std::string dtype) {
  Feature feature;
  feature.name = std::move(name);
  feature.dtype = std::move(dtype);
  feature.shape = {height_px, width_px, 3};
  feature.names = {"height", "width", "channels"};
  return feature;
}

std::span<const Feature> DefaultFeatures() {
  static const std::array<Feature, 5> features = {
      ScalarFeature("timestamp", "float32"), ScalarFeature("frame_index", "int64"),
      ScalarFeature("episode_index", "int64"), ScalarFeature("index", "int64"), ScalarFeature("task_index", "int64")};
  return features;
}

bool IsDefaultFeature(std::string_view name) {
  for (const Feature& feature : DefaultFeatures()) {
    if (feature.name == name) return true;
  }
  return false;
}

void CheckFeature(const Feature& feature) {
  const auto fail = [&](const std::string& message, const std::string& hint = {}) {
    throw Error(ErrorCode::kBadInput, fmt::format("feature '{}'", feature.name), message, hint);
  };
  if (feature.name.empty() || feature.name.find('/') != std::string::npos || feature.name == "." ||
      feature.name == "..") {
    fail("is no name for a feature", "use letters, digits, '_' and '.'");
  }
  if (!feature.IsPicture() && Kinds().find(feature.dtype) == Kinds().end()) {
    fail(fmt::format("has the dtype '{}'", feature.dtype),
         "float32 float64 int64 int32 int16 int8 uint8 bool string video image");
  }
  if (feature.shape.empty()) fail("has no shape");
  int64_t elements = 1;
  for (const int64_t side : feature.shape) {
    if (side <= 0 || side > (int64_t{1} << 31) || elements > (int64_t{1} << 31) / side) {
      fail("has a shape that is not positive, or too large");
    }
    elements *= side;
  }
  if (feature.shape.size() > 8) fail("has more than 8 dimensions");
  if (feature.IsPicture() && (feature.shape.size() != 3 || feature.shape[2] != 3)) {
    fail("is a picture, but its shape is not [height, width, 3]");
  }
  if (feature.dtype == "string" && elements != 1) fail("is a string of more than one element");
}

Field ParquetFieldOf(const Feature& feature) {
  if (feature.IsImage()) return ImageField(feature.name);
  const auto kind = Kinds().find(feature.dtype);
  if (kind == Kinds().end()) {
    throw Error(ErrorCode::kUnsupported, fmt::format("feature '{}'", feature.name),
                fmt::format("a dtype '{}' has no column", feature.dtype));
  }
  if (feature.shape.size() == 1 && feature.shape[0] == 1) return ScalarField(feature.name, kind->second);
  return ListField(feature.name, kind->second, static_cast<int>(feature.shape.size()));
}

}  // namespace takt::dataset
