// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/training_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "takt/core/base/error.h"

namespace takt::imitate {
namespace {

constexpr size_t kMaxAuxiliaryDims = 4096;

using nlohmann::ordered_json;

// The fields of TrainingBlock, for reading and writing alike.
template <class Block, class Visitor>
void VisitCounts(Block& b, const Visitor& visit) {
  visit("batch_size", b.batch_size, 1, 65536);
  visit("draws_per_sample", b.draws_per_sample, 1, 256);
  visit("shift_px", b.shift_px, 0, 64);
  visit("picture_stride", b.picture_stride, 1, 1000);
}
template <class Block, class Visitor>
void VisitNumbers(Block& b, const Visitor& visit) {
  visit("learning_rate", b.learning_rate, 0.0, 1.0);
  visit("warmup", b.warmup, 0.0, 1.0);
  visit("weight_decay", b.weight_decay, 0.0, 10.0);
  visit("beta1", b.beta1, 0.0, 0.999999);
  visit("beta2", b.beta2, 0.0, 0.999999);
  visit("ema_power", b.ema_power, 0.0, 2.0);
  visit("ema_max", b.ema_max, 0.0, 1.0);
  visit("clip_norm", b.clip_norm, 0.0, 1e9);
  visit("p_drop_emb", b.p_drop_emb, 0.0, 0.9);
  visit("p_drop_attn", b.p_drop_attn, 0.0, 0.9);
  visit("held_out", b.held_out, 0.0, 0.9);
}

double Number(const ordered_json& json, const char* name, double low, double high, const std::string& subject) {
  const double number = json.is_number() ? json.get<double>() : std::nan("");
  if (!(number >= low && number <= high)) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("has a \"{}\" that is no number from {} to {}", name, low, high));
  }
  return number;
}

TrainingBlock ReadBlock(const ordered_json& json, const std::string& subject, std::vector<std::string>* notes) {
  if (!json.is_object()) throw Error(ErrorCode::kBadInput, subject, "is no JSON object");
  TrainingBlock block;
  std::set<std::string> known = {"auxiliary", "bf16", "run"};
  VisitCounts(block, [&](const char* name, int& value, int low, int high) {
    known.insert(name);
    if (!json.contains(name)) return;
    const double number = Number(json[name], name, low, high, subject);
    if (number != std::floor(number)) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("has a \"{}\" that is no whole number", name));
    }
    value = static_cast<int>(number);
  });
  VisitNumbers(block, [&](const char* name, double& value, double low, double high) {
    known.insert(name);
    if (json.contains(name)) value = Number(json[name], name, low, high, subject);
  });
  if (json.contains("bf16")) {
    if (!json["bf16"].is_boolean()) throw Error(ErrorCode::kBadInput, subject, "has a \"bf16\" that is neither true nor false");
    block.bf16 = json["bf16"].get<bool>();
  }
  if (json.contains("auxiliary") && !json["auxiliary"].is_null()) {
    const ordered_json& auxiliary = json["auxiliary"];
    if (!auxiliary.is_object() || !auxiliary.contains("key") || !auxiliary["key"].is_string()) {
      throw Error(ErrorCode::kBadInput, subject, "has an \"auxiliary\" without a \"key\"",
                  "write {\"key\": \"observation.environment_state\", \"weight\": 0.1}");
    }
    block.auxiliary_key = auxiliary["key"].get<std::string>();
    if (auxiliary.contains("weight")) {
      block.auxiliary_weight = Number(auxiliary["weight"], "auxiliary.weight", 0, 1e6, subject);
    }
    if (auxiliary.contains("dims")) {
      const ordered_json& dims = auxiliary["dims"];
      const bool numbers = dims.is_array() && dims.size() <= kMaxAuxiliaryDims &&
                           std::all_of(dims.begin(), dims.end(), [](const ordered_json& d) { return d.is_number_unsigned(); });
      if (!numbers) throw Error(ErrorCode::kBadInput, subject, "has \"auxiliary.dims\" that are no list of indices");
      for (const ordered_json& d : dims) {
        block.auxiliary_dims.push_back(static_cast<int>(std::min<uint64_t>(d.get<uint64_t>(), 1u << 30)));
      }
    }
  }
  if (notes) {
    for (const auto& [key, value] : json.items()) {
      if (!known.contains(key)) notes->push_back(fmt::format("{}: \"{}\" is not known and was ignored", subject, key));
    }
  }
  return block;
}

