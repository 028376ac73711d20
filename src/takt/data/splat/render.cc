// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <memory>
#include <set>

#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/io/image.h"
#include "takt/data/splat/render/renderer.h"
#include "takt/data/splat/render/sensitivity.h"
#include "takt/data/splat/scene_file.h"
#include "takt/data/splat/video.h"

namespace takt::splat {
namespace {

using Vec3 = std::array<double, 3>;

constexpr int kDefaultWidth = 800, kDefaultHeight = 600;  // [px]
constexpr int kFilmPictures = 120, kFolderPictures = 36;
constexpr double kOrbitFovRad = 0.8;
constexpr double kOrbitElevationRad = 0.35;  // above the horizon, without a capture

Vec3 Minus(const Vec3& a, const Vec3& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }
Vec3 Plus(const Vec3& a, const Vec3& b, double scale) {
  return {a[0] + scale * b[0], a[1] + scale * b[1], a[2] + scale * b[2]};
}
double Dot(const Vec3& a, const Vec3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
Vec3 Cross(const Vec3& a, const Vec3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
Vec3 Unit(const Vec3& a) {
  const double length = std::sqrt(Dot(a, a));
  return {a[0] / length, a[1] / length, a[2] / length};
}

// A unit vector across `axis`.
Vec3 Across(const Vec3& axis) {
  const Vec3 helper = std::abs(axis[0]) < 0.8 ? Vec3{1, 0, 0} : Vec3{0, 1, 0};
  return Unit(Cross(axis, helper));
}

enum class Target { kFolder, kPng, kFilm };

Target TargetOf(const std::filesystem::path& out) {
  std::string suffix = out.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) { return std::tolower(c); });
  if (suffix == ".png") return Target::kPng;
  if (suffix == ".mp4") return Target::kFilm;
  if (suffix == ".jpg" || suffix == ".jpeg" || suffix == ".webm" || suffix == ".gif" || suffix == ".mov") {
    throw Error(ErrorCode::kBadInput, out.string(), "pictures are written as .png, films as .mp4",
                "give --out F.png, F.mp4 or a folder");
  }
  return Target::kFolder;
}

struct NamedCamera {
  std::string name;  // of the picture's file, without suffix
  capture::Camera camera;
};

void Resize(const RenderViewsOptions& options, capture::Camera* camera) {
  if (options.width_px == 0 || options.height_px == 0) return;
  // Same field of view along the height; the width shows more or less.
  const double scale = double{1} * options.height_px / camera->height_px;
  camera->cx = 0.5 * options.width_px + (camera->cx - 0.5 * camera->width_px) * scale;
  camera->cy *= scale;
  camera->fx *= scale, camera->fy *= scale;
  camera->width_px = options.width_px, camera->height_px = options.height_px;
}

std::vector<NamedCamera> CaptureCameras(const RenderViewsOptions& options, const capture::Capture& capture) {
  std::vector<NamedCamera> cameras;
  for (const capture::View& view : capture.views) {
    if (!options.view.empty() && view.name != options.view) continue;
    // The names of a capture may hold folders and suffixes.
    std::string name = std::filesystem::path(view.name).replace_extension().string();
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '/' || c == '\\'; }, '_');
    cameras.push_back({name, view.camera});
    Resize(options, &cameras.back().camera);
  }
  if (cameras.empty()) {
    throw Error(ErrorCode::kNotFound, options.view, "is no view of the capture",
                fmt::format("its first one is '{}'", capture.views.front().name));
  }
  std::set<std::string> seen;
  for (NamedCamera& camera : cameras) {
    for (int n = 2; !seen.insert(camera.name).second; ++n) camera.name = fmt::format("{}_{}", camera.name, n);
  }
  return cameras;
}

// The point nearest to the optical axes of all cameras: sum (I - d d^T) (p - eye) = 0.
Vec3 CommonTarget(const std::vector<capture::Camera>& cameras) {
  double a[3][3] = {};
  Vec3 b = {0, 0, 0}, middle = {0, 0, 0};
  const double n = static_cast<double>(cameras.size());
  for (const capture::Camera& camera : cameras) {
    const auto& r = camera.cam_from_world.rotation;
    const Vec3 eye = camera.CenterInWorld();
    middle = Plus(middle, eye, 1 / n);
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) {
        const double m = (i == j ? 1 : 0) - r[6 + i] * r[6 + j];
        a[i][j] += m;
        b[i] += m * eye[j];
      }
    }
  }
  // Parallel axes meet nowhere; a weak pull to the middle of the cameras keeps the point finite.
  for (int i = 0; i < 3; ++i) a[i][i] += 1e-9 * n, b[i] += 1e-9 * n * middle[i];
  const Vec3 c0 = {a[0][0], a[1][0], a[2][0]}, c1 = {a[0][1], a[1][1], a[2][1]}, c2 = {a[0][2], a[1][2], a[2][2]};
  const double det = Dot(c0, Cross(c1, c2));
  return {Dot(b, Cross(c1, c2)) / det, Dot(c0, Cross(b, c2)) / det, Dot(c0, Cross(c1, b)) / det};
}

// The circle that the cameras of a capture walked on the whole: at their mean distance and height about what they look
// at.
std::vector<capture::Camera> OrbitOfCapture(const capture::Capture& capture, int count, int width_px, int height_px) {
  std::vector<capture::Camera> cameras;
  Vec3 up = {0, 0, 0};
  for (const capture::View& view : capture.views) {
    cameras.push_back(view.camera);
    const auto& r = view.camera.cam_from_world.rotation;
    up = Plus(up, {r[3], r[4], r[5]}, -1);
  }
  up = Dot(up, up) > 1e-12 ? Unit(up) : Vec3{0, -1, 0};
  const Vec3 target = CommonTarget(cameras);
  double radius = 0, height = 0;
  for (const capture::Camera& camera : cameras) {
    const Vec3 offset = Minus(camera.CenterInWorld(), target);
    const double h = Dot(offset, up), n = static_cast<double>(cameras.size());
    height += h / n;
    radius += std::sqrt(std::max(0.0, Dot(offset, offset) - h * h)) / n;
  }
  return OrbitCameras(target, up, std::max(radius, 1e-3 * capture.extent), height, count, width_px, height_px,
                      2 * std::atan(0.5 * cameras[0].height_px / cameras[0].fy));
}

