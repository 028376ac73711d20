// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/mjcf_merge.h"

#include <algorithm>
#include <cstring>

#include "takt/data/sim/mjcf_frames.h"
#include "takt/data/sim/mjcf_xml.h"

namespace takt::sim {
namespace {

using pugi::xml_attribute;
using pugi::xml_node;

// Attributes that hold a name: of the element itself, or of another one.
constexpr const char* kNames[] = {"name",       "class",     "childclass",    "body",   "body1",   "body2",   "joint",
                                  "joint1",     "joint2",    "jointinparent", "site",   "site1",   "site2",   "refsite",
                                  "slidersite", "cranksite", "sidesite",      "geom",   "geom1",   "geom2",   "mesh",
                                  "hfield",     "material",  "texture",       "tendon", "tendon1", "tendon2", "target",
                                  "objname",    "refname",   "actuator",      "camera"};
constexpr const char* kMoved[] = {"custom", "contact", "equality", "tendon", "actuator", "sensor"};

bool Is(const xml_node& element, const char* name) { return std::strcmp(element.name(), name) == 0; }

void PrefixNames(xml_node root, const std::string& prefix) {
  for (xml_node element : mjcf::Elements(root)) {
    if (element == root) continue;
    for (const char* name : kNames) {
      xml_attribute a = element.attribute(name);
      if (!a || a.empty() || *a.value() == 0) continue;
      if (std::strcmp(a.value(), "world") == 0 && std::strncmp(name, "class", 5) != 0) continue;
      a = (prefix + a.value()).c_str();
    }
  }
}

// The class that stands for the attachment's own top-level defaults.
void MoveDefaults(xml_node scene, xml_node robot, const std::string& main_class) {
  xml_node top = scene.child("default");
  if (!top) top = scene.prepend_child("default");
  xml_node main = top.append_child("default");
  main.append_attribute("class") = main_class.c_str();
  for (const xml_node& section : robot.children("default"))
    for (const xml_node& child : section.children()) main.append_copy(child);
}

void GiveClass(xml_node element, const std::string& main_class) {
  const bool body = Is(element, "body");
  if (Is(element, "freejoint") || Is(element, "exclude") || Is(element, "texture") || Is(element, "hfield") ||
      Is(element, "skin"))
    return;
  const char* name = body ? "childclass" : "class";
  if (!element.attribute(name)) element.append_attribute(name) = main_class.c_str();
}

void RaiseOption(xml_node scene, const xml_node& robot, const char* name, double fallback) {
  double largest = fallback;
  for (const xml_node& root : {scene, robot})
    for (const xml_node& option : root.children("option"))
      largest = std::max(largest, option.attribute(name).as_double(fallback));
  if (largest == fallback) return;
  xml_node option = scene.child("option");
  for (xml_node each : scene.children("option")) each.remove_attribute(name);
  option.append_attribute(name) = mjcf::Join({largest}).c_str();
}

bool WantsElliptic(const xml_node& root) {
  for (const xml_node& option : root.children("option"))
    if (std::strcmp(option.attribute("cone").value(), "elliptic") == 0) return true;
  return false;
}

// Several contact points for convex pairs, where the robot's grip was tuned with them.
void RaiseMultiCcd(xml_node scene, const xml_node& robot) {
  for (const xml_node& option : robot.children("option")) {
    for (const xml_node& flag : option.children("flag")) {
      if (std::strcmp(flag.attribute("multiccd").value(), "enable") != 0) continue;
      for (xml_node each : scene.children("option"))
        for (xml_node its : each.children("flag")) its.remove_attribute("multiccd");
      xml_node target = scene.child("option").child("flag");
      if (!target) target = scene.child("option").append_child("flag");
      target.append_attribute("multiccd") = "enable";
      return;
    }
  }
}

}  // namespace

std::string MergeMjcf(std::string_view scene_mjcf, const std::filesystem::path& scene_folder,
                      const Attachment& attachment) {
  mjcf::Source scene_source, robot_source;
  // A scene that was merged before names files of other robots by absolute paths.
  mjcf::Read(scene_mjcf, {.asset_folder = scene_folder, .subject = "scene", .more_folders = {"/"}}, &scene_source);
  mjcf::Read(attachment.mjcf,
             {.asset_folder = attachment.asset_folder, .subject = attachment.subject, .more_folders = {}},
             &robot_source);
  xml_node scene = scene_source.document.document_element(), robot = robot_source.document.document_element();
  mjcf::ToRadians(scene);
  mjcf::ToRadians(robot);
  mjcf::FlattenFrames(&robot_source, robot, mjcf::ReadAngles(robot), [](const xml_node&, const std::string&) {});
  PrefixNames(robot, attachment.prefix);
  const std::string main_class = attachment.prefix + "main";
  for (xml_node section : robot.children("default"))
    if (section.attribute("class")) section.remove_attribute("class");
  MoveDefaults(scene, robot, main_class);

  if (!scene.child("option")) scene.append_child("option");
  RaiseOption(scene, robot, "impratio", 1);
  RaiseOption(scene, robot, "noslip_iterations", 0);
  RaiseMultiCcd(scene, robot);
  if (WantsElliptic(robot) && !WantsElliptic(scene)) {
    for (xml_node option : scene.children("option")) option.remove_attribute("cone");
    scene.child("option").append_attribute("cone") = "elliptic";
  }

  xml_node assets = scene.append_child("asset");
  for (const xml_node& section : robot.children("asset")) {
    for (xml_node element : section.children()) {
      if (Is(element, "texture")) continue;
      if (Is(element, "mesh") || Is(element, "material")) GiveClass(element, main_class);
      if (Is(element, "material"))
        for (const char* name : {"texture", "texrepeat", "texuniform"}) element.remove_attribute(name);
      assets.append_copy(element);
    }
  }
  xml_node world = scene.append_child("worldbody");
  mjcf::Angles radians;
  radians.degrees = false;
  for (const xml_node& section : robot.children("worldbody")) {
    for (xml_node element : section.children()) {
      if (Is(element, "light")) continue;
      GiveClass(element, main_class);
      mjcf::MoveElement(element, attachment.world_from_base, radians);
      world.append_copy(element);
    }
  }
  for (const char* name : kMoved) {
    for (const xml_node& section : robot.children(name)) {
      xml_node target = scene.append_child(name);
      for (xml_node element : section.children()) {
        const bool classed =
            Is(section, "actuator") || Is(section, "equality") || Is(section, "tendon") || Is(element, "pair");
        if (classed) GiveClass(element, main_class);
        target.append_copy(element);
      }
    }
  }
  // Places of the robot's elements would name the scene's files.
  for (xml_node element : mjcf::Elements(robot)) element.remove_attribute(mjcf::kPlace);
  return mjcf::Text(&scene_source);
}

}  // namespace takt::sim
