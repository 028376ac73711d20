// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/data/dataset/parquet/array.h"

namespace takt::dataset {

// The two layouts of LeRobot: v2.1 keeps a file for each episode, v3.0 packs many into one.
enum class DatasetFormat { kV21, kV30 };
std::string_view DatasetFormatName(DatasetFormat format);  // "v2.1", "v3.0"

// One thing that is recorded in every frame: a vector, a number, a picture.
struct Feature {
  std::string name;            // "action", "observation.state", "observation.images.front"
  std::string dtype;           // float32 float64 int64 int32 int16 int8 uint8 bool string; "video", "image"
  std::vector<int64_t> shape;  // {6}; {height, width, 3} for pictures
  nlohmann::ordered_json names;  // as info.json holds it: a list of names, a list of lists, an object or null
  nlohmann::ordered_json info;   // of a video: {"video.fps": 30, ...}; null otherwise
  nlohmann::ordered_json other;  // keys of info.json that are not known here, kept; null when there is none

  bool IsVideo() const { return dtype == "video"; }
  bool IsImage() const { return dtype == "image"; }
  bool IsPicture() const { return IsVideo() || IsImage(); }
  int64_t Elements() const;  // the product of the shape
  bool operator==(const Feature&) const = default;
};

Feature VectorFeature(std::string name, std::vector<std::string> names, std::string dtype = "float32");
Feature ScalarFeature(std::string name, std::string dtype = "float32");
// `dtype`: "video" or "image".
Feature PictureFeature(std::string name, int height_px, int width_px, std::string dtype = "video");

// timestamp, frame_index, episode_index, index, task_index: the writer fills them.
std::span<const Feature> DefaultFeatures();
bool IsDefaultFeature(std::string_view name);

// Checks one feature as a writer would use it. Errors: bad_input: an empty name or one with '/', a dtype that is not
// known, a shape that is empty, not positive or over 2^31 elements, a picture that is not [height, width, 3].
void CheckFeature(const Feature& feature);

// The column of a feature in a data file; videos have none. Errors: unsupported for a dtype without one.
Field ParquetFieldOf(const Feature& feature);

}  // namespace takt::dataset
