// SPDX-License-Identifier: Apache-2.0
#pragma once

// MJCF as a tree with its includes merged and its places known; for mjcf_lower.cc and mjcf_merge.cc only.
#include <filesystem>
#include <functional>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/geom/pose.h"
#include "takt/data/sim/mjcf_lower.h"

namespace takt::sim::mjcf {

// Every element carries this attribute until Text() removes it: "file:line", the file as an index.
inline constexpr char kPlace[] = "takt-place";

struct Source {
  pugi::xml_document document;     // its root is <mujoco>
  std::vector<std::string> files;  // files[0] is the subject
};

// Parses, checks size and depth, merges includes, makes asset files absolute (all must lie in the folders of
// `options`). Errors: as LowerMjcf.
void Read(std::string_view text, const LowerOptions& options, Source* source);

// The element's place in words of the user: file and line.
std::pair<std::string, int> Place(const Source& source, const pugi::xml_node& element);

// The document as text, without the places.
std::string Text(Source* source);

// All elements below `root`, parents first, in the order of the text; safe against changes while it is used.
std::vector<pugi::xml_node> Elements(const pugi::xml_node& root);

// The value that `attribute` of `element` has: its own, or that of the nearest default class. Empty where there is
// none. `element_class` is what the defaults section calls such an element ("joint", "position").
std::string Effective(const pugi::xml_node& root, const pugi::xml_node& element, const char* element_class,
                      const char* attribute);

std::vector<double> Numbers(const char* text);
std::string Join(const std::vector<double>& numbers);

// How a file writes angles: <compiler angle, eulerseq>.
struct Angles {
  bool degrees = true;
  std::string sequence = "xyz";
};
Angles ReadAngles(const pugi::xml_node& root);

// Writes every angle of the model in radians: rotations as quaternions, ranges and references of hinges.
void ToRadians(pugi::xml_node root);

// Pose of pos and one of quat, axisangle, euler, xyaxes, zaxis.
Pose ReadPose(const pugi::xml_node& element, const Angles& angles);
// Writes pos and quat; removes the other spellings of a rotation.
void WritePose(pugi::xml_node element, const Pose& pose);
bool HasRotation(const pugi::xml_node& element);

}  // namespace takt::sim::mjcf
