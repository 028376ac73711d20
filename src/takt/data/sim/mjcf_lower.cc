// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/mjcf_lower.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "takt/core/base/error.h"
#include "takt/data/sim/mjcf_frames.h"
#include "takt/data/sim/mjcf_xml.h"
#include "takt/data/sim/mujoco_shim.h"

namespace takt::sim {
namespace {

using pugi::xml_attribute;
using pugi::xml_node;

// What MuJoCo 2.2.2 does not know and this drops: `element` below `section` ("" = anywhere; "*" = every element of it).
struct Dropped {
  const char *section, *element, *attribute;
  bool exact;
  const char* why;
};
constexpr const char* kSpeed = "concerns speed or memory only";
constexpr const char* kLook = "concerns pictures only";
constexpr const char* kLost = "is unknown to MuJoCo 2.2.2";
constexpr Dropped kDropped[] = {
    {"", "compiler", "saveinertial", true, "concerns saving only"},
    {"", "compiler", "alignfree", true, kSpeed},
    {"", "compiler", "conflict", true, "concerns attaching only"},
    {"", "lengthrange", "interval", false, kLost},
    {"", "option", "ls_tolerance", true, kSpeed},
    {"", "option", "ls_iterations", true, kSpeed},
    {"", "option", "sleep_tolerance", true, kSpeed},
    {"", "option", "o_friction", false, kLost},
    {"", "option", "sdf_iterations", true, "concerns signed distance fields only"},
    {"", "option", "sdf_initpoints", true, "concerns signed distance fields only"},
    {"", "option", "actuatorgroupdisable", false, kLost},
    {"", "flag", "midphase", true, kSpeed},
    {"", "flag", "eulerdamp", false, kLost},
    {"", "flag", "autoreset", true, "World reports divergence itself"},
    {"", "flag", "nativeccd", false, kLost},
    {"", "flag", "island", true, kSpeed},
    {"", "flag", "invdiscrete", false, kLost},
    {"", "flag", "sleep", true, kSpeed},
    {"", "flag", "diagexact", false, kLost},
    {"", "size", "memory", true, kSpeed},
    {"", "mesh", "maxhullvert", true, "the full hull collides"},
    {"", "mesh", "inertia", false, "2.2.2 integrates over the hull"},
    {"", "mesh", "content_type", true, "the suffix decides"},
    {"", "hfield", "content_type", true, "the suffix decides"},
    {"", "material", "metallic", true, kLook},
    {"", "material", "roughness", true, kLook},
    {"", "joint", "actuatorgravcomp", false, kLost},
    {"", "geom", "surfacevel", false, kLost},
    {"", "geom", "adhesion", false, kLost},
    {"", "camera", "projection", false, kLost},
    {"", "camera", "resolution", true, kLook},
    {"", "camera", "output", true, kLook},
    {"", "camera", "principal", false, kLost},
    {"", "camera", "principalpixel", false, kLost},
    {"", "light", "type", true, kLook},
    {"", "light", "bulbradius", true, kLook},
    {"", "light", "intensity", true, kLook},
    {"", "light", "range", true, kLook},
    {"", "light", "softness", true, kLook},
    {"", "light", "texture", true, kLook},
    {"", "pair", "solreffriction", false, kLost},
    {"", "pair", "adhesion", false, kLost},
    {"", "body", "sleep", true, kSpeed},
    {"", "body", "simple", true, kSpeed},
    {"", "freejoint", "align", true, kSpeed},
    {"", "spatial", "armature", false, kLost},
    {"", "fixed", "armature", false, kLost},
    {"", "spatial", "actuatorfrcrange", false, kLost},
    {"", "spatial", "actuatorfrclimited", false, kLost},
    {"", "fixed", "actuatorfrcrange", false, kLost},
    {"", "fixed", "actuatorfrclimited", false, kLost},
    {"", "muscle", "tausmooth", false, kLost},
    {"", "general", "actdim", false, kLost},
    {"", "general", "actearly", false, kLost},
    {"", "general", "input", false, kLost},
    {"", "general", "velrange", false, kLost},
    {"", "general", "ffrange", false, kLost},
    {"actuator", "*", "nsample", false, kLost},
    {"actuator", "*", "interp", false, kLost},
    {"actuator", "*", "delay", false, kLost},
    {"actuator", "*", "damping", false, kLost},
    {"actuator", "*", "armature", false, kLost},
    {"sensor", "*", "nsample", false, kLost},
    {"sensor", "*", "interp", false, kLost},
    {"sensor", "*", "delay", false, kLost},
    {"sensor", "*", "interval", false, kLost},
};

constexpr const char* kUnsupported[] = {"plugin",     "extension", "flexcomp", "flex",    "flexvert",
                                        "flexstrain", "attach",    "pid",      "dcmotor", "orientation"};
constexpr const char* kDroppedSensors[] = {
    "camprojection", "jointactuatorfrc", "tendonactuatorfrc", "insidesite", "distance", "normal",
    "fromto",        "contact",          "e_potential",       "e_kinetic",  "tactile"};
constexpr double kMaxPreallocated = 1e6;

class Lowering {
 public:
  Lowering(mjcf::Source* source, LoweredMjcf* out)
      : source_(source), root_(source->document.document_element()), out_(out), angles_(mjcf::ReadAngles(root_)) {}

