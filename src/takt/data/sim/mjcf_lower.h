// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace takt::sim {

// One thing that was changed so that the installed MuJoCo understands a text written for a newer one.
struct LoweredItem {
  std::string element;    // "position"
  std::string attribute;  // "dampratio"; empty where the element itself was changed
  std::string file;       // as the user named it, or the included file
  int line = 0;           // from 1
  std::string what;       // "computed kv = 3.1 for actuator 'Elbow' from the inertia at qpos0"
  bool exact = true;      // false: the physics differs from what the text asked for
};

struct LowerOptions {
  std::filesystem::path asset_folder;               // include and asset files must lie inside; empty: none may be named
  std::string subject = "MJCF";                     // how errors and items name the text
  std::vector<std::filesystem::path> more_folders;  // absolute file names may lie in these too
};

struct LoweredMjcf {
  std::string text;                                                  // includes merged; asset files as absolute paths
  std::vector<LoweredItem> items;                                    // in the order of the text
  std::vector<std::pair<std::string, double>> gravity_compensation;  // body name, fraction of its weight
  std::vector<std::pair<std::string, double>> damping_ratios;  // actuator name, damping ratio still to be computed
};

// Turns MJCF written for MuJoCo 3.x into what 2.2.2 understands: docs/guide/sim.md lists every rule.
// Errors: bad_input (not XML, nested deeper than 200, larger than 64 MB with its includes, an include cycle, a file
// outside the asset folder); not_found (a file); unsupported (plugins, flexible bodies, attached models).
// Cost: linear in the text. Determinism: same text and files, same answer.
LoweredMjcf LowerMjcf(std::string_view mjcf, const LowerOptions& options);

}  // namespace takt::sim
