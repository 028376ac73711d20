// SPDX-License-Identifier: Apache-2.0
#pragma once

// <frame> and <replicate>; for mjcf_lower.cc and mjcf_merge.cc only.
#include <pugixml.hpp>
#include <string>
#include <vector>

#include "takt/data/sim/mjcf_xml.h"

namespace takt::sim::mjcf {

// Expands <replicate> (copies, each a step further, names with the number of the copy behind them) and dissolves
// <frame> (poses of the elements in it are composed with its own; its childclass goes to those without a class).
// Errors: bad_input for more than 100,000 elements.
void FlattenFrames(Source* source, pugi::xml_node root, const Angles& angles,
                   const std::function<void(const pugi::xml_node&, std::string what)>& note);

// Moves an element of a body by a transform of its parent's frame: pose, end points, joint axes, light directions.
void MoveElement(pugi::xml_node element, const Pose& parent_from_frame, const Angles& angles);

}  // namespace takt::sim::mjcf
