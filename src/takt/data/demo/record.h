// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "takt/data/dataset/writer.h"
#include "takt/data/demo/attempt.h"
#include "takt/data/demo/look.h"

namespace takt::demo {

// How a kept attempt becomes an episode of a dataset, and what is needed to make it again.

// What decides an attempt, recipe included: meta/takt_demo_NAME.json, NAME a digest of it. Shards have equal records.
nlohmann::ordered_json RecordOfOptions(const AttemptOptions& options, const std::string& recipe_text);
std::string RecordName(const nlohmann::ordered_json& record);
std::filesystem::path RecordPath(const std::filesystem::path& dataset, const std::string& name);
// Errors: not_found; io; bad_input (damaged); unsupported (another major version).
AttemptOptions OptionsOfRecord(const std::filesystem::path& path);
AttemptOptions ParseOptions(const std::string& text, const std::string& subject);

// The features of a dataset for a task and a robot: observation.state, observation.environment_state, action, and with
// `cameras` observation.images.front and .wrist.
std::vector<dataset::Feature> FeaturesOf(const Stage& stage, bool cameras, int width_px, int height_px,
                                         const std::string& picture_dtype);

// Attempts that were not kept since the last one that was.
struct Failed {
  uint64_t attempt = 0;
  Reason reason = Reason::kKept;
};

// One line of meta/takt_episodes.jsonl.
struct EpisodeRecord {
  std::string options;  // RecordName
  uint64_t attempt = 0;
  std::string digest;
  std::vector<HeldRun> held;
  std::vector<float> features;  // of the duplicate search
  std::vector<Failed> failed_before;
};
nlohmann::ordered_json ToJson(const EpisodeRecord& record);
// Errors: bad_input naming `subject`.
EpisodeRecord EpisodeRecordOf(const nlohmann::ordered_json& json, const std::string& subject);

// Errors: as DatasetWriter. `look` null: without pictures. Cost: rendering, if any.
dataset::Episode ToEpisode(const Attempt& attempt, Look* look);

}  // namespace takt::demo