std::vector<capture::Camera> OrbitOfSplats(const Splats& splats, const Vec3& up, int count, int width_px,
                                           int height_px) {
  const auto sphere = SphereCameras(splats, 4, width_px, height_px);
  const Vec3 target = CommonTarget(sphere), offset = Minus(sphere[0].CenterInWorld(), target);
  const double distance = std::sqrt(Dot(offset, offset));
  return OrbitCameras(target, up, distance * std::cos(kOrbitElevationRad), distance * std::sin(kOrbitElevationRad),
                      count, width_px, height_px, kOrbitFovRad);
}

std::vector<NamedCamera> Cameras(const RenderViewsOptions& options, Target target, const Splats& splats) {
  int count = options.orbit;
  std::optional<capture::Capture> capture;
  if (options.capture) {
    capture = LoadCapture(*options.capture);
    if (count == 0) return CaptureCameras(options, *capture);
  }
  if (!options.view.empty()) {
    throw Error(ErrorCode::kBadInput, "--view", "names a view of a capture, and there is none on an orbit",
                "give --capture, without --orbit");
  }
  if (count == 0) count = target == Target::kPng ? 1 : target == Target::kFilm ? kFilmPictures : kFolderPictures;
  const int width = options.width_px > 0 ? options.width_px : kDefaultWidth;
  const int height = options.height_px > 0 ? options.height_px : kDefaultHeight;
  const auto orbit = capture ? OrbitOfCapture(*capture, count, width, height)
                             : OrbitOfSplats(splats, options.up_in_world, count, width, height);
  std::vector<NamedCamera> cameras;
  for (size_t i = 0; i < orbit.size(); ++i) cameras.push_back({fmt::format("{:04}", i), orbit[i]});
  return cameras;
}

}  // namespace

std::vector<capture::Camera> OrbitCameras(const std::array<double, 3>& target_in_world,
                                          const std::array<double, 3>& up_in_world, double radius, double height,
                                          int count, int width_px, int height_px, double vertical_fov_rad) {
  const Vec3 east = Across(up_in_world), north = Cross(up_in_world, east);
  std::vector<capture::Camera> cameras(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    capture::Camera& camera = cameras[static_cast<size_t>(i)];
    const double angle_rad = 2 * M_PI * i / count;
    Vec3 eye = Plus(target_in_world, up_in_world, height);
    eye = Plus(eye, east, radius * std::cos(angle_rad));
    eye = Plus(eye, north, radius * std::sin(angle_rad));
    const Vec3 forward = Unit(Minus(target_in_world, eye));
    const Vec3 right = Unit(Cross(forward, up_in_world)), down = Cross(forward, right);
    camera.width_px = width_px, camera.height_px = height_px;
    camera.fx = camera.fy = 0.5 * height_px / std::tan(0.5 * vertical_fov_rad);
    camera.cx = 0.5 * width_px, camera.cy = 0.5 * height_px;
    auto& pose = camera.cam_from_world;
    for (int k = 0; k < 3; ++k) {
      pose.rotation[k] = right[k], pose.rotation[3 + k] = down[k], pose.rotation[6 + k] = forward[k];
    }
    pose.translation = {-Dot(right, eye), -Dot(down, eye), -Dot(forward, eye)};
  }
  return cameras;
}

RenderViewsReport RenderViews(const RenderViewsOptions& options) {
  const Target target = TargetOf(options.out);
  const Splats splats = ReadScene(options.file);
  const std::vector<NamedCamera> cameras = Cameras(options, target, splats);
  if (target == Target::kPng && cameras.size() > 1) {
    throw Error(ErrorCode::kBadInput, options.out.string(),
                fmt::format("is one picture, and {} are to be rendered", cameras.size()),
                "give a folder, or name one view: --view NAME");
  }
  std::unique_ptr<VideoWriter> film;
  if (target == Target::kFolder) {
    std::error_code failed;
    std::filesystem::create_directories(options.out, failed);
    if (failed) throw Error(ErrorCode::kIo, options.out.string(), fmt::format("cannot create: {}", failed.message()));
  } else {
    CheckWritable(options.out);
    const capture::Camera& first = cameras[0].camera;
    if (target == Target::kFilm) {
      film = std::make_unique<VideoWriter>(options.out, first.width_px, first.height_px, options.frames_per_s);
    }
  }
  RenderViewsReport report;
  Renderer renderer;
  Picture picture;
  for (const NamedCamera& named : cameras) {
    ThrowIfInterrupted();
    const auto start = std::chrono::steady_clock::now();
    renderer.Forward(splats, named.camera, {.background = options.background}, &picture);
    report.render_s += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const Image8 image = ToImage8(ToImage(picture));
    if (film) {
      film->Add(image);
    } else {
      const auto path = target == Target::kPng ? options.out : options.out / (named.name + ".png");
      WriteImage(path, image);
      report.files.push_back(path);
    }
    report.width_px = image.width_px, report.height_px = image.height_px;
    ++report.pictures;
    if (options.progress) options.progress({"render", report.pictures, cameras.size(), "pictures", ""});
  }
  if (film) {
    film->Finish();
    report.files.push_back(options.out);
  }
  return report;
}

}  // namespace takt::splat
