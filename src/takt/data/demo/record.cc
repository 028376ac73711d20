// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/record.h"

#include <fmt/format.h>

#include "takt/core/base/error.h"

namespace takt::demo {

std::vector<dataset::Feature> FeaturesOf(const Stage& stage, bool cameras, int width_px, int height_px,
                                         const std::string& picture_dtype) {
  std::vector<std::string> joints = stage.robot.joints;
  for (std::string& name : joints) {
    if (const size_t slash = name.rfind('/'); slash != std::string::npos) name = name.substr(slash + 1);
  }
  joints.push_back("gripper");
  std::vector<std::string> poses;
  for (size_t s = 0; s < stage.task.steps.size(); ++s) {
    for (const char* what : {"object", "target"}) {
      for (const char* axis : {"x", "y", "z", "qw", "qx", "qy", "qz"})
        poses.push_back(fmt::format("{}_{}.{}", what, s, axis));
    }
  }
  std::vector<dataset::Feature> features = {dataset::VectorFeature("observation.state", joints),
                                            dataset::VectorFeature("observation.environment_state", poses),
                                            dataset::VectorFeature("action", joints)};
  if (cameras) {
    for (const std::string& camera : CameraNames(stage.robot)) {
      features.push_back(dataset::PictureFeature("observation.images." + camera, height_px, width_px, picture_dtype));
    }
  }
  return features;
}

nlohmann::ordered_json ToJson(const EpisodeRecord& record) {
  nlohmann::ordered_json held = nlohmann::ordered_json::array(), failed = nlohmann::ordered_json::array();
  for (const HeldRun& run : record.held) held.push_back({run.object_idx, run.begin, run.end});
  for (const Failed& f : record.failed_before) failed.push_back({f.attempt, ReasonName(f.reason)});
  return {{"options", record.options},   {"attempt", record.attempt}, {"digest", record.digest}, {"held", held},
          {"features", record.features}, {"failed_before", failed}};
}

EpisodeRecord EpisodeRecordOf(const nlohmann::ordered_json& json, const std::string& subject) {
  try {
    EpisodeRecord record;
    record.options = json.at("options").get<std::string>();
    record.attempt = json.at("attempt").get<uint64_t>();
    record.digest = json.at("digest").get<std::string>();
    record.features = json.at("features").get<std::vector<float>>();
    if (!json.at("held").is_array() || !json.at("failed_before").is_array()) {
      throw Error(ErrorCode::kBadInput, subject, "has lists that are none");
    }
    for (const auto& run : json.at("held")) {
      record.held.push_back({run.at(0).get<int>(), run.at(1).get<size_t>(), run.at(2).get<size_t>()});
    }
    for (const auto& f : json.at("failed_before")) {
      const std::string name = f.at(1).get<std::string>();
      int reason = 1;
      while (reason < kReasonCount && ReasonName(static_cast<Reason>(reason)) != name) ++reason;
      if (reason == kReasonCount) throw Error(ErrorCode::kBadInput, subject, fmt::format("names a reason '{}'", name));
      record.failed_before.push_back({f.at(0).get<uint64_t>(), static_cast<Reason>(reason)});
    }
    if (record.options.size() != 16 || record.options.find_first_not_of("0123456789abcdef") != std::string::npos) {
      throw Error(ErrorCode::kBadInput, subject, "names no options");
    }
    return record;
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kBadInput, subject, "is no record of takt demo",
                "the dataset was not made by takt demo generate, or is damaged");
  }
}

dataset::Episode ToEpisode(const Attempt& attempt, Look* look) {
  dataset::Episode episode;
  episode.tasks = {attempt.instruction};
  std::vector<float> state, environment, action;
  for (const Frame& frame : attempt.frames) {
    state.insert(state.end(), frame.state.begin(), frame.state.end());
    environment.insert(environment.end(), frame.environment.begin(), frame.environment.end());
    action.insert(action.end(), frame.action.begin(), frame.action.end());
  }
  episode.columns = {{"observation.state", std::move(state)},
                     {"observation.environment_state", std::move(environment)},
                     {"action", std::move(action)}};
  if (look) {
    for (size_t c = 0; c < look->cameras().size(); ++c) {
      std::vector<Image8>& images = episode.images["observation.images." + look->cameras()[c]];
      for (const Frame& frame : attempt.frames) images.push_back(look->Render(static_cast<int>(c), frame.qpos));
    }
  }
  return episode;
}

}  // namespace takt::demo
