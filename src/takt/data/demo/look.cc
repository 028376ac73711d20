// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/look.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "takt/core/base/error.h"
#include "takt/data/scene/model/walk.h"
#include "takt/data/sim/camera/model_camera.h"

namespace takt::demo {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kFrontFov_rad = 50 * kPi / 180, kFrontTurn_rad = 0.6, kFrontDistance_m = 0.62;

double Spread(const Rng& rng, uint64_t counter, double low, double high) {
  return low + (high - low) * rng.UniformDouble(counter);
}

// Sun from anywhere above, dim or bright, warm or cool.
sim::Light DrawLight(const Rng& rng) {
  sim::Light light;
  const double azimuth = Spread(rng, 0, 0, 2 * kPi), height = Spread(rng, 1, 0.6, 1.35);
  light.to_sun = {std::cos(azimuth) * std::cos(height), std::sin(azimuth) * std::cos(height), std::sin(height)};
  light.sun_intensity = Spread(rng, 2, 0.45, 0.95);
  const double sky = Spread(rng, 3, 0.7, 1.25);
  const double warmth = Spread(rng, 4, -0.08, 0.08);
  for (int c = 0; c < 3; ++c) {
    light.sky_rgb[static_cast<size_t>(c)] *= static_cast<float>(sky);
    light.sun_rgb[static_cast<size_t>(c)] *= static_cast<float>(1 + (1 - c) * warmth);
  }
  return light;
}

// Colours drift a little, so that "red" stays red; big plain things may get a pattern.
void DrawMaterials(const Rng& rng, const std::vector<sim::CameraShape>& shapes, const std::set<int>& patterned,
                   std::vector<sim::Material>* materials) {
  for (size_t s = 0; s < shapes.size(); ++s) {
    // All shapes of a body drift alike.
    const uint64_t base = 1000 + 16 * static_cast<uint64_t>(shapes[s].body_idx);
    sim::Material& material = (*materials)[s];
    const double gain = Spread(rng, base, 0.85, 1.12);
    for (uint64_t c = 0; c < 3; ++c) {
      material.rgba[c] =
          static_cast<float>(std::clamp(material.rgba[c] * gain + Spread(rng, base + 1 + c, -0.04, 0.04), 0.0, 1.0));
    }
    if (!patterned.contains(shapes[s].body_idx) || rng.UniformDouble(base + 5) < 0.4) continue;
    const double kind = rng.UniformDouble(base + 6);
    material.texture.pattern = kind < 0.5   ? sim::Pattern::kNoise
                               : kind < 0.8 ? sim::Pattern::kStripes
                                            : sim::Pattern::kChecker;
    const double contrast = Spread(rng, base + 7, 0.75, 0.95);
    for (size_t c = 0; c < 3; ++c) material.texture.other_rgb[c] = static_cast<float>(material.rgba[c] * contrast);
    material.texture.scale_m = Spread(rng, base + 8, 0.03, 0.3);
    material.texture.seed = rng.Words(base + 9)[0];
  }
}

struct Sight {
  Vec3 eye_m, target_m;  // in the world
};

// From across what the task is about, half left of the line from the robot, looking down at it.
Sight TaskSight(const Stage& stage) {
  const Pose base = scene::WorldFromNode(stage.scene, stage.robot_id);
  Vec3 target = Vec3::Zero();
  double places = 0;
  for (const PutStep& step : stage.task.steps) {
    for (const std::string& id : {step.object_id, step.target_id}) {
      target += scene::WorldFromNode(stage.scene, id).translation_m;
      places += 1;
    }
  }
  target /= places;
  const Vec3 away = target - base.translation_m;
  const double heading = std::atan2(away.y(), away.x()) + kFrontTurn_rad;
  const Vec3 eye = target + kFrontDistance_m * Vec3(std::cos(heading), std::sin(heading), 0.78);
  // Between the places and the robot, so that the arm is in the picture.
  return {eye, target - 0.3 * Vec3(away.x(), away.y(), 0)};
}

// From before the robot, down at the middle of its working space.
Sight StationSight(const Stage& stage) {
  const Pose base = scene::WorldFromNode(stage.scene, stage.robot_id);
  const double reach = stage.robot.reach_m;
  return {base * Vec3(0.85 * reach, 0, 1.05 * reach), base * Vec3(0.4 * reach, 0, 0)};
}

}  // namespace

