// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "takt/core/base/diagnostic.h"
#include "takt/data/scene/model/document.h"
#include "takt/data/scene/model/scene.h"
#include "takt/data/scene/model/scene_io.h"

namespace takt::scene {

// A list of edits, addressed by node id, in the spellings of scenes:
//
//   XML   <patch> <set id="cup" mass_kg="0.3" unset="friction"/> <remove id="tray"/> ... </patch>
//   JSON  {"ops": [{"op": "set", "id": "cup", "mass_kg": 0.3, "unset": "friction"}, {"op": "remove", "id": "tray"}]}
//
//   add      a node into `parent` behind the sibling `after` ("" for the front; absent: at the end), or a relation or
//            material at place `at` of their list (absent: at the end)
//   move     node `id` to another pose (position_m, yaw_deg, rotation_wxyz), parent or place; what is not said stays
//   remove   node `id` with all that stands in it and every relation that names any of it; or the relation, or material
//   replace  node `id` by another, with all that stands in it
//   set      keys of node `id` (of the scene without an id), and lists (parts, clearances, openings) as a whole;
//   `unset`
//            names keys and lists to bring back to their defaults
//
// docs/formats/scene.md is the reference.
struct Patch {
  std::vector<Element> ops;
  Format format = Format::kJson;  // the spelling it was read from
};

// Reads a patch. Never throws for bad text; with errors, `patch` must not be applied.
struct PatchResult {
  Patch patch;
  std::vector<Diagnostic> diagnostics;
};
PatchResult ParsePatch(std::string_view text, Format format, const std::string& file);
std::string FormatPatch(const Patch& patch, Format format);

// The scene after the edits, or `scene` as it was and what is wrong: nothing is applied in part. An edit may not leave
// errors in the scene that it did not have (Check).
struct EditResult {
  Scene scene;
  std::vector<Diagnostic> diagnostics = {};
  std::vector<std::string> touched =
      {};  // ids that were added, moved, replaced or set, sorted: those that may move to make room
};
EditResult Apply(const Scene& scene, const Patch& patch);
// The same from text, with places in the diagnostics.
EditResult Apply(const Scene& scene, std::string_view text, Format format, const std::string& file);

// A patch with Apply(a, Diff(a, b)) equal to b, bit for bit. Nodes are followed by their ids.
// Cost: linear in the nodes for each edit.
Patch Diff(const Scene& a, const Scene& b);

// What both sides did to `base`. Nodes are followed by their ids, and merged key by key; siblings keep the order of the
// side that changed it. Deterministic, and Merge(base, a, b) is Merge(base, b, a) where they do not conflict.
// A conflict is an error and leaves a scene that can be used: a key that both changed stays as in `base`; what one side
// removed and the other changed stays; of two nodes added under one id, ours stays; a relation to something that was
// removed is dropped.
struct MergeResult {
  Scene scene;
  std::vector<Diagnostic> conflicts;
};
MergeResult Merge(const Scene& base, const Scene& ours, const Scene& theirs);

}  // namespace takt::scene
