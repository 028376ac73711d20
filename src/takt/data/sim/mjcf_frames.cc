// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/mjcf_frames.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "takt/core/base/error.h"

namespace takt::sim::mjcf {
namespace {

using pugi::xml_node;

constexpr size_t kMaxElements = 100000;
constexpr size_t kMaxReplicates = 1000;

bool Is(const xml_node& element, const char* name) { return std::strcmp(element.name(), name) == 0; }

std::vector<xml_node> FindAll(const xml_node& root, const char* name) {
  std::vector<xml_node> found;
  for (const xml_node& section : root.children("worldbody"))
    for (const xml_node& element : Elements(section))
      if (Is(element, name)) found.push_back(element);
  return found;
}

void CheckSize(const Source& source, const xml_node& root) {
  if (Elements(root).size() <= kMaxElements) return;
  throw Error(ErrorCode::kBadInput, source.files.at(0),
              fmt::format("replicates to more than {} elements", kMaxElements));
}

void Replicate(Source* source, xml_node replicate, const Angles& angles) {
  const auto [file, line] = Place(*source, replicate);
  const int count = replicate.attribute("count").as_int(0);
  const size_t below = Elements(replicate).size();
  if (count < 0 || static_cast<size_t>(count) > kMaxElements / std::max<size_t>(below, 1))
    throw Error(ErrorCode::kBadInput, file,
                fmt::format("line {}: replicates to more than {} elements", line, kMaxElements));
  Pose step = ReadPose(replicate, angles);
  const std::vector<double> offset = Numbers(replicate.attribute("offset").value());
  step.translation_m = offset.size() == 3 ? Vec3(offset[0], offset[1], offset[2]) : Vec3::Zero();
  const std::string separator = replicate.attribute("sep").value();
  const size_t digits = fmt::format("{}", std::max(count - 1, 0)).size();
  Pose at;
  for (int i = 0; i < count; ++i) {
    for (const xml_node& child : replicate.children()) {
      const xml_node copy = replicate.parent().insert_copy_before(child, replicate);
      for (const xml_node& element : Elements(copy))
        if (auto name = element.attribute("name"))
          name = fmt::format("{}{}{:0{}}", name.value(), separator, i, digits).c_str();
      MoveElement(copy, at, angles);
    }
    at = at * step;
  }
  replicate.parent().remove_child(replicate);
}

}  // namespace

void MoveElement(xml_node element, const Pose& parent_from_frame, const Angles& angles) {
  const auto read = [&](const char* name) { return Numbers(element.attribute(name).value()); };
  const auto turn = [&](const char* name) {
    const std::vector<double> v = read(name);
    if (v.size() != 3) return;
    const Vec3 turned = parent_from_frame.rotation * Vec3(v[0], v[1], v[2]);
    element.attribute(name) = Join({turned.x(), turned.y(), turned.z()}).c_str();
  };
  const auto move_point = [&] {
    const std::vector<double> p = read("pos");
    const Vec3 moved = parent_from_frame * (p.size() == 3 ? Vec3(p[0], p[1], p[2]) : Vec3(Vec3::Zero()));
    element.remove_attribute("pos");
    element.append_attribute("pos") = Join({moved.x(), moved.y(), moved.z()}).c_str();
  };
  if (const std::vector<double> ends = read("fromto"); ends.size() == 6) {
    const Vec3 a = parent_from_frame * Vec3(ends[0], ends[1], ends[2]),
               b = parent_from_frame * Vec3(ends[3], ends[4], ends[5]);
    element.attribute("fromto") = Join({a.x(), a.y(), a.z(), b.x(), b.y(), b.z()}).c_str();
  } else if (Is(element, "joint")) {
    if (!element.attribute("axis")) element.append_attribute("axis") = "0 0 1";
    move_point();
    turn("axis");
  } else if (Is(element, "light")) {
    if (!element.attribute("dir")) element.append_attribute("dir") = "0 0 -1";
    move_point();
    turn("dir");
  } else if (Is(element, "body") || Is(element, "geom") || Is(element, "site") || Is(element, "camera") ||
             Is(element, "frame") || Is(element, "inertial")) {
    WritePose(element, parent_from_frame * ReadPose(element, angles));
  }
}

void FlattenFrames(Source* source, xml_node root, const Angles& angles,
                   const std::function<void(const xml_node&, std::string what)>& note) {
  std::vector<xml_node> replicates = FindAll(root, "replicate");
  if (replicates.size() > kMaxReplicates)
    throw Error(ErrorCode::kBadInput, source->files.at(0),
                fmt::format("holds more than {} <replicate>", kMaxReplicates));
  std::reverse(replicates.begin(), replicates.end());  // what is inside another comes behind it in the text
  for (const xml_node& replicate : replicates) {
    note(replicate, fmt::format("expanded to {} copies", replicate.attribute("count").as_int(0)));
    Replicate(source, replicate, angles);
    CheckSize(*source, root);
  }
  for (const xml_node& frame : FindAll(root, "frame")) {
    note(frame, "dissolved into the poses of its elements");
    const Pose pose = ReadPose(frame, angles);
    const std::string childclass = frame.attribute("childclass").value();
    xml_node parent = frame.parent();
    for (xml_node child = frame.first_child(); child;) {
      const xml_node next = child.next_sibling();
      MoveElement(child, pose, angles);
      const char* class_name = Is(child, "body") || Is(child, "frame") ? "childclass" : "class";
      if (!childclass.empty() && !child.attribute(class_name) && !Is(child, "freejoint") && !Is(child, "inertial"))
        child.append_attribute(class_name) = childclass.c_str();
      parent.insert_move_before(child, frame);
      child = next;
    }
    parent.remove_child(frame);
  }
}

}  // namespace takt::sim::mjcf
