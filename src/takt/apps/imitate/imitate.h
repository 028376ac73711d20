// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace takt::imitate {

// Answers one request of `takt imitate`, a JSON object with "verb":
//   "train"    "dataset", "config" (a file, or the name of one that comes with takt), "out", and optionally "minutes",
//              "steps", "resume", "episodes", "seed", "threads", "memory_mb", "teleop_noise", "device", "progress"
//              ("auto", "json", "quiet"). Answers with the figures of the training.
//   "configs"  answers with "configs": [{"name", "purpose", "config"}].
// Progress goes to stderr. Errors: bad_input for a request that is none; as Train and LoadDemonstrations.
nlohmann::ordered_json AnswerRequest(const std::string& request);

}  // namespace takt::imitate