ordered_json BlockJson(const TrainingBlock& block) {
  ordered_json json = ordered_json::object();
  VisitCounts(block, [&](const char* name, int value, int, int) { json[name] = value; });
  VisitNumbers(block, [&](const char* name, double value, double, double) { json[name] = value; });
  json["bf16"] = block.bf16;
  if (!block.auxiliary_key.empty()) {
    json["auxiliary"] = {{"key", block.auxiliary_key}, {"weight", block.auxiliary_weight}};
    if (!block.auxiliary_dims.empty()) json["auxiliary"]["dims"] = block.auxiliary_dims;
  }
  return json;
}

int ColumnDim(const DatasetFacts& facts, const std::string& key, const std::string& subject) {
  const auto it = facts.columns.find(key);
  if (it != facts.columns.end()) return it->second;
  std::string there;
  for (const auto& [name, dim] : facts.columns) there += (there.empty() ? "" : ", ") + name;
  throw Error(ErrorCode::kBadInput, subject, fmt::format("asks for the column \"{}\", which the set lacks", key),
              "the set has: " + there);
}

}  // namespace

TrainingConfig ParseTrainingConfig(const std::string& text, const std::string& subject, const DatasetFacts& facts,
                                   std::vector<std::string>* notes) {
  ordered_json json;
  try {
    json = ordered_json::parse(text);
  } catch (const ordered_json::exception&) {
    throw Error(ErrorCode::kBadInput, subject, "is no JSON");
  }
  if (!json.is_object()) throw Error(ErrorCode::kBadInput, subject, "is no JSON object");
  if (!json.contains("kind")) json["kind"] = "dp-t";
  if (!json.contains("schema")) json["schema"] = {1, 0};
  if (!json.contains("state_keys")) {
    json["state_keys"] = ordered_json::array();
    for (const char* key : {"observation.environment_state", "observation.state"}) {
      if (facts.columns.contains(key)) json["state_keys"].push_back(key);
    }
  }
  // Wrong types are left for ParsePolicyConfig to refuse.
  if (json["state_keys"].is_array()) {
    ordered_json dims = ordered_json::array();
    for (const ordered_json& key : json["state_keys"]) {
      if (key.is_string()) dims.push_back(ColumnDim(facts, key.get<std::string>(), subject));
    }
    if (json.contains("state_dims") && json["state_dims"] != dims) {
      throw Error(ErrorCode::kBadInput, subject, "has \"state_dims\" that are not the set's: " + dims.dump());
    }
    json["state_dims"] = dims;
  }
  const std::string action_key = json.contains("action_key") && json["action_key"].is_string()
                                     ? json["action_key"].get<std::string>()
                                     : "action";
  const int action_dim = ColumnDim(facts, action_key, subject);
  if (json.contains("action_dim") && json["action_dim"] != action_dim) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("has an \"action_dim\" that is not the set's: {}", action_dim));
  }
  json["action_dim"] = action_dim;
  if (!json.contains("fps")) json["fps"] = facts.fps;

  TrainingConfig config;
  config.policy = policy::ParsePolicyConfig(json.dump(), subject, notes);
  config.training = ReadBlock(config.policy.training.is_null() ? ordered_json::object() : config.policy.training,
                              subject + " training", notes);
  for (const policy::PictureInput& picture : config.policy.pictures) {
    if (!facts.pictures.contains(picture.key)) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("asks for the pictures \"{}\", which the set lacks", picture.key));
    }
    if (2 * config.training.shift_px >= std::min(picture.width_px, picture.height_px)) {
      throw Error(ErrorCode::kBadInput, subject, "has a \"shift_px\" of half a picture or more");
    }
  }
  if (!config.training.auxiliary_key.empty()) {
    const int width = ColumnDim(facts, config.training.auxiliary_key, subject);
    for (const int dim : config.training.auxiliary_dims) {
      if (dim >= width) {
        throw Error(ErrorCode::kBadInput, subject, fmt::format("has an \"auxiliary.dims\" of {}", dim),
                    fmt::format("\"{}\" has numbers 0 to {}", config.training.auxiliary_key, width - 1));
      }
    }
  }
  if (config.training.picture_stride > 1 && config.policy.n_obs_steps > 1 && !config.policy.pictures.empty()) {
    throw Error(ErrorCode::kBadInput, subject, "has a \"picture_stride\" above 1 and more than one observation step",
                "the steps before a picture that is kept have none: n_obs_steps must be 1");
  }
  config.policy.training = BlockJson(config.training);
  return config;
}

