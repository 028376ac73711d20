// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/base/diagnostic.h"
#include "takt/data/scene/model/scene.h"

namespace takt::scene {

constexpr uint64_t kMaxSceneStateBytes = uint64_t{16} << 20;
constexpr size_t kMaxSceneStateObjects = 10'000;

struct SceneStateOptions {
  // Extents of the assets by modelId, in the asset's own frame (y up, front +z) [m].
  std::map<std::string, Vec3> sizes_m;
  Vec3 assumed_size_m = {0.5, 0.5, 0.5};  // of assets that are not in it
};

struct SceneStateResult {
  Scene scene;
  int assumed_sizes = 0;                // objects whose box is a guess; their Node::extra has "size" = "assumed"
  std::vector<Diagnostic> diagnostics;  // with errors, `scene` is what could be read
};

// Reads SceneEval's scene state (format "sceneState", scene@1.0.2) into our tree: the first floor becomes the room
// (counter-clockwise), holes of walls become doors and windows (clearance: the width of a door, 0.5 m at a window),
// objects become boxes under the room, ids "idx0", "idx1" ... The file names assets and does not hold their shapes:
// sizes come from `options`. An asset's origin counts as the centre of its bottom; its +y is up, its +z is our front
// +x. Column scales of a transform scale the size; mirrored, singular or sheared ones are an error for that object.
// Never throws for bad text. Determinism: a pure function of its arguments.
// Source: 3dlg-hcvc/SceneEval, scenes/scene_state.py, architecture.py, obj.py. We differ: one floor, boxes for meshes.
SceneStateResult ParseSceneState(std::string_view text, const std::string& file, const SceneStateOptions& options = {});

// Errors: not_found; io; bad_input when the file is too large.
SceneStateResult ReadSceneState(const std::filesystem::path& path, const SceneStateOptions& options = {});

// Whether the text says that it is a scene state, judged from its first 4 KiB.
bool LooksLikeSceneState(std::string_view text);

// {"MODEL_ID": [x, y, z], ...} in metres, for SceneStateOptions::sizes_m. Errors: bad_input.
std::map<std::string, Vec3> ParseAssetSizes(std::string_view text, const std::string& file);

}  // namespace takt::scene
