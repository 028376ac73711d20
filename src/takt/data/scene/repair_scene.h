// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "takt/core/base/diagnostic.h"
#include "takt/data/scene/repair/repair.h"
#include "takt/data/scene/settle.h"

namespace takt::scene {

struct SceneRepairOptions {
  std::filesystem::path in;      // XML or JSON
  std::filesystem::path out;     // the suffix names the spelling; empty: nothing is written
  std::filesystem::path report;  // an .html file; empty: none
  uint64_t seed = 0;
  bool settle = true;            // physics in the loop
  int settle_rounds = 4;         // repairs after physics has moved something
  int effort = 1;                // RepairOptions::effort
};

struct SceneRepairReport {
  std::vector<Diagnostic> diagnostics;  // of reading the text
  Scene input;                          // as read
  RepairResult result;                  // certificate with the drift of physics, when that was run
  SettleReport settle;                  // the last run
  int rounds = 0;                       // of physics
  bool written = false;
};

// Repair, then gravity: what moves by a centimetre or two degrees within two seconds is put where it comes to rest, or in
// the middle of its support when it fell, and the scene is repaired again, until all stands. A scene that is valid and stands
// comes back bit for bit. What still moves in the end is a fault (kUnstable) and the outcome kUnsolved.
// Errors: as Repair and Settle. Determinism: as Repair.
SceneRepairReport RepairAndSettle(const Scene& scene, const std::filesystem::path& folder, const SceneRepairOptions& options);

// The verb `takt scene repair`: reads tolerantly, repairs, and writes when the certificate holds; a clean scene in the same
// spelling is copied byte for byte. Writes the report in any case. Errors: not_found; io; bad_input (faults that left
// nothing to repair, text that is not XML or JSON all through, another suffix).
SceneRepairReport RepairScene(const SceneRepairOptions& options);

// The certificate, the witness, what moved and the two plans, as HTML.
void WriteRepairReport(const SceneRepairOptions& options, const SceneRepairReport& report);

}  // namespace takt::scene
