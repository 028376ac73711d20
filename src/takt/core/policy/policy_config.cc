// SPDX-License-Identifier: Apache-2.0
#include "takt/core/policy/policy_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/io/json.h"

namespace takt::policy {
namespace {

using nlohmann::ordered_json;

constexpr int kMajor = 1;
constexpr uint64_t kMaxConfigBytes = 1 << 20;

// Reads the fields of one JSON object, and remembers which ones it knew.
class Reader {
 public:
  Reader(const ordered_json& json, std::string subject) : json_(json), subject_(std::move(subject)) {
    if (!json.is_object()) throw Error(ErrorCode::kBadInput, subject_, "is no JSON object");
  }

  template <class T>
  void Field(const char* name, T* value, bool required = false) {
    known_.insert(name);
    const auto it = json_.find(name);
    if (it == json_.end()) {
      if (required) throw Error(ErrorCode::kBadInput, subject_, fmt::format("lacks \"{}\"", name));
      return;
    }
    try {
      *value = it->template get<T>();
    } catch (const ordered_json::exception&) {
      throw Error(ErrorCode::kBadInput, subject_, fmt::format("has a \"{}\" of the wrong type", name));
    }
  }

  // A whole number in [low, high]; JSON numbers such as 1e99 or 1.5 are refused, not cut.
  void Count(const char* name, int low, int high, int* value, bool required = false) {
    known_.insert(name);
    const auto it = json_.find(name);
    if (it == json_.end()) {
      if (required) throw Error(ErrorCode::kBadInput, subject_, fmt::format("lacks \"{}\"", name));
      return;
    }
    // Through double, so that a number beyond int64 is out of range rather than wrapped.
    const double number = it->is_number() ? it->get<double>() : std::nan("");
    if (!(number >= low && number <= high) || number != std::floor(number)) {
      throw Error(ErrorCode::kBadInput, subject_,
                  fmt::format("has a \"{}\" that is no whole number from {} to {}", name, low, high));
    }
    *value = static_cast<int>(number);
  }

  const ordered_json* Object(const char* name) {
    known_.insert(name);
    const auto it = json_.find(name);
    return it == json_.end() || it->is_null() ? nullptr : &*it;
  }

  void NoteUnknown(std::vector<std::string>* notes) const {
    if (!notes) return;
    for (const auto& [key, value] : json_.items()) {
      if (!known_.contains(key)) notes->push_back(fmt::format("{}: \"{}\" is not known and was ignored", subject_, key));
    }
  }