  // Physics needs no pictures: textures go (they would be copied with every variant of a model), materials keep their
  // colour. The only rule that a newer MuJoCo needs too.
  void DropLooks() { Looks(); }

  void Run() {
    Refuse();
    mjcf::FlattenFrames(source_, root_, angles_, [this](const xml_node& element, std::string what) {
      Note(element, "", std::move(what), true);
    });
    Options();
    Looks();
    Bodies();
    Equalities();
    Actuators();
    Sensors();
    DropAttributes();
    AutoLimits();
  }

 private:
  void Note(const xml_node& element, const char* attribute, std::string what, bool exact) {
    auto [file, line] = mjcf::Place(*source_, element);
    out_->items.push_back({element.name(), attribute, std::move(file), line, std::move(what), exact});
  }

  static bool Is(const xml_node& element, std::string_view name) { return element.name() == name; }

  void Refuse() {
    for (const xml_node& element : mjcf::Elements(root_)) {
      const bool bad = std::any_of(std::begin(kUnsupported), std::end(kUnsupported),
                                   [&](const char* name) { return Is(element, name); });
      const bool model = Is(element, "model") && Is(element.parent(), "asset");
      const bool builtin = Is(element, "mesh") && element.attribute("builtin");
      if (!bad && !model && !builtin) continue;
      const auto [file, line] = mjcf::Place(*source_, element);
      throw Error(ErrorCode::kUnsupported, file,
                  fmt::format("line {}: <{}> needs a newer MuJoCo than 2.2.2", line, element.name()),
                  "leave it out, or build with MuJoCo 3");
    }
  }

  void Rename(xml_node element, const char* from, const char* to) {
    const xml_attribute a = element.attribute(from);
    if (!a) return;
    Note(element, from, fmt::format("became {}: 2.2.2 uses another algorithm", to), false);
    if (!element.attribute(to)) element.append_attribute(to) = a.value();
    element.remove_attribute(from);
  }

  void Options() {
    for (xml_node option : root_.children("option")) {
      if (xml_attribute a = option.attribute("integrator"); std::strcmp(a.value(), "implicitfast") == 0) {
        Note(option, "integrator", "implicitfast became implicit: the same without its short cut for Coriolis forces",
             false);
        a = "implicit";
      }
      Rename(option, "ccd_tolerance", "mpr_tolerance");
      Rename(option, "ccd_iterations", "mpr_iterations");
      for (xml_node flag : option.children("flag")) {
        const bool spring_off = std::strcmp(flag.attribute("spring").value(), "disable") == 0;
        const bool damper_off = std::strcmp(flag.attribute("damper").value(), "disable") == 0;
        for (const char* name : {"spring", "damper"}) {
          if (!flag.attribute(name)) continue;
          Note(flag, name,
               spring_off && damper_off ? "became passive=disable"
                                        : "dropped: 2.2.2 switches springs and dampers together only",
               spring_off == damper_off);
          flag.remove_attribute(name);
        }
        if (spring_off && damper_off && !flag.attribute("passive")) flag.append_attribute("passive") = "disable";
      }
    }
    for (xml_node size : root_.children("size")) {
      for (const char* name : {"njmax", "nconmax", "nstack"}) {
        const xml_attribute a = size.attribute(name);
        if (!a || (a.as_double() >= -1 && a.as_double() <= kMaxPreallocated)) continue;
        Note(size, name, "dropped: too large to set aside; MuJoCo chooses", true);
        size.remove_attribute(name);
      }
    }
  }

