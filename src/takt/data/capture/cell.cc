// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/cell.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "takt/core/base/bytes.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/rng.h"
#include "takt/core/io/image.h"
#include "takt/data/capture/cell_cameras.h"
#include "takt/data/capture/cell_render.h"
#include "takt/data/capture/cell_scene.h"

namespace takt::capture {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kModelVersion = 1;  // raised whenever the same options give other pictures
constexpr size_t kPointRecord_bytes = 15;
constexpr float kPointError_m = 0.003f;  // standard deviation along each axis

// A folder that is removed at the end, unless it was renamed.
class ScratchFolder {
 public:
  explicit ScratchFolder(fs::path path) : path_(std::move(path)) {
    fs::remove_all(path_);
    fs::create_directories(path_ / "images");
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void CheckOption(std::string_view name, int value, int least, int most) {
  if (value < least || value > most) {
    throw Error(ErrorCode::kBadInput, std::string(name), fmt::format("is {}", value),
                fmt::format("give a number from {} to {}", least, most));
  }
}

Json OptionsJson(const CellOptions& options) {
  return {{"generator", "cell"},          {"model_version", kModelVersion},        {"seed", options.seed},
          {"width_px", options.width_px}, {"height_px", options.height_px},        {"cameras", options.cameras},
          {"points", options.points},     {"rays_per_node", options.rays_per_node}};
}

enum class Found { kNothing, kSame, kOther };

// What stands at `dir`. Errors: bad_input where it is something that must not be replaced.
Found Inspect(const fs::path& dir, const Json& options) {
  if (!fs::exists(dir) || (fs::is_directory(dir) && fs::is_empty(dir))) return Found::kNothing;
  const fs::path file = dir / "transforms.json";
  if (fs::is_directory(dir) && fs::is_regular_file(file)) {
    const Json found = Json::parse(ReadTextFile(file), nullptr, false);
    if (found.is_object() && found.contains("takt") && found["takt"].is_object() &&
        found["takt"].value("generator", Json()) == "cell") {
      return found["takt"] == options ? Found::kSame : Found::kOther;
    }
  }
  throw Error(ErrorCode::kBadInput, dir.string(), "exists and is not a capture that Takt made",
              "name a new or empty folder");
}

Json FrameJson(const Camera& camera, const std::string& file_path) {
  const RigidTransform world_from_cam = camera.cam_from_world.Inverse();
  const auto& r = world_from_cam.rotation;
  const auto& t = world_from_cam.translation;
  Json matrix = Json::array();
  // OpenGL cameras look along -z, y up: the second and third axis turn round.
  for (size_t i = 0; i < 3; ++i) matrix.push_back({r[3 * i], -r[3 * i + 1], -r[3 * i + 2], t[i]});
  matrix.push_back({0.0, 0.0, 0.0, 1.0});
  return {{"file_path", file_path}, {"transform_matrix", matrix}};
}

// Points under `count` random pixels of the picture, one PLY record each; a pixel that looks out of the cell has none.
void AppendPoints(const cell::LitScene& scene, const Camera& camera, const Image8& image, const Rng& rng, int count,
                  ByteWriter* out) {
  for (int i = 0; i < count; ++i) {
    const auto counter = static_cast<uint64_t>(i);
    const auto words = rng.Words(2 * counter);
    const auto x = static_cast<int>((uint64_t{words[0]} * static_cast<uint64_t>(camera.width_px)) >> 32);
    const auto y = static_cast<int>((uint64_t{words[1]} * static_cast<uint64_t>(camera.height_px)) >> 32);
    const raycast::Ray ray = cell::RayThrough(camera, static_cast<float>(x) + 0.5f, static_cast<float>(y) + 0.5f);
    const raycast::Hit hit = scene.bvh().Nearest(ray);
    if (hit.t_m == raycast::kNoHit) continue;
    const raycast::Vec3 p = ray.At(hit.t_m);
    const auto error = rng.Normal4(2 * counter + 1);
    out->Write<float>(p.x + kPointError_m * error[0]);
    out->Write<float>(p.y + kPointError_m * error[1]);
    out->Write<float>(p.z + kPointError_m * error[2]);
    out->Append(std::span(image.row(y) + 3 * x, 3));
  }
}

void WriteInto(const CellOptions& options, const Json& options_json, const fs::path& folder,
               const ProgressSink& progress) {
  const auto report = [&](int done, std::string note) {
    if (progress) {
      progress(
          {"cell", static_cast<uint64_t>(done), static_cast<uint64_t>(options.cameras), "pictures", std::move(note)});
    }
  };
  report(0, "indirect light");
  const cell::LitScene scene(cell::MakeScene(options.seed), static_cast<float>(options.rays_per_node));
  const std::vector<Camera> cameras = cell::CameraPath(options.cameras, options.width_px, options.height_px);

  ByteWriter points;
  Json frames = Json::array();
  for (int i = 0; i < options.cameras; ++i) {
    ThrowIfInterrupted();
    const Camera& camera = cameras[static_cast<size_t>(i)];
    const std::string file_path = fmt::format("images/{:04}.png", i);
    const Image8 image = cell::Render(scene, camera);
    WriteImage(folder / file_path, image);
    frames.push_back(FrameJson(camera, file_path));
    const auto share = [&](int view) {
      return static_cast<int>(static_cast<int64_t>(options.points) * view / options.cameras);
    };
    AppendPoints(scene, camera, image, Rng(options.seed, static_cast<uint64_t>(i)), share(i + 1) - share(i), &points);
    report(i + 1, {});
  }
  ByteWriter ply;
  const std::string header = fmt::format(
      "ply\nformat binary_little_endian 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\n"
      "property uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n",
      points.size() / kPointRecord_bytes);
  ply.Append(std::span(reinterpret_cast<const uint8_t*>(header.data()), header.size()));
  ply.Append(points.bytes());
  WriteFileAtomic(folder / "points.ply", ply.bytes());
  const Camera& camera = cameras.front();
  const Json document = {
      {"camera_model", "OPENCV"}, {"w", camera.width_px}, {"h", camera.height_px}, {"fl_x", camera.fx},
      {"fl_y", camera.fy},        {"cx", camera.cx},      {"cy", camera.cy},       {"ply_file_path", "points.ply"},
      {"takt", options_json},     {"frames", frames}};
  WriteFileAtomic(folder / "transforms.json", document.dump(1) + "\n");
}

}  // namespace

void WriteCellCapture(const CellOptions& options, const fs::path& dir, const ProgressSink& progress) {
  CheckOption("width_px", options.width_px, 16, 4096);
  CheckOption("height_px", options.height_px, 16, 4096);
  CheckOption("cameras", options.cameras, 1, 1000);
  CheckOption("points", options.points, 0, 10'000'000);
  CheckOption("rays_per_node", options.rays_per_node, 1, 1000);
  try {
    const Json options_json = OptionsJson(options);
    // Without a trailing slash: the temporary folders get a suffix.
    const fs::path target = (dir.has_filename() ? dir : dir.parent_path()).lexically_normal();
    const Found found = Inspect(target, options_json);
    if (found == Found::kSame) return;

    const auto beside = [&](std::string_view role) {
      fs::path path = target;
      return path += fmt::format(".{}-{}", role, ::getpid());
    };
    const ScratchFolder scratch(beside("tmp"));
    WriteInto(options, options_json, scratch.path(), progress);
    // rename() replaces an empty folder, not a full one: that steps aside first.
    if (found == Found::kOther) {
      const fs::path old = beside("old");
      fs::rename(target, old);
      fs::rename(scratch.path(), target);
      fs::remove_all(old);
    } else {
      fs::rename(scratch.path(), target);
    }
  } catch (const fs::filesystem_error& e) {
    throw Error(ErrorCode::kIo, e.path1().string(), e.code().message());
  }
}

}  // namespace takt::capture
