// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where things stand in the cell, in metres: x to the right, y to the back, z up; the floor is z = 0. The front
// (towards -y) is open, the cameras stand there.
namespace takt::capture::cell {

inline constexpr float kRoomHalfX_m = 3.6f;
inline constexpr float kBackWallY_m = 2.5f;
inline constexpr float kFrontY_m = -5.0f;  // where floor and side walls end
inline constexpr float kCeilingZ_m = 4.4f;

inline constexpr float kWalkwayEdgeY_m = -1.95f;                       // the painted walkway runs in front of it
inline constexpr float kZoneCenterX_m = 0.2f, kZoneCenterY_m = 0.42f;  // the robot's zone, with a hazard border
inline constexpr float kZoneHalfX_m = 2.15f, kZoneHalfY_m = 1.6f;

inline constexpr float kConveyorY_m = -0.35f;
inline constexpr float kConveyorTopZ_m = 0.80f;
inline constexpr float kConveyorHalfWidth_m = 0.29f;
inline constexpr float kConveyorStartX_m = -2.75f, kConveyorEndX_m = 2.55f;
inline constexpr float kBeltEndX_m = -0.15f;  // belt to the left, rollers to the right

inline constexpr float kRobotX_m = 0.2f, kRobotY_m = 0.80f;

}  // namespace takt::capture::cell