nlohmann::ordered_json RecordOfLook(const LookOptions& options) {
  return {{"front", options.front == FrontCamera::kStation ? "station" : "task"}, {"randomise", options.randomise}};
}

LookOptions LookOfRecord(const nlohmann::ordered_json& record, const std::string& subject) {
  LookOptions options;
  try {
    const std::string front = record.value("front", "task");
    if (front != "task" && front != "station") {
      throw Error(ErrorCode::kBadInput, subject, "knows no front camera \"" + front + "\"", "one of: task, station");
    }
    options.front = front == "station" ? FrontCamera::kStation : FrontCamera::kTask;
    options.randomise = record.value("randomise", true);
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kBadInput, subject, "says nothing readable about its cameras");
  }
  return options;
}

std::vector<std::string> CameraNames(const sim::RobotInfo& robot) {
  if (robot.wrist_camera.empty()) return {"front"};
  return {"front", "wrist"};
}

Look::Look(const Stage& stage, const LookOptions& options)
    : options_(options), world_(stage.model), cameras_(CameraNames(stage.robot)) {
  std::set<int> hidden, patterned;
  if (options.background) {
    hidden.insert(0);  // floor and walls
    for (const std::string& id : options.in_background) hidden.insert(stage.model->BodyIdx(id));
  }
  scene::Walk(stage.scene, [&](const scene::Node& node, const scene::Node*, const Pose&) {
    const int body = node.kind == scene::NodeKind::kObject ? stage.model->FindBody(node.id) : -1;
    if (body > 0 && node.fixed) patterned.insert(body);
  });
  patterned.insert(0);
  std::vector<sim::CameraShape> shapes = sim::ShapesOfModel(*stage.model);
  for (sim::CameraShape& shape : shapes) {
    if (!hidden.contains(shape.body_idx)) continue;
    shape.shadow_catcher = true;
    shape.casts_shadow = false;
  }
  scene_ = std::make_shared<sim::CameraScene>(std::move(shapes), stage.model->body_count());
  const Rng rng = DrawsOf(stage.seed, stage.index, Draws::kLook);
  if (options.randomise) rays_.light = DrawLight(rng);
  rays_.supersampling = 1;
  for (size_t c = 0; c < cameras_.size(); ++c) {
    renderers_.push_back(std::make_unique<sim::CameraRenderer>(scene_, options.background));
    if (options.randomise) DrawMaterials(rng, scene_->shapes(), patterned, &renderers_.back()->materials());
  }
  const Sight sight = options.front == FrontCamera::kStation ? StationSight(stage) : TaskSight(stage);
  Vec3 eye = sight.eye_m, target = sight.target_m;
  if (options.randomise && options.front == FrontCamera::kTask) {
    for (int a = 0; a < 3; ++a) {
      eye[a] += options.camera_m * (2 * rng.UniformDouble(100 + static_cast<uint64_t>(a)) - 1);
      target[a] += 0.5 * options.camera_m * (2 * rng.UniformDouble(110 + static_cast<uint64_t>(a)) - 1);
    }
  }
  front_ = sim::CameraFromVerticalFov(options.width_px, options.height_px, kFrontFov_rad, sim::LookAt(eye, target));
  if (cameras_.size() > 1) wrist_idx_ = stage.model->CameraIdx(stage.robot.wrist_camera);
}

Image8 Look::Render(int camera_idx, const std::vector<double>& qpos) {
  std::copy(qpos.begin(), qpos.end(), world_.mutable_qpos().begin());
  sim::BodyPoses(world_, &poses_);
  const capture::Camera camera =
      camera_idx == 0 ? front_ : sim::CameraOfWorld(world_, wrist_idx_, options_.width_px, options_.height_px);
  renderers_[static_cast<size_t>(camera_idx)]->Render(poses_, camera, rays_, &frame_);
  return frame_.rgb;
}

}  // namespace takt::demo
