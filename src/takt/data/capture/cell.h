// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include "takt/core/base/progress.h"

namespace takt::capture {

struct CellOptions {
  uint64_t seed = 1;       // what lies on the conveyor, in the bins, on the pallet; the robot's posture
  int width_px = 640;      // 16 - 4096
  int height_px = 480;     // 16 - 4096
  int cameras = 40;        // 1 - 1000, on a path in the open front of the cell
  int points = 20'000;     // 0 - 10,000,000 at most, like those of structure from motion
  int rays_per_node = 40;  // 1 - 1000, for the indirect light; fewer are faster and leave blotches

  bool operator==(const CellOptions&) const = default;
};

// Takt's own capture: a modelled factory cell (robot, conveyor, bench, cabinet, fence), rendered from posed cameras.
// Writes DIR/images/0000.png ..., DIR/transforms.json (camera-to-world in OpenGL axes, z up, metres; the options under
// "takt") and DIR/points.ply: points on what the cameras see, coloured as seen, in the order of the cameras, with an
// error of a few millimetres. The folder is built beside `dir` and renamed: it is there completely or not at all. A
// folder that was made with the same options is left as it is; one made with others is replaced.
// Errors: bad_input (an option out of range; `dir` holds something else); io; cancelled (nothing is left behind).
// Cost: about 1 minute on 2 cores with the defaults. Determinism: the same bytes for any thread count.
void WriteCellCapture(const CellOptions& options, const std::filesystem::path& dir, const ProgressSink& progress = {});

}  // namespace takt::capture