  void Looks() {
    for (xml_node visual = root_.child("visual"); visual; visual = root_.child("visual")) {
      Note(visual, "", std::string("dropped: ") + kLook, true);
      root_.remove_child(visual);
    }
    for (xml_node deformable = root_.child("deformable"); deformable; deformable = root_.child("deformable")) {
      Note(deformable, "", std::string("dropped: skins concern pictures only"), true);
      root_.remove_child(deformable);
    }
    for (xml_node asset : root_.children("asset")) {
      for (xml_node element = asset.first_child(); element;) {
        xml_node next = element.next_sibling();
        if (Is(element, "texture") || Is(element, "skin")) {
          Note(element, "", std::string("dropped: ") + kLook, true);
          asset.remove_child(element);
        }
        element = next;
      }
    }
    for (xml_node element : mjcf::Elements(root_)) {
      if (!Is(element, "material")) continue;
      for (const char* name : {"texture", "texrepeat", "texuniform"}) element.remove_attribute(name);
      while (element.remove_child("layer")) {
      }
    }
    for (xml_node element : mjcf::Elements(root_)) {
      if (!Is(element, "camera")) continue;
      const std::vector<double> size = mjcf::Numbers(element.attribute("sensorsize").value());
      const std::vector<double> focal = mjcf::Numbers(element.attribute("focal").value());
      const std::vector<double> focal_px = mjcf::Numbers(element.attribute("focalpixel").value());
      const std::vector<double> resolution = mjcf::Numbers(element.attribute("resolution").value());
      double half_tangent = 0;
      if (size.size() == 2 && focal.size() == 2 && focal[1] > 0) half_tangent = size[1] / (2 * focal[1]);
      if (resolution.size() == 2 && focal_px.size() == 2 && focal_px[1] > 0)
        half_tangent = resolution[1] / (2 * focal_px[1]);
      if (half_tangent > 0) {
        element.remove_attribute("fovy");
        element.append_attribute("fovy") = 2 * std::atan(half_tangent) * 180 / M_PI;
        Note(element, "focal", "became fovy", true);
      }
      for (const char* name : {"sensorsize", "focal", "focalpixel"}) element.remove_attribute(name);
    }
  }

  void Bodies() {
    std::set<std::string> names;
    for (const xml_node& element : mjcf::Elements(root_))
      if (Is(element, "body")) names.insert(element.attribute("name").value());
    int unnamed = 0;
    for (xml_node body : mjcf::Elements(root_)) {
      const xml_attribute a = body.attribute("gravcomp");
      if (!Is(body, "body") || !a) continue;
      const double fraction = a.as_double();
      body.remove_attribute("gravcomp");
      if (!std::isfinite(fraction) || fraction == 0) continue;
      if (!body.attribute("name")) {
        std::string name;
        do name = fmt::format("gravcomp_{}", unnamed++);
        while (names.contains(name));
        body.append_attribute("name") = name.c_str();
      }
      Note(body, "gravcomp", fmt::format("World pushes at the centre of mass with {} of the weight", fraction), true);
      out_->gravity_compensation.emplace_back(body.attribute("name").value(), fraction);
    }
  }

  xml_node FindNamed(const char* kind, const char* name) {
    for (const xml_node& top : root_.children("worldbody"))
      for (const xml_node& element : mjcf::Elements(top))
        if (Is(element, kind) && std::strcmp(element.attribute("name").value(), name) == 0) return element;
    return {};
  }

  // Between sites -> between their bodies.
  void Equalities() {
    for (const xml_node& section : root_.children("equality")) {
      for (xml_node element : section.children()) {
        if (!element.attribute("site1") && !element.attribute("site2")) continue;
        const xml_node site1 = FindNamed("site", element.attribute("site1").value());
        const xml_node site2 = FindNamed("site", element.attribute("site2").value());
        const auto body_name = [](const xml_node& site) {
          return Is(site.parent(), "worldbody") ? "world" : site.parent().attribute("name").value();
        };
        if (!site1 || !site2 || *body_name(site1) == 0 || *body_name(site2) == 0) {
          const auto [file, line] = mjcf::Place(*source_, element);
          throw Error(ErrorCode::kUnsupported, file,
                      fmt::format("line {}: sites that do not exist or lie on unnamed bodies", line),
                      "name the bodies");
        }
        const Pose body_from_site1 = mjcf::ReadPose(site1, angles_), body_from_site2 = mjcf::ReadPose(site2, angles_);
        element.remove_attribute("site1"), element.remove_attribute("site2");
        element.append_attribute("body1") = body_name(site1);
        element.append_attribute("body2") = body_name(site2);
        if (Is(element, "connect")) {
          const Vec3& p = body_from_site1.translation_m;
          element.append_attribute("anchor") = mjcf::Join({p.x(), p.y(), p.z()}).c_str();
          Note(element, "site1", "became body1, body2 and anchor; the point on body2 is where it stands at qpos0",
               false);
        } else {
          const Pose relative = body_from_site1 * body_from_site2.Inverse();
          const Vec3& p = relative.translation_m;
          const Quat& q = relative.rotation;
          element.append_attribute("relpose") = mjcf::Join({p.x(), p.y(), p.z(), q.w(), q.x(), q.y(), q.z()}).c_str();
          Note(element, "site1", "became body1, body2 and relpose", true);
        }
      }
    }
  }

