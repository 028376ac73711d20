// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "takt/core/io/image.h"
#include "takt/data/demo/stage.h"
#include "takt/data/sim/camera/background.h"
#include "takt/data/sim/camera/camera.h"
#include "takt/data/sim/world.h"

namespace takt::demo {

// Where the front camera stands.
enum class FrontCamera {
  kTask,     // across the places that the task is about: another place in every episode
  kStation,  // bolted down before the robot: the same picture of the bench in every episode, as on a line
};

struct LookOptions {
  int width_px = 128, height_px = 128;
  FrontCamera front = FrontCamera::kTask;
  std::shared_ptr<const sim::SplatBackground> background;  // null: the room of the scene
  // With a background: nodes whose look comes from it. They keep their shadows and are otherwise not drawn.
  std::vector<std::string> in_background;
  bool randomise = true;   // light, camera, colours and textures of each episode
  double camera_m = 0.03;  // the front camera's place: by at most this in each direction; one that is bolted does not move
};

// What the record of a set says about its pictures: {"front": "station", "randomise": false}; and back, whatever is not
// there being as in LookOptions. Errors: bad_input naming `subject`.
nlohmann::ordered_json RecordOfLook(const LookOptions& options);
LookOptions LookOfRecord(const nlohmann::ordered_json& record, const std::string& subject);

// The cameras of one episode: "front", which looks at the bench across the robot's working space, and "wrist", where
// the robot has one. Light, colours, textures and the front camera are drawn from (seed, index). Determinism: as
// sim::CameraRenderer. Not thread-safe; one for each episode.
class Look {
 public:
  Look(const Stage& stage, const LookOptions& options);
  // "front", "wrist".
  const std::vector<std::string>& cameras() const { return cameras_; }
  // The picture of camera `camera_idx` with the model at `qpos`. [height_px, width_px, 3]
  Image8 Render(int camera_idx, const std::vector<double>& qpos);

 private:
  LookOptions options_;
  sim::World world_;
  std::shared_ptr<const sim::CameraScene> scene_;
  std::vector<std::unique_ptr<sim::CameraRenderer>> renderers_;  // one for each camera: each keeps its background
  sim::CameraOptions rays_;
  capture::Camera front_;
  int wrist_idx_ = -1;
  std::vector<std::string> cameras_;
  std::vector<Pose> poses_;
  sim::CameraFrame frame_;
};

// The names of the cameras that Look has for a robot.
std::vector<std::string> CameraNames(const sim::RobotInfo& robot);

}  // namespace takt::demo
