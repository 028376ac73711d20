// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/data/scene/model/scene.h"
#include "takt/data/scene/repair/certificate.h"
#include "takt/data/scene/repair/witness.h"

namespace takt::scene {

struct RepairOptions {
  uint64_t seed = 0;
  Tolerances tolerances;
  std::filesystem::path assets;      // folder of the mesh files
  std::vector<std::string> movable;  // only these nodes may move (with what stands on them); empty: all that are not fixed
  int effort = 1;                    // 0: forces and projection alone; 1: all; more: so many times the restarts
  bool prove = true;                 // look for a witness where nothing was found
};

enum class RepairOutcome {
  kClean,       // nothing was wrong; the scene is what came in, bit for bit
  kRepaired,    // the certificate holds
  kInfeasible,  // `witness` says why, and CheckWitness agrees
  kUnsolved,    // neither solved nor proved impossible
};

struct Moved {
  std::string id;
  double distance_m = 0;  // of the node's origin in the world
  double turn_rad = 0;    // angle of the rotation in the world
};

struct RepairResult {
  RepairOutcome outcome = RepairOutcome::kUnsolved;
  Scene scene;                // kClean: the input; kRepaired: repaired; otherwise the best that was found
  Certificate certificate;    // of `scene`
  std::vector<Fault> faults;  // what was wrong with the input
  std::vector<Moved> moved;   // by falling distance; what only rode on its support is not listed
  Witness witness;            // kInfeasible
  int restarts = 0;
};

// Removes what breaks common sense, moving as little as it can: poses and sizes that are no numbers or in millimetres,
// bodies that float, sink, lie, overlap, leave the room or block doors and drawers, and stated relations that do not hold.
// Supports are solved from the floor up; what stands on an object rides with it. On each support objects move in x and y and
// turn about z where a relation needs it, or where nothing else helps; heights follow from the supports. Fixed objects and
// nodes outside `movable` keep their bytes, as does every node that needs no move.
//
// Method: forces (overlap, bounds, clearances, relation springs, reach) under a damped integrator; exact projection of
// what is left; then each object moves to the valid place nearest to where it was, found on the boundary of the
// configuration space; where that fails, constructive placement on the same boundary and large-neighbourhood search.
// Errors: bad_input for a scene without a floor; as ReadMesh.
// Cost: about 1 ms for 20 boxes at 45 % of the floor. Determinism: same scene, options -> same bytes; single-threaded,
// so that callers repair scenes in parallel.
// Source: forces as in HOG-Layout (Euler, level by level); configuration-space boundary: Lozano-Perez 1983. We differ:
// exact projection, minimal displacement, certificate, witness (docs/adr/0203).
RepairResult Repair(const Scene& scene, const RepairOptions& options = {});

// How far objects of `before` have moved in `after`, which has the same nodes in the same order.
std::vector<Moved> MovedNodes(const Scene& before, const Scene& after, const std::filesystem::path& assets = {});

}  // namespace takt::scene