  std::string Effective(const xml_node& element, const char* attribute) {
    return mjcf::Effective(root_, element, element.name(), attribute);
  }

  // The range of the joint that an actuator drives, in radians or metres; empty where it has none.
  std::vector<double> JointRange(const xml_node& actuator) {
    const xml_node joint = FindNamed("joint", actuator.attribute("joint").value());
    if (!joint) return {};
    std::vector<double> range = mjcf::Numbers(mjcf::Effective(root_, joint, "joint", "range").c_str());
    if (range.size() != 2) return {};
    if (angles_.degrees && mjcf::Effective(root_, joint, "joint", "type") != "slide")
      for (double& value : range) value *= M_PI / 180;
    return range;
  }

  void InheritRange(xml_node actuator) {
    const std::string text = Effective(actuator, "inheritrange");
    const double share = text.empty() ? 0 : std::strtod(text.c_str(), nullptr);
    actuator.remove_attribute("inheritrange");
    if (!(share > 0)) return;
    const std::vector<double> range = JointRange(actuator);
    if (range.empty()) {
      Note(actuator, "inheritrange", "dropped: its joint has no range", false);
      return;
    }
    const double centre = (range[0] + range[1]) / 2, half = share * (range[1] - range[0]) / 2;
    const double lower = share == 1 ? range[0] : centre - half, upper = share == 1 ? range[1] : centre + half;
    const char* target = Is(actuator, "intvelocity") ? "actrange" : "ctrlrange";
    actuator.remove_attribute(target);
    actuator.append_attribute(target) = mjcf::Join({lower, upper}).c_str();
    Note(actuator, "inheritrange", fmt::format("became {} = {} {}", target, lower, upper), true);
  }

  // <position kp kv> -> <general>; a damping ratio is left to Model, which knows the inertia.
  void Servo(xml_node actuator, int order) {
    const std::string kp_text = Effective(actuator, "kp"), kv_text = Effective(actuator, "kv");
    const std::string ratio_text = Effective(actuator, "dampratio"), time_text = Effective(actuator, "timeconst");
    for (const char* name : {"kv", "dampratio", "timeconst"}) actuator.remove_attribute(name);
    if (kv_text.empty() && ratio_text.empty() && time_text.empty()) return;
    const double kp = kp_text.empty() ? 1 : std::strtod(kp_text.c_str(), nullptr);
    const double kv = kv_text.empty() ? 0 : std::strtod(kv_text.c_str(), nullptr);
    const double time = time_text.empty() ? 0 : std::strtod(time_text.c_str(), nullptr);
    actuator.remove_attribute("kp");
    if (!kv_text.empty()) Note(actuator, "kv", fmt::format("became <general> with bias 0 {} {}", -kp, -kv), true);
    if (!ratio_text.empty()) {
      if (!actuator.attribute("name")) actuator.append_attribute("name") = fmt::format("servo_{}", order).c_str();
      out_->damping_ratios.emplace_back(actuator.attribute("name").value(), std::strtod(ratio_text.c_str(), nullptr));
      Note(actuator, "dampratio", "became kv = 2 ratio sqrt(kp inertia), with the inertia at qpos0 as MuJoCo 3 does",
           true);
    }
    if (time > 0)
      Note(actuator, "timeconst", "became <general dyntype=filter>: integrated by Euler, not exactly", false);
    actuator.set_name("general");
    for (const char* name : {"gaintype", "gainprm", "biastype", "biasprm", "dyntype", "dynprm"})
      actuator.remove_attribute(name);
    actuator.append_attribute("gaintype") = "fixed";
    actuator.append_attribute("gainprm") = mjcf::Join({kp}).c_str();
    actuator.append_attribute("biastype") = "affine";
    actuator.append_attribute("biasprm") = mjcf::Join({0, -kp, -kv}).c_str();
    if (time > 0) {
      actuator.append_attribute("dyntype") = "filter";
      actuator.append_attribute("dynprm") = mjcf::Join({time}).c_str();
    }
  }