 private:
  const ordered_json& json_;
  std::string subject_;
  std::set<std::string> known_;
};

PictureInput ReadPicture(const ordered_json& json, const std::string& subject, std::vector<std::string>* notes) {
  PictureInput picture;
  Reader reader(json, subject);
  reader.Field("key", &picture.key, true);
  reader.Count("width_px", 4, 1024, &picture.width_px, true);
  reader.Count("height_px", 4, 1024, &picture.height_px, true);
  reader.Count("patch_px", 2, 128, &picture.patch_px);
  reader.Count("n_emb", 4, 4096, &picture.n_emb);
  reader.Count("n_head", 1, 64, &picture.n_head);
  reader.Count("n_layer", 1, 64, &picture.n_layer);
  reader.Count("n_query", 0, 256, &picture.n_query);
  reader.Count("out_dim", 1, 4096, &picture.out_dim);
  reader.NoteUnknown(notes);
  if (picture.width_px % picture.patch_px || picture.height_px % picture.patch_px) {
    throw Error(ErrorCode::kBadInput, subject, "has a \"patch_px\" that does not divide the picture");
  }
  if (picture.n_emb % picture.n_head) throw Error(ErrorCode::kBadInput, subject, "has an \"n_emb\" that \"n_head\" does not divide");
  return picture;
}

}  // namespace

int PolicyConfig::state_dim() const { return std::accumulate(state_dims.begin(), state_dims.end(), 0); }

int PolicyConfig::cond_dim() const {
  int dim = state_dim() + (instruction_bytes > 0 ? instruction_dim : 0);
  for (const PictureInput& picture : pictures) dim += picture.out_dim;
  return dim;
}

PolicyConfig ParsePolicyConfig(const std::string& text, const std::string& subject, std::vector<std::string>* notes) {
  const ordered_json json = ParseJson(text, subject);
  PolicyConfig c;
  Reader reader(json, subject);
  std::string kind;
  std::vector<int> schema;
  reader.Field("kind", &kind, true);
  reader.Field("schema", &schema, true);
  if (kind != "dp-t") throw Error(ErrorCode::kUnsupported, subject, fmt::format("is a \"{}\"", kind), "takt runs dp-t");
  if (schema.size() != 2 || schema[0] != kMajor) {
    throw Error(ErrorCode::kUnsupported, subject, "was made by another version of takt", "use the version that made it");
  }
  reader.Field("state_keys", &c.state_keys);
  reader.Field("state_dims", &c.state_dims);
  if (c.state_keys.size() != c.state_dims.size() || c.state_keys.size() > 64 ||
      std::any_of(c.state_dims.begin(), c.state_dims.end(), [](int dim) { return dim < 1 || dim > 4096; })) {
    throw Error(ErrorCode::kBadInput, subject, "needs a \"state_dims\" from 1 to 4096 for each of \"state_keys\"");
  }
  if (const ordered_json* pictures = reader.Object("pictures")) {
    if (!pictures->is_array() || pictures->size() > 16) {
      throw Error(ErrorCode::kBadInput, subject, "has a \"pictures\" that is no list of at most 16");
    }
    for (size_t i = 0; i < pictures->size(); ++i) {
      c.pictures.push_back(ReadPicture((*pictures)[i], fmt::format("{} pictures[{}]", subject, i), notes));
    }
  }
  reader.Count("instruction_bytes", 0, 4096, &c.instruction_bytes);
  reader.Count("instruction_dim", 0, 4096, &c.instruction_dim);
  if ((c.instruction_bytes > 0) != (c.instruction_dim > 0)) {
    throw Error(ErrorCode::kBadInput, subject, "needs both \"instruction_bytes\" and \"instruction_dim\", or neither");
  }
  reader.Field("action_key", &c.action_key);
  reader.Count("action_dim", 1, 1024, &c.action_dim, true);
  reader.Count("relative_action_dims", 0, 1024, &c.relative_action_dims);
  if (c.relative_action_dims > c.action_dim || c.relative_action_dims > c.state_dim()) {
    throw Error(ErrorCode::kBadInput, subject, "has more \"relative_action_dims\" than an action or a state has numbers");
  }
  reader.Field("fps", &c.fps);
  if (!(c.fps >= 0 && c.fps <= 1e4)) throw Error(ErrorCode::kBadInput, subject, "has an \"fps\" outside of 0 to 10000");
  reader.Count("horizon", 1, 512, &c.horizon, true);
  reader.Count("n_obs_steps", 1, 64, &c.n_obs_steps, true);
  reader.Count("n_action_steps", 1, 512, &c.n_action_steps, true);
  if (c.n_obs_steps - 1 + c.n_action_steps > c.horizon) {
    throw Error(ErrorCode::kBadInput, subject, "executes actions beyond its \"horizon\"",
                "n_obs_steps - 1 + n_action_steps must not pass horizon");
  }
  reader.Count("n_emb", 4, 4096, &c.n_emb, true);
  reader.Count("n_head", 1, 64, &c.n_head, true);
  reader.Count("n_layer", 1, 64, &c.n_layer, true);
  reader.Count("n_cond_layers", 0, 64, &c.n_cond_layers);
  if (c.n_emb % c.n_head || c.n_emb % 2) {
    throw Error(ErrorCode::kBadInput, subject, "has an \"n_emb\" that is odd, or that \"n_head\" does not divide");
  }
  reader.Field("causal_attn", &c.causal_attn);
  std::string head = "ddpm";
  reader.Field("head", &head);
  if (head != "ddpm" && head != "flow") {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("has an unknown \"head\": \"{}\"", head), "one of: ddpm, flow");
  }
  c.head = head == "flow" ? Head::kFlow : Head::kDdpm;
  std::string prediction = "epsilon";
  reader.Field("prediction_type", &prediction);
  if (prediction != "epsilon" && prediction != "sample") {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("has an unknown \"prediction_type\": \"{}\"", prediction),
                "one of: epsilon, sample");
  }
  c.prediction = prediction == "sample" ? Prediction::kSample : Prediction::kEpsilon;
  if (c.head == Head::kFlow && c.prediction == Prediction::kSample) {
    throw Error(ErrorCode::kBadInput, subject, "has a flow head that predicts samples", "a flow head predicts velocities");
  }
  reader.Count("train_steps", 1, 10000, &c.train_steps);
  reader.Field("beta_schedule", &c.beta_schedule);
  AlphaBars(c.beta_schedule, c.train_steps);
  reader.Field("clip_sample", &c.clip_sample);
  if (const ordered_json* training = reader.Object("training")) c.training = *training;
  reader.NoteUnknown(notes);
  if (c.cond_dim() < 1) {
    throw Error(ErrorCode::kBadInput, subject, "observes nothing", "name state_keys, pictures or an instruction");
  }
  return c;
}