std::string TrainingConfigText(const TrainingConfig& config) { return policy::PolicyConfigText(config.policy); }

const std::vector<BuiltinConfig>& BuiltinConfigs() {
  static const std::vector<BuiltinConfig> configs = {
      {"pusht_state", "Push-T from its keypoints: a diffusion transformer of 1.7 M numbers", R"({
  "horizon": 10,
  "n_obs_steps": 2,
  "n_action_steps": 8,
  "n_emb": 128,
  "n_head": 4,
  "n_layer": 6,
  "prediction_type": "sample",
  "training": {
    "batch_size": 256,
    "draws_per_sample": 1,
    "learning_rate": 0.001,
    "p_drop_attn": 0.0
  }
}
)"},
      {"pick_place_pictures", "pick_place from two cameras and the joints; where the object lies is an extra task to learn", R"({
  "state_keys": ["observation.state"],
  "relative_action_dims": 5,
  "pictures": [
    {"key": "observation.images.front", "width_px": 96, "height_px": 96, "patch_px": 12, "n_emb": 96, "n_head": 4, "n_layer": 3, "n_query": 6, "out_dim": 64},
    {"key": "observation.images.wrist", "width_px": 96, "height_px": 96, "patch_px": 16, "n_emb": 96, "n_head": 4, "n_layer": 2, "n_query": 6, "out_dim": 64}
  ],
  "horizon": 20,
  "n_obs_steps": 1,
  "n_action_steps": 16,
  "n_emb": 128,
  "n_head": 4,
  "n_layer": 4,
  "prediction_type": "sample",
  "training": {
    "bf16": true,
    "batch_size": 48,
    "draws_per_sample": 2,
    "learning_rate": 0.002,
    "p_drop_attn": 0.0,
    "shift_px": 0,
    "picture_stride": 2,
    "auxiliary": {"key": "observation.environment_state", "weight": 0.5, "dims": [0, 1, 2, 7, 8, 13]}
  }
}
)"},
      {"pick_place_state", "pick_place from the joints and the true poses: to see what pictures cost", R"({
  "state_keys": ["observation.state", "observation.environment_state"],
  "relative_action_dims": 5,
  "horizon": 20,
  "n_obs_steps": 1,
  "n_action_steps": 16,
  "n_emb": 128,
  "n_head": 4,
  "n_layer": 4,
  "prediction_type": "sample",
  "training": {
    "bf16": true,
    "batch_size": 64,
    "draws_per_sample": 1,
    "learning_rate": 0.002,
    "p_drop_attn": 0.0
  }
}
)"}};
  return configs;
}

const BuiltinConfig& FindBuiltinConfig(const std::string& name) {
  std::string there;
  for (const BuiltinConfig& config : BuiltinConfigs()) {
    if (config.name == name) return config;
    there += (there.empty() ? "" : ", ") + config.name;
  }
  throw Error(ErrorCode::kNotFound, name, "is neither a file nor a configuration that comes with takt", "one of: " + there);
}

}  // namespace takt::imitate
