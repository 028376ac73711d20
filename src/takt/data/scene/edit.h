// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/core/base/diagnostic.h"
#include "takt/data/scene/model/patch.h"
#include "takt/data/scene/repair/repair.h"

namespace takt::scene {

// The log beside a scene, FILE.log: a line of JSON for each edit, oldest first.
//   {"patch": {...}, "inverse": {...}, "before": DIGEST, "after": DIGEST}
// `patch` leads from the scene before to the scene after, whatever the user's words were; a digest is the SHA-256 of
// the canonical XML of the tree, so that it does not change with the layout of the file.
std::filesystem::path LogOf(const std::filesystem::path& file);
std::string TreeDigest(const Scene& scene);

struct EditOptions {
  std::filesystem::path file;   // changed in place
  std::filesystem::path patch;  // .json or .xml
  bool resolve = false;         // afterwards repair the scene; only what the patch touched may move
  uint64_t seed = 0;            // of the repair
};

struct EditReport {
  std::vector<Diagnostic> diagnostics;  // with errors: nothing was written
  std::vector<std::string> touched;     // ids
  std::vector<Moved> moved;             // by --resolve
  std::vector<Fault> faults_left;       // with --resolve: faults between nodes that the patch did not touch
  std::string before, after;            // digests
};

// Applies a patch to a scene file and appends to its log. The log is written first, and says both digests: after a
// crash between the two, Undo finds that the last line never reached the scene and drops it. Errors: as LoadScene; io;
// infeasible_budget when `resolve` leaves a fault in what was touched. The file is as it was.
EditReport Edit(const EditOptions& options);

// Writes `scene` where `file` holds `before`, with its line in the log: what every verb that changes a scene file does.
void WriteEdited(const Scene& before, const Scene& scene, const std::filesystem::path& file);

// Takes back the last edit in the log. Errors: not_found (no log, or an empty one); bad_input (the scene was changed by
// something that left no line, or the log is damaged).
struct UndoReport {
  Patch inverse;  // what was applied
  size_t edits_left = 0;
  std::string digest;  // of the scene now
};
UndoReport Undo(const std::filesystem::path& file);

// The files' scenes; with conflicts nothing is written, unless `keep_conflicts`.
// Errors: as LoadScene; io.
struct MergeOptions {
  std::filesystem::path base, ours, theirs, out;
  bool keep_conflicts = false;
};
MergeResult MergeFiles(const MergeOptions& options);

}  // namespace takt::scene
