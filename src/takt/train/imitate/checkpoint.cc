// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/checkpoint.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "takt/core/base/error.h"
#include "takt/core/io/safetensors.h"

namespace takt::imitate {
namespace {

using nlohmann::ordered_json;

template <class Point, class Visitor>
void VisitNumbers(Point& p, const Visitor& visit) {
  visit("elapsed_s", p.elapsed_s);
  visit("loss", p.loss);
  visit("auxiliary_loss", p.auxiliary);
  visit("learning_rate", p.learning_rate);
  visit("gradient_norm", p.gradient_norm);
  visit("held_out_loss", p.held_out);
  visit("held_out_auxiliary_loss", p.held_out_auxiliary);
  visit("action_rmse", p.action_rmse);
}

CurvePoint CurvePointFrom(const ordered_json& json) {
  CurvePoint point;
  point.step = json.at("step").get<int64_t>();
  VisitNumbers(point, [&](const char* name, double& value) {
    value = json.contains(name) ? json[name].get<double>() : std::numeric_limits<double>::quiet_NaN();
  });
  return point;
}

}  // namespace

ordered_json CurvePointJson(const CurvePoint& point) {
  ordered_json json = {{"step", point.step}};
  VisitNumbers(point, [&](const char* name, double value) {
    if (std::isfinite(value)) json[name] = value;
  });
  return json;
}

std::filesystem::path CheckpointPath(const std::filesystem::path& out) { return out / "checkpoint" / "state.safetensors"; }

void WriteCheckpoint(const std::filesystem::path& out, const CheckpointState& state) {
  const std::filesystem::path path = CheckpointPath(out);
  std::error_code failed;
  std::filesystem::create_directories(path.parent_path(), failed);
  if (failed) throw Error(ErrorCode::kIo, path.parent_path().string(), "cannot create: " + failed.message());
  ordered_json curve = ordered_json::array();
  for (const CurvePoint& point : state.curve) curve.push_back(CurvePointJson(point));
  const Schedule& s = state.schedule;
  const ordered_json json = {{"step", state.optimizer.step},
                             {"elapsed_s", state.elapsed_s},
                             {"schedule", {s.decided_at, s.decided_share, s.share_per_step}},
                             {"sums", state.sums},  // NaN is written as null
                             {"sum_count", state.sum_count},
                             {"next_evaluation", state.next_evaluation},
                             {"identity", state.identity},
                             {"curve", curve}};
  const auto n = static_cast<int64_t>(state.values.size());
  SafeTensorsWriter writer;
  writer.Add("values", {n}, state.values);
  writer.Add("moment1", {n}, state.optimizer.moment1);
  writer.Add("moment2", {n}, state.optimizer.moment2);
  writer.Add("average", {n}, state.optimizer.average);
  writer.SetMetadata("takt", json.dump());
  writer.Write(path);
}

CheckpointState ReadCheckpoint(const std::filesystem::path& out, const ordered_json& identity, size_t n) {
  const std::filesystem::path path = CheckpointPath(out);
  if (!std::filesystem::exists(path)) {
    throw Error(ErrorCode::kNotFound, path.string(), "there is no checkpoint to resume from", "train without --resume");
  }
  const SafeTensors file = ReadSafeTensors(path);
  CheckpointState state;
  try {
    const ordered_json json = ordered_json::parse(file.metadata().at("takt"));
    state.identity = json.at("identity");
    for (const auto& [key, value] : identity.items()) {
      if (!state.identity.contains(key) || state.identity[key] != value) {
        throw Error(ErrorCode::kBadInput, path.string(), fmt::format("is of a training with another \"{}\"", key),
                    "repeat the options of that training, or train into another folder");
      }
    }
    state.optimizer.step = json.at("step").get<int64_t>();
    state.elapsed_s = json.at("elapsed_s").get<double>();
    state.schedule.decided_at = json.at("schedule").at(0).get<int64_t>();
    state.schedule.decided_share = json.at("schedule").at(1).get<double>();
    state.schedule.share_per_step = json.at("schedule").at(2).get<double>();
    for (const ordered_json& sum : json.at("sums")) {
      state.sums.push_back(sum.is_null() ? std::numeric_limits<double>::quiet_NaN() : sum.get<double>());
    }
    state.sum_count = json.at("sum_count").get<int64_t>();
    state.next_evaluation = json.at("next_evaluation").get<double>();
    for (const ordered_json& point : json.at("curve")) state.curve.push_back(CurvePointFrom(point));
  } catch (const ordered_json::exception&) {
    throw Error(ErrorCode::kBadInput, path.string(), "is no checkpoint of takt imitate");
  } catch (const std::out_of_range&) {
    throw Error(ErrorCode::kBadInput, path.string(), "is no checkpoint of takt imitate");
  }
  const auto count = static_cast<int64_t>(n);
  state.values = file.GetValues<float>("values", {count});
  state.optimizer.moment1 = file.GetValues<float>("moment1", {count});
  state.optimizer.moment2 = file.GetValues<float>("moment2", {count});
  state.optimizer.average = file.GetValues<float>("average", {count});
  return state;
}

}  // namespace takt::imitate
