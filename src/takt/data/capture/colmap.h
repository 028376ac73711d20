// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/data/capture/draft.h"

namespace takt::capture {

struct ColmapImage {
  uint32_t camera_id = 0;
  std::string name;  // relative to the folder of pictures
  RigidTransform cam_from_world;
};

struct ColmapPoint {
  uint64_t id = 0;
  Point point;
};

using ColmapCameras = std::map<uint32_t, Lens>;        // by camera id
using ColmapImages = std::map<uint32_t, ColmapImage>;  // by image id

// COLMAP's files, binary and text; one model written both ways parses to equal values. Counts are checked against the
// bytes that are left before anything is allocated; observations and tracks are skipped.
// Errors: bad_input naming `subject` and the camera or image: truncation, lying counts, bytes after the end, unknown
// camera models, values that are not finite, quaternions off unit length by more than 0.02, duplicate ids.
// Source: COLMAP, doc/format.rst and src/colmap/scene/reconstruction_io_{binary,text}.cc.
ColmapCameras ParseColmapCamerasBin(std::span<const uint8_t> bytes, const std::string& subject);
ColmapCameras ParseColmapCamerasText(std::string_view text, const std::string& subject);
ColmapImages ParseColmapImagesBin(std::span<const uint8_t> bytes, const std::string& subject);
ColmapImages ParseColmapImagesText(std::string_view text, const std::string& subject);
// In order of their ids; those with coordinates that are not finite are dropped and counted in `left_out`.
std::vector<ColmapPoint> ParseColmapPointsBin(std::span<const uint8_t> bytes, const std::string& subject,
                                              size_t& left_out);
std::vector<ColmapPoint> ParseColmapPointsText(std::string_view text, const std::string& subject, size_t& left_out);

// The folder of the model that a capture folder holds: itself, sparse/0 or sparse; nothing where there is none.
std::optional<std::filesystem::path> FindColmapModel(const std::filesystem::path& folder);

// The model in `model_folder` with the pictures and masks of `folder`. Errors: as LoadCapture.
DraftCapture LoadColmap(const std::filesystem::path& folder, const std::filesystem::path& model_folder);

}  // namespace takt::capture
