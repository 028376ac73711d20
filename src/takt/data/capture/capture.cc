// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/io/image.h"
#include "takt/data/capture/colmap.h"
#include "takt/data/capture/draft.h"
#include "takt/data/capture/transforms.h"
#include "takt/data/capture/undistort.h"

namespace takt::capture {
namespace {

namespace fs = std::filesystem;

int CheckedDownscale(const LoadOptions& options, const std::vector<DraftView>& views) {
  if (!(options.downscale >= 0 && options.downscale <= 65535) || options.downscale != std::floor(options.downscale)) {
    throw Error(ErrorCode::kBadInput, "downscale", fmt::format("{} is not a whole number", options.downscale),
                "1 keeps the size, 2 halves it, 0 chooses");
  }
  if (options.downscale > 0) return static_cast<int>(options.downscale);
  int factor = 1;
  for (const DraftView& view : views) {
    const double pixels = static_cast<double>(view.lens.width_px) * view.lens.height_px;
    while (pixels > kAutomaticPixels * factor * factor) ++factor;
  }
  return factor;
}

DraftCapture LoadDraft(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored)) return LoadTransforms(path);
  if (!fs::is_directory(path, ignored)) {
    throw Error(ErrorCode::kNotFound, path.string(), "there is no such capture folder or file");
  }
  if (const auto model = FindColmapModel(path)) {
    DraftCapture draft = LoadColmap(path, *model);
    if (fs::exists(path / "transforms.json", ignored)) {
      draft.warnings.push_back(
          fmt::format("{}: read as COLMAP; name transforms.json itself to read that", path.string()));
    }
    return draft;
  }
  if (fs::exists(path / "transforms.json", ignored)) return LoadTransforms(path / "transforms.json");
  if (fs::exists(path / "transforms_train.json", ignored)) return LoadBlender(path);
  throw Error(ErrorCode::kNotFound, path.string(), "holds no capture",
              "a capture is a folder with transforms.json, transforms_train.json or a COLMAP model "
              "(cameras, images and points3D as .bin or .txt in the folder, in sparse/0 or in sparse)");
}

void CheckMask(const DraftView& view) {
  std::error_code ignored;
  if (!fs::is_regular_file(view.mask_path, ignored)) {
    throw Error(ErrorCode::kNotFound, view.mask_path.string(), fmt::format("the mask of {} is not there", view.name));
  }
  const ImageInfo mask = ReadImageInfo(view.mask_path);
  if (mask.width_px != view.lens.width_px || mask.height_px != view.lens.height_px) {
    throw Error(ErrorCode::kBadInput, view.mask_path.string(),
                fmt::format("the mask is {} x {} pixels, its picture {} x {}", mask.width_px, mask.height_px,
                            view.lens.width_px, view.lens.height_px));
  }
}

// Undistorted cameras, computed once for each run of views with the same lens.
class CameraCache {
 public:
  const Camera& Get(const Lens& lens, const std::string& subject) {
    for (const auto& [known, camera] : cameras_) {
      if (known == lens) return camera;
    }
    // Captures have one lens, a few, or one for each view; the last kind gains nothing from a long list.
    if (cameras_.size() == 64) cameras_.clear();
    return cameras_.emplace_back(lens, UndistortedCamera(lens, subject)).second;
  }

 private:
  std::vector<std::pair<Lens, Camera>> cameras_;
};

View MakeView(DraftView draft, int downscale, CameraCache& cameras) {
  View view;
  const std::string subject = draft.image_path.string();
  Camera camera = cameras.Get(draft.lens, subject);
  camera.cam_from_world = draft.cam_from_world;
  if (camera.width_px < downscale || camera.height_px < downscale) {
    throw Error(ErrorCode::kBadInput, subject,
                fmt::format("a picture of {} x {} pixels cannot be made {} times smaller", camera.width_px,
                            camera.height_px, downscale));
  }
  view.name = std::move(draft.name);
  view.image_path = std::move(draft.image_path);
  view.mask_path = std::move(draft.mask_path);
  view.camera = Downscale(camera, downscale);
  view.lens = draft.lens;
  view.downscale = downscale;
  view.held_out = draft.split == Split::kHeldOut;
  return view;
}

void HoldOutEvery(int every, std::vector<DraftView>& views) {
  // One view alone has to be trained on.
  if (every == 0 || views.size() < 2) return;
  for (size_t i = 0; i < views.size(); ++i) {
    views[i].split = i % static_cast<size_t>(every) == 0 ? Split::kHeldOut : Split::kTrain;
  }
}

void Measure(Capture& capture) {
  double count = 0;
  std::array<double, 3> sum = {0, 0, 0};
  for (const auto& view : capture.views) {
    if (view.held_out) continue;
    const auto center = view.camera.CenterInWorld();
    for (int k = 0; k < 3; ++k) sum[k] += center[k];
    ++count;
  }
  for (int k = 0; k < 3; ++k) capture.center_in_world[k] = sum[k] / count;
  double radius = 0;
  for (const auto& view : capture.views) {
    if (view.held_out) continue;
    const auto center = view.camera.CenterInWorld();
    const auto& mean = capture.center_in_world;
    const double distance = std::hypot(center[0] - mean[0], center[1] - mean[1], center[2] - mean[2]);
    // std::max would drop a NaN.
    if (!(distance <= radius)) radius = distance;
  }
  if (!std::isfinite(radius)) {
    throw Error(ErrorCode::kBadInput, capture.root.string(), "the cameras lie too far apart for floating point");
  }
  capture.extent = radius > 0 ? 1.1 * radius : 1;
}

}  // namespace

Capture LoadCapture(const fs::path& path, const LoadOptions& options) {
  if (options.held_out_every < 0 || options.held_out_every == 1) {
    throw Error(ErrorCode::kBadInput, "held_out_every",
                fmt::format("{} leaves nothing to train on", options.held_out_every),
                "0 holds nothing out, 8 every 8th view");
  }
  DraftCapture draft = LoadDraft(path);
  if (draft.views.empty()) throw Error(ErrorCode::kBadInput, path.string(), "the capture has no views");
  std::sort(draft.views.begin(), draft.views.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (size_t i = 1; i < draft.views.size(); ++i) {
    if (draft.views[i].name == draft.views[i - 1].name) {
      throw Error(ErrorCode::kBadInput, path.string(), fmt::format("two views are named {}", draft.views[i].name));
    }
  }
  const bool names_split =
      std::any_of(draft.views.begin(), draft.views.end(), [](const auto& v) { return v.split != Split::kUnnamed; });
  if (!names_split) HoldOutEvery(options.held_out_every, draft.views);
  if (std::all_of(draft.views.begin(), draft.views.end(), [](const auto& v) { return v.split == Split::kHeldOut; })) {
    throw Error(ErrorCode::kBadInput, path.string(), "the capture holds out every view: nothing is left to train on");
  }

  const int downscale = CheckedDownscale(options, draft.views);
  Capture capture;
  capture.root = path;
  capture.source = std::move(draft.source);
  capture.points = std::move(draft.points);
  capture.warnings = std::move(draft.warnings);
  capture.views.reserve(draft.views.size());
  CameraCache cameras;
  for (auto& view : draft.views) {
    if (!view.mask_path.empty()) CheckMask(view);
    capture.has_alpha |= view.has_alpha || !view.mask_path.empty();
    capture.views.push_back(MakeView(std::move(view), downscale, cameras));
  }
  Measure(capture);
  return capture;
}

}  // namespace takt::capture
