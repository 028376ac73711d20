// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/base/diagnostic.h"
#include "takt/core/io/chat.h"
#include "takt/data/scene/model/scene_io.h"
#include "takt/data/scene/repair/repair.h"

namespace takt::scene {

struct AskOptions {
  std::string words = {};          // what the user wants
  std::filesystem::path in = {};   // a scene to change; empty: a new one
  std::filesystem::path out = {};  // .xml or .json; may be `in`, which then gets a line in its log
  ChatEndpoint endpoint = {};      // timeout_s is for everything together
  int corrections = 2;             // times that the model is shown what is wrong with its answer
  bool repair = true;              // move things apart, onto their supports and into the room
  uint64_t seed = 0;               // of the repair
};

struct AskReport {
  bool was_patch = false;               // the model changed `in` rather than write a whole scene
  int requests = 0;                     // sent to the endpoint
  int corrections = 0;                  // of them, because of faults
  std::vector<Diagnostic> diagnostics;  // of the answer that was taken: warnings and notes
  RepairOutcome repair = RepairOutcome::kClean;
  std::vector<Moved> moved;
  Scene scene;
};

// Lets a chat model write a scene, or a patch to one. Its answer is never believed: it is read with every check of
// ParseScene, what is wrong is sent back at most `corrections` times, and the result is repaired. Only a scene without
// errors (and, with `repair`, one whose certificate holds) is written; otherwise `out` is as it was.
// Errors: as Chat and LoadScene; bad_input (the answer still has faults); infeasible_budget (it cannot be repaired).
AskReport Ask(const AskOptions& options);

// The scene or patch in what a model says: the longest fenced block, or from the first brace or tag to the last;
// thoughts in <think> tags do not count. Empty where there is none.
struct Extract {
  std::string text;
  Format format = Format::kJson;
  bool is_patch = false;
};
Extract ExtractAnswer(std::string_view answer);

}  // namespace takt::scene
