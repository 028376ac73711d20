// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "takt/data/scene/model/scene.h"
#include "takt/data/scene/repair/certificate.h"

namespace takt::scene {

enum class ProofKind {
  kNone,
  kCycle,           // `on` and `in` form a ring
  kMissing,         // a relation names what does not exist, or an opening or wall that the room lacks
  kFixedPair,       // two fixed objects overlap, or a fixed one lies in a wall or before an opening
  kFixedRelation,   // a relation between fixed things does not hold
  kSupportMisfit,   // no yaw fits the object on its support
  kArea,            // the bodies cover more area than their support has
  kWallLength,      // what must stand against a wall is longer than the wall
  kDistance,        // the gaps and reaches asked for contradict each other or the room
  kAngle,           // aligned, facing and against ask for yaws that exclude each other
  kPlacement,       // exhaustive search over cells of the configuration space
};
const char* ProofName(ProofKind kind);  // "wall_length"

// A set of objects and relations that cannot hold together on this support, whatever is done with the rest. It is
// subset-minimal for the proof that is used: without any one of its members that proof no longer works.
struct Witness {
  ProofKind kind = ProofKind::kNone;
  std::vector<std::string> objects;    // node ids
  std::vector<int> relations;          // indices into scene.relations
  std::string support;                 // node id of the support; empty where none plays a part
  double needed = 0, available = 0;    // what the proof compares: m^2, m, rad; needed > available
  std::vector<std::string> steps;      // the argument, for people
};

// Looks for a witness. kNone means that none was found, not that the scene can be repaired.
// `max_cells` bounds the exhaustive search; 0 leaves it out. Determinism: a function of its arguments.
Witness FindWitness(const Scene& scene, const Tolerances& tolerances = {}, const std::filesystem::path& assets = {},
                    int max_cells = 20000);

// Recomputes the argument of a witness from the scene alone, sharing no code with FindWitness but the geometry.
// False for anything that it cannot confirm.
bool CheckWitness(const Scene& scene, const Witness& witness, const Tolerances& tolerances = {},
                  const std::filesystem::path& assets = {});

}  // namespace takt::scene
