// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "takt/data/capture/cell_builder.h"

namespace takt::capture::cell {

// The factory cell: a robot that serves a conveyor, with bench, cabinet, pallet, fence and a mobile robot. `seed`
// varies what is on the conveyor, the robot's posture, the cartons and the parts in the bins. Determinism: the same
// seed gives the same scene.
Scene MakeScene(uint64_t seed);

// The assemblies, each added to `builder` in the world (cell_layout.h). Random numbers come from (seed, a stream of the
// assembly's own).
void AddRoom(Builder* builder);
void AddConveyor(uint64_t seed, Builder* builder);
void AddRobot(uint64_t seed, Builder* builder);
void AddBench(uint64_t seed, Builder* builder);
void AddCabinet(Builder* builder);
void AddPallet(uint64_t seed, Builder* builder);
void AddFence(Builder* builder);
void AddMobileRobot(uint64_t seed, Builder* builder);

}  // namespace takt::capture::cell