PolicyConfig LoadPolicyConfig(const std::filesystem::path& folder, std::vector<std::string>* notes) {
  const std::filesystem::path path = folder / "config.json";
  return ParsePolicyConfig(ReadTextFile(path, kMaxConfigBytes), path.string(), notes);
}

std::string PolicyConfigText(const PolicyConfig& c) {
  ordered_json pictures = ordered_json::array();
  for (const PictureInput& p : c.pictures) {
    pictures.push_back({{"key", p.key},       {"width_px", p.width_px}, {"height_px", p.height_px}, {"patch_px", p.patch_px},
                        {"n_emb", p.n_emb},   {"n_head", p.n_head},     {"n_layer", p.n_layer},     {"n_query", p.n_query},
                        {"out_dim", p.out_dim}});
  }
  const ordered_json json = {{"kind", "dp-t"},
                             {"schema", {kMajor, 0}},
                             {"state_keys", c.state_keys},
                             {"state_dims", c.state_dims},
                             {"pictures", pictures},
                             {"instruction_bytes", c.instruction_bytes},
                             {"instruction_dim", c.instruction_dim},
                             {"action_key", c.action_key},
                             {"action_dim", c.action_dim},
                             {"relative_action_dims", c.relative_action_dims},
                             {"fps", c.fps},
                             {"horizon", c.horizon},
                             {"n_obs_steps", c.n_obs_steps},
                             {"n_action_steps", c.n_action_steps},
                             {"n_emb", c.n_emb},
                             {"n_head", c.n_head},
                             {"n_layer", c.n_layer},
                             {"n_cond_layers", c.n_cond_layers},
                             {"causal_attn", c.causal_attn},
                             {"head", c.head == Head::kFlow ? "flow" : "ddpm"},
                             {"prediction_type", c.prediction == Prediction::kSample ? "sample" : "epsilon"},
                             {"train_steps", c.train_steps},
                             {"beta_schedule", c.beta_schedule},
                             {"clip_sample", c.clip_sample},
                             {"training", c.training}};
  return json.dump(2) + "\n";
}

std::vector<double> AlphaBars(const std::string& schedule, int steps) {
  constexpr double kHalfPi = 1.57079632679489661923;
  const bool cosine = schedule == "squaredcos_cap_v2";
  if (!cosine && schedule != "linear") {
    throw Error(ErrorCode::kBadInput, "beta_schedule", fmt::format("'{}' is not known", schedule),
                "one of: squaredcos_cap_v2, linear");
  }
  const auto f = [](double t) {
    const double c = std::cos((t + 0.008) / 1.008 * kHalfPi);
    return c * c;
  };
  std::vector<double> bars(static_cast<size_t>(steps));
  double bar = 1;
  for (int k = 0; k < steps; ++k) {
    const double beta = cosine ? std::min(1 - f((k + 1.0) / steps) / f(static_cast<double>(k) / steps), 0.999)
                               : 1e-4 + (0.02 - 1e-4) * (steps > 1 ? k / (steps - 1.0) : 0);
    bar *= 1 - beta;
    bars[static_cast<size_t>(k)] = bar;
  }
  return bars;
}

std::vector<float> TimeEmbedding(double t, int dim) {
  const int half = dim / 2;
  std::vector<float> embedding(static_cast<size_t>(dim));
  for (int i = 0; i < half; ++i) {
    const double f = std::exp(-std::log(10000.0) * i / std::max(half - 1, 1));
    embedding[static_cast<size_t>(i)] = static_cast<float>(std::sin(t * f));
    embedding[static_cast<size_t>(half + i)] = static_cast<float>(std::cos(t * f));
  }
  return embedding;
}

}  // namespace takt::policy
