// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <memory>
#include <string>
#include <string_view>

#include "takt/cli/output.h"
#include "takt/cli/scene_commands.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/scene/export_glb.h"
#include "takt/data/scene/export_sdf.h"
#include "takt/data/scene/mjcf.h"
#include "takt/data/scene/model/scene_io.h"
#include "takt/data/scene/render.h"

namespace takt::cli {
namespace {

using Path = std::filesystem::path;

struct ExportArguments {
  Path in, out;
};

int RunExport(const ExportArguments& arguments, const Context& context) {
  const scene::Scene scene = scene::LoadScene(arguments.in);
  const Path folder = arguments.in.parent_path();
  const std::string suffix = arguments.out.extension().string();
  std::vector<std::string> boxed;
  size_t bytes = 0;
  const auto write = [&](const auto& content) {
    WriteFileAtomic(arguments.out, content);
    bytes = content.size();
  };
  if (suffix == ".glb") {
    write(scene::SceneToGlb(scene, folder));
  } else if (suffix == ".sdf") {
    const std::string text = scene::SceneToSdf(scene, folder, &boxed);
    write(std::string_view(text));
  } else if (suffix == ".xml" || suffix == ".mjcf") {
    scene::MjcfOptions options;
    options.folder = folder;
    const std::string text = scene::SceneToMjcf(scene, options);
    write(std::string_view(text));
  } else {
    throw Error(ErrorCode::kBadInput, arguments.out.string(), "names no format that scenes are exported to",
                "end it in .xml (MJCF), .sdf or .glb");
  }
  std::string text = fmt::format("{}: {} bytes\n", arguments.out.string(), bytes);
  for (const std::string& id : boxed) text += fmt::format("robot {} became its box: SDFormat cannot name an MJCF\n", id);
  PrintAnswer(context, {{"out", arguments.out.string()}, {"bytes", bytes}, {"boxed_robots", boxed}}, text);
  return 0;
}

struct RenderArguments {
  Path in, out;
  std::string view = "iso";
  std::vector<double> splat_place;
  double splat_yaw_deg = 0, splat_scale = 1, fov_deg = 50;
  scene::RenderOptions options;
};

// "X,Y,Z:X,Y,Z": the eye and what it looks at.
bool ParseView(std::string_view text, Vec3* eye_m, Vec3* target_m) {
  for (int i = 0; i < 6; ++i) {
    double& value = (i < 3 ? *eye_m : *target_m)[i % 3];
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || !std::isfinite(value)) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (i == 5) return text.empty();
    if (!text.starts_with(i == 2 ? ':' : ',')) return false;
    text.remove_prefix(1);
  }
  return false;
}

int RunRender(RenderArguments& arguments, const Context& context) {
  scene::RenderOptions& options = arguments.options;
  if (arguments.view == "top") {
    options.view = scene::RenderView::kTop;
  } else if (arguments.view != "iso") {
    options.view = scene::RenderView::kPose;
    if (!ParseView(arguments.view, &options.eye_m, &options.target_m)) {
      throw Error(ErrorCode::kBadInput, "--view", fmt::format("'{}' is no view", arguments.view),
                  "write top, iso, or where the camera is and what it looks at: 1,-2,1.5:0,0,0.8");
    }
  }
  constexpr double kDegree = 3.14159265358979323846 / 180;
  options.vertical_fov_rad = arguments.fov_deg * kDegree;
  options.folder = arguments.in.parent_path();
  Vec3 origin_m = Vec3::Zero();
  for (size_t k = 0; k < arguments.splat_place.size(); ++k) origin_m[static_cast<Eigen::Index>(k)] = arguments.splat_place[k];
  options.room_from_splat = sim::UprightPlace(arguments.splat_scale, arguments.splat_yaw_deg * kDegree, origin_m);
  const scene::Scene scene = scene::LoadScene(arguments.in);
  WriteImage(arguments.out, scene::RenderScene(scene, options));
  PrintAnswer(context, {{"out", arguments.out.string()}, {"width_px", options.width_px}, {"height_px", options.height_px}},
              fmt::format("{}: {} x {} px\n", arguments.out.string(), options.width_px, options.height_px));
  return 0;
}

}  // namespace

void AddSceneExport(CLI::App& group, Context& context) {
  {
    const auto arguments = std::make_shared<ExportArguments>();
    CLI::App* verb = group.add_subcommand("export", "Write a scene for simulators and viewers: MJCF, SDFormat, GLB");
    verb->add_option("IN", arguments->in, "A scene, .xml or .json")->required();
    verb->add_option("--out", arguments->out, "Its suffix names the format: .xml (MJCF), .sdf or .glb")->type_name("FILE")->required();
    verb->callback([arguments, &context] { context.verb = [arguments, &context] { return RunExport(*arguments, context); }; });
  }
  const auto arguments = std::make_shared<RenderArguments>();
  scene::RenderOptions& options = arguments->options;
  CLI::App* verb = group.add_subcommand("render", "A picture of a scene: walls cut away, sun and soft corners");
  verb->add_option("IN", arguments->in, "A scene, .xml or .json")->required();
  verb->add_option("--out", arguments->out, "A .png or .jpg file")->type_name("FILE")->required();
  verb->add_option("--view", arguments->view, "top, iso, or EYE:TARGET such as 1,-2,1.5:0,0,0.8 [m]")
      ->type_name("VIEW")
      ->capture_default_str();
  verb->add_option("--width", options.width_px, "Of the picture [px]")->check(CLI::Range(1, 8192))->capture_default_str();
  verb->add_option("--height", options.height_px, "Of the picture [px]")->check(CLI::Range(1, 8192))->capture_default_str();
  verb->add_option("--fov", arguments->fov_deg, "Angle of view from top to bottom, with EYE:TARGET [degrees]")
      ->check(CLI::Range(1.0, 170.0))
      ->capture_default_str();
  verb->add_option("--splat", options.splat, "A splat file: a real place instead of floor, walls and sky")->type_name("FILE");
  verb->add_option("--splat-place", arguments->splat_place, "Where the origin of the splats is in the room: X Y Z [m]")->expected(3);
  verb->add_option("--splat-yaw", arguments->splat_yaw_deg, "Turns the splats about the vertical [degrees]");
  verb->add_option("--splat-scale", arguments->splat_scale, "Metres in a unit of the splats")->check(CLI::PositiveNumber);
  verb->add_option("--samples", options.supersampling, "N x N rays a pixel")->check(CLI::Range(1, 16))->capture_default_str();
  verb->callback([arguments, &context] { context.verb = [arguments, &context] { return RunRender(*arguments, context); }; });
}

}  // namespace takt::cli
