// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "takt/data/sim/arms.h"

namespace takt::sim {

// A desk arm of the class of the WidowX 250 and the SO-101: five joints, 0.56 m from shoulder to tool, 0.3 kg.
// Source: limits, speeds and stall torques of Dynamixel XM430-W350 (4.1 N m, 46 rev/min) and pairs of XM540-W270
// (10.6 N m, 30 rev/min at 12 V), joint ranges after the WidowX 250 data sheet (Trossen Robotics). We deviate: links
// and masses are our own, and the gripper opens to 80 mm.
Robot MakeArm5();

// The kinematics of the Franka Emika Panda: Denavit-Hartenberg table, joint position, velocity, acceleration and torque
// limits of the manufacturer's control manual (FCI documentation, "Robot and interface specifications"), link masses as
// identified by Gaz et al. 2019 (RA-L 4(4)). We deviate: shapes are capsules with uniform density, the servos are ours.
Robot MakeArm7();

}  // namespace takt::sim
