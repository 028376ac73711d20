// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "takt/cli/command.h"
#include "takt/cli/output.h"
#include "takt/data/capture/capture.h"
#include "takt/data/capture/cell.h"

namespace takt::cli {
namespace {

struct InfoOptions {
  std::string path;
  capture::LoadOptions load;
};

// "48 x 1080x1920, 2 x 640x480": how often each value occurs, most frequent first.
std::string CountText(const std::map<std::string, size_t>& counts) {
  std::vector<std::pair<std::string, size_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [value, count] : sorted) text += fmt::format("{}{} x {}", text.empty() ? "" : ", ", count, value);
  return text;
}

int RunInfo(const InfoOptions& options, const Context& context) {
  const capture::Capture loaded = capture::LoadCapture(options.path, options.load);
  std::map<std::string, size_t> sizes, lenses;
  size_t held_out = 0, masks = 0;
  for (const capture::View& view : loaded.views) {
    ++sizes[fmt::format("{}x{}", view.camera.width_px, view.camera.height_px)];
    ++lenses[std::string(capture::LensModelName(view.lens.model))];
    held_out += view.held_out;
    masks += !view.mask_path.empty();
  }
  const size_t training = loaded.views.size() - held_out;
  const nlohmann::ordered_json document = {{"path", options.path},
                                           {"source", loaded.source},
                                           {"views", loaded.views.size()},
                                           {"training_views", training},
                                           {"held_out_views", held_out},
                                           {"picture_sizes_px", sizes},
                                           {"lenses", lenses},
                                           {"has_alpha", loaded.has_alpha},
                                           {"masks", masks},
                                           {"points", loaded.points.size()},
                                           {"center_in_world", loaded.center_in_world},
                                           {"extent", loaded.extent},
                                           {"warnings", loaded.warnings}};
  std::vector<std::pair<std::string, std::string>> fields = {
      {"capture", options.path},
      {"source", loaded.source},
      {"views", fmt::format("{} ({} to train on, {} held out)", loaded.views.size(), training, held_out)},
      {"pictures", CountText(sizes) + (loaded.has_alpha ? ", with alpha" : "")},
      {"masks", fmt::format("{}", masks)},
      {"lenses", CountText(lenses)},
      {"points", fmt::format("{}", loaded.points.size())},
      {"extent", fmt::format("{:.4g} world units around ({:.4g}, {:.4g}, {:.4g})", loaded.extent,
                             loaded.center_in_world[0], loaded.center_in_world[1], loaded.center_in_world[2])}};
  for (const std::string& warning : loaded.warnings) fields.emplace_back("warning", warning);
  PrintAnswer(context, document, FormatFields(fields));
  return 0;
}

void AddInfo(CLI::App& group, Context& context) {
  const auto options = std::make_shared<InfoOptions>();
  CLI::App* verb = group.add_subcommand("info", "Say what is in a capture, and whether every picture is there");
  verb->add_option("PATH", options->path, "A COLMAP folder, a transforms.json or the folder of one")->required();
  verb->add_option("--held-out-every", options->load.held_out_every,
                   "Hold out every N-th view, where the capture names no split; 0 = none")
      ->type_name("N")
      ->check(CLI::Range(0, 1 << 20));
  verb->callback([options, &context] { context.verb = [options, &context] { return RunInfo(*options, context); }; });
}

struct MakeCellOptions {
  std::string out;
  capture::CellOptions cell;
};

int RunCell(const MakeCellOptions& options, const Context& context) {
  capture::WriteCellCapture(options.cell, options.out, context.progress->Sink());
  return RunInfo({options.out, {}}, context);
}

void AddCell(CLI::App& group, Context& context) {
  const auto options = std::make_shared<MakeCellOptions>();
  CLI::App* verb = group.add_subcommand("cell", "Make a capture: a modelled factory cell, rendered from posed cameras");
  verb->add_option("--out", options->out, "The folder to make; one made with the same options is left as it is")
      ->type_name("DIR")
      ->required();
  verb->add_option("--seed", options->cell.seed, "What lies where, and the posture of the robot")->type_name("N");
  verb->add_option("--width", options->cell.width_px, "Width of a picture in pixels")
      ->type_name("N")
      ->check(CLI::Range(16, 4096));
  verb->add_option("--height", options->cell.height_px, "Height of a picture in pixels")
      ->type_name("N")
      ->check(CLI::Range(16, 4096));
  verb->add_option("--cameras", options->cell.cameras, "Pictures, from cameras on a path along the open front")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  verb->add_option("--points", options->cell.points, "Points on what the cameras see, as from structure from motion")
      ->type_name("N")
      ->check(CLI::Range(0, 10000000));
  verb->callback([options, &context] { context.verb = [options, &context] { return RunCell(*options, context); }; });
}

}  // namespace

void RegisterCapture(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("capture", "Posed photographs: make a capture, look into one");
  group->require_subcommand(1);
  AddCell(*group, context);
  AddInfo(*group, context);
}

}  // namespace takt::cli