  // Limits on the joint's actuator force: onto its only actuator where the gear is 1.
  void JointForceLimits() {
    for (const xml_node& top : root_.children("worldbody")) {
      for (xml_node joint : mjcf::Elements(top)) {
        if (!Is(joint, "joint")) continue;
        const std::string range = mjcf::Effective(root_, joint, "joint", "actuatorfrcrange");
        const std::string limited = mjcf::Effective(root_, joint, "joint", "actuatorfrclimited");
        if (range.empty() || limited == "false") continue;
        std::vector<xml_node> drivers;
        for (const xml_node& section : root_.children("actuator"))
          for (const xml_node& actuator : section.children())
            if (*joint.attribute("name").value() != 0 &&
                std::strcmp(actuator.attribute("joint").value(), joint.attribute("name").value()) == 0)
              drivers.push_back(actuator);
        const bool simple = drivers.size() == 1 && (Effective(drivers[0], "gear").empty() ||
                                                    mjcf::Numbers(Effective(drivers[0], "gear").c_str())[0] == 1);
        if (simple && Effective(drivers[0], "forcerange").empty()) {
          drivers[0].append_attribute("forcerange") = range.c_str();
          Note(joint, "actuatorfrcrange", "became forcerange of its actuator", true);
        } else {
          Note(joint, "actuatorfrcrange", "dropped: no single actuator of gear 1 without a limit of its own", false);
        }
      }
    }
    for (xml_node element : mjcf::Elements(root_)) {
      if (!Is(element, "joint")) continue;
      element.remove_attribute("actuatorfrcrange");
      element.remove_attribute("actuatorfrclimited");
    }
  }

  void Actuators() {
    JointForceLimits();
    int order = 0;
    for (const xml_node& section : root_.children("actuator")) {
      for (xml_node actuator : section.children()) {
        if (Is(actuator, "position") || Is(actuator, "intvelocity")) InheritRange(actuator);
        if (Is(actuator, "position")) Servo(actuator, order);
        ++order;
      }
    }
    for (xml_node element : mjcf::Elements(root_)) {  // used above; unknown to 2.2.2
      if (!Is(element, "position") && !Is(element, "intvelocity")) continue;
      for (const char* name : {"kv", "dampratio", "timeconst", "inheritrange", "actlimited"})
        element.remove_attribute(name);
    }
  }

  void Sensors() {
    for (xml_node section : root_.children("sensor")) {
      for (xml_node sensor = section.first_child(); sensor;) {
        xml_node next = sensor.next_sibling();
        const bool unknown = std::any_of(std::begin(kDroppedSensors), std::end(kDroppedSensors),
                                         [&](const char* name) { return Is(sensor, name); });
        if (unknown || (Is(sensor, "rangefinder") && sensor.attribute("camera"))) {
          Note(sensor, "", std::string("dropped: ") + kLost, false);
          section.remove_child(sensor);
        }
        sensor = next;
      }
    }
  }

  void DropAttributes() {
    for (xml_node element : mjcf::Elements(root_)) {
      for (const Dropped& rule : kDropped) {
        const xml_attribute a = element.attribute(rule.attribute);
        if (!a) continue;
        if (std::strcmp(rule.element, "*") != 0 ? !Is(element, rule.element) : !Is(element.parent(), rule.section))
          continue;
        Note(element, rule.attribute, std::string("dropped: ") + rule.why, rule.exact);
        element.remove_attribute(a);
      }
    }
  }

  // 3.x limits whatever has a range; 2.2.2 wants to be told.
  void AutoLimits() {
    for (const xml_node& compiler : root_.children("compiler"))
      if (compiler.attribute("autolimits")) return;
    root_.prepend_child("compiler").append_attribute("autolimits") = "true";
    for (const xml_node& element : mjcf::Elements(root_)) {
      if (!element.attribute("range") && !element.attribute("ctrlrange") && !element.attribute("forcerange")) continue;
      Note(root_, "autolimits", "set: a range limits without `limited`, as 3.x has it", true);
      return;
    }
  }

  mjcf::Source* source_;
  xml_node root_;
  LoweredMjcf* out_;
  mjcf::Angles angles_;
};

}  // namespace

LoweredMjcf LowerMjcf(std::string_view text, const LowerOptions& options) {
  LoweredMjcf lowered;
  mjcf::Source source;
  mjcf::Read(text, options, &source);
  if (shim::kVersion3)
    Lowering(&source, &lowered).DropLooks();
  else
    Lowering(&source, &lowered).Run();
  lowered.text = mjcf::Text(&source);
  return lowered;
}

}  // namespace takt::sim
