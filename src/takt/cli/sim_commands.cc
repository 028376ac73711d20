// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "takt/cli/command.h"
#include "takt/cli/output.h"
#include "takt/cli/pusht_commands.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/sim/arms.h"
#include "takt/data/sim/check.h"

namespace takt::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kShownDrifts = 12;

int RunCheck(const sim::CheckOptions& options, const Context& context) {
  const sim::CheckReport report = sim::Check(options);
  Json lowered = Json::array(), drifts = Json::array();
  std::string text;
  for (const sim::LoweredItem& item : report.lowered) {
    lowered.push_back({{"file", item.file},
                       {"line", item.line},
                       {"element", item.element},
                       {"attribute", item.attribute},
                       {"what", item.what},
                       {"exact", item.exact}});
    const std::string attribute = item.attribute.empty() ? "" : " " + item.attribute;
    text += fmt::format("{}:{}: <{}{}> {}{}\n", item.file, item.line, item.element, attribute, item.what,
                        item.exact ? "" : " (the physics differs)");
  }
  for (const sim::JointDrift& drift : report.drifts)
    drifts.push_back({{"name", drift.name}, {drift.linear ? "moved_m" : "moved_rad", drift.moved}});
  std::string farthest;
  for (size_t i = 0; i < std::min(report.drifts.size(), kShownDrifts); ++i) {
    const sim::JointDrift& drift = report.drifts[i];
    farthest += fmt::format("{}{} {:.2g} {}", i == 0 ? "" : ", ", drift.name, drift.moved, drift.linear ? "m" : "rad");
  }
  const std::string verdict = report.diverged      ? fmt::format("no: it diverged after {:.3f} s", report.simulated_s)
                              : report.holds_still ? "yes"
                                                   : "no";
  text += FormatFields({{"model", options.path.string()},
                        {"bodies", fmt::format("{}, {:.3f} kg", report.bodies - 1, report.mass_kg)},
                        {"joints", fmt::format("{} ({} degrees of freedom)", report.joints, report.dofs)},
                        {"geoms", fmt::format("{}, {} meshes", report.geoms, report.meshes)},
                        {"actuators", fmt::format("{}", report.actuators)},
                        {"lowered", fmt::format("{} things", report.lowered.size())},
                        {"simulated", fmt::format("{:.3f} s from {}", report.simulated_s, report.start)},
                        {"moved", farthest.empty() ? "nothing" : farthest},
                        {"holds still", verdict}});
  const Json document = {{"path", options.path.string()},
                         {"bodies", report.bodies - 1},
                         {"mass_kg", report.mass_kg},
                         {"joints", report.joints},
                         {"dofs", report.dofs},
                         {"geoms", report.geoms},
                         {"meshes", report.meshes},
                         {"actuators", report.actuators},
                         {"lowered", lowered},
                         {"start", report.start},
                         {"simulated_s", report.simulated_s},
                         {"diverged", report.diverged},
                         {"drifts", drifts},
                         {"holds_still", report.holds_still}};
  PrintAnswer(context, document, text);
  return report.holds_still ? 0 : 1;
}

void AddCheck(CLI::App& group, Context& context) {
  const auto options = std::make_shared<sim::CheckOptions>();
  CLI::App* verb =
      group.add_subcommand("check", "Load an MJCF file, say what was lowered, and whether the model holds still");
  verb->add_option("FILE", options->path, "An MJCF file, of MuJoCo 2 or 3")->required();
  verb->add_option("--seconds", options->seconds, "Simulated time from the first keyframe, or from the start posture")
      ->capture_default_str();
  verb->add_option("--tolerance-rad", options->tolerance_rad, "How far a hinge may move, or a body turn")
      ->capture_default_str();
  verb->add_option("--tolerance-m", options->tolerance_m, "How far a slide or a body may move")->capture_default_str();
  verb->add_option("--out", options->out, "Write the lowered text here");
  verb->callback([options, &context] { context.verb = [options, &context] { return RunCheck(*options, context); }; });
}

int RunRobots(const Context& context) {
  Json document = Json::array();
  std::vector<std::vector<std::string>> rows;
  for (const std::string& name : sim::BuiltInRobots()) {
    const sim::RobotInfo info = sim::LoadRobot(name).info;
    document.push_back({{"name", name},
                        {"joints", info.joints},
                        {"lower_rad", info.lower_rad},
                        {"upper_rad", info.upper_rad},
                        {"velocity_rad_s", info.velocity_rad_s},
                        {"acceleration_rad_s2", info.acceleration_rad_s2},
                        {"torque_nm", info.torque_nm},
                        {"home_rad", info.home_rad},
                        {"reach_m", info.reach_m},
                        {"payload_kg", info.payload_kg},
                        {"gripper_width_m", info.gripper_width_m},
                        {"gripper_force_n", info.gripper_force_n},
                        {"tool_site", info.tool_site},
                        {"wrist_camera", info.wrist_camera}});
    rows.push_back({name, fmt::format("{}", info.joints.size()), fmt::format("{:.3f}", info.reach_m),
                    fmt::format("{:.1f}", info.payload_kg), fmt::format("{:.3f}", info.gripper_width_m),
                    fmt::format("{:.0f}", info.gripper_force_n)});
  }
  PrintAnswer(context, document,
              FormatTable({"robot", "joints", "reach m", "payload kg", "opening m", "grip N"}, rows));
  return 0;
}

struct ArmOptions {
  std::string name;
  std::filesystem::path out;
};

int RunArm(const ArmOptions& options, const Context& context) {
  const std::vector<std::string> names = sim::BuiltInRobots();
  if (std::find(names.begin(), names.end(), options.name) == names.end())
    throw Error(ErrorCode::kNotFound, "arm '" + options.name + "'", "is not built in", "see `takt sim robots`");
  const std::string text = sim::LoadRobot(options.name).mjcf;
  WriteFileAtomic(options.out, text);
  PrintAnswer(context, {{"path", options.out.string()}, {"bytes", text.size()}},
              fmt::format("wrote {} ({} bytes)\n", options.out.string(), text.size()));
  return 0;
}

void AddArm(CLI::App& group, Context& context) {
  const auto options = std::make_shared<ArmOptions>();
  CLI::App* verb = group.add_subcommand("arm", "Write the MJCF of a built-in arm");
  verb->add_option("NAME", options->name, "arm5 or arm7")->required();
  verb->add_option("--out", options->out, "The file to write")->required();
  verb->callback([options, &context] { context.verb = [options, &context] { return RunArm(*options, context); }; });
}

}  // namespace

void RegisterSim(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("sim", "Physics: check robot models, list and write the built-in arms, play Push-T");
  group->require_subcommand(1);
  AddCheck(*group, context);
  CLI::App* robots = group->add_subcommand("robots", "List the built-in arms");
  robots->callback([&context] { context.verb = [&context] { return RunRobots(context); }; });
  AddArm(*group, context);
  AddSimPushT(*group, context);
}

}  // namespace takt::cli
