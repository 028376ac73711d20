// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <charconv>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "takt/cli/command.h"
#include "takt/cli/splat_answers.h"
#include "takt/core/base/budget.h"
#include "takt/core/base/error.h"
#include "takt/data/splat/compress.h"
#include "takt/data/splat/convert.h"
#include "takt/data/splat/eval.h"
#include "takt/data/splat/info.h"
#include "takt/data/splat/render.h"
#include "takt/data/splat/train.h"

namespace takt::cli {
namespace {

// Gives `verb` its work: `run` is called with the options once the whole command line is known to be right.
template <class Options>
void OnChosen(CLI::App* verb, Context& context, const std::shared_ptr<Options>& options,
              int (*run)(Options&, const Context&)) {
  verb->callback(
      [options, run, &context] { context.verb = [options, run, &context] { return run(*options, context); }; });
}

void AddBackground(CLI::App* verb, std::array<float, 3>* background) {
  verb->add_option_function<std::string>(
          "--background",
          [background](const std::string& name) {
            const float level = name == "white" ? 1.0f : 0.0f;
            *background = {level, level, level};
          },
          "What is behind pictures with alpha, and where nothing is")
      ->type_name("white|black")
      ->check(CLI::IsMember({"white", "black"}))
      ->default_str("white");
}

// "2GB" into bytes; a wrong word is a usage error that names the option.
template <class Size>
CLI::Option* AddBytes(CLI::App* verb, const std::string& name, Size* bytes, const std::string& description) {
  return verb
      ->add_option_function<std::string>(
          name,
          [bytes, name](const std::string& text) {
            try {
              *bytes = ParseBytes(text, name);
            } catch (const Error& error) {
              throw CLI::ValidationError(name, error.message() + "; " + error.hint());
            }
          },
          description)
      ->type_name("SIZE");
}

// The options of every verb that reads a capture, but its path.
void AddCaptureOptions(CLI::App* verb, splat::CaptureOptions* capture) {
  verb->add_option("--downscale", capture->downscale,
                   "Use pictures this many times smaller; 0 = to at most 1 megapixel")
      ->type_name("K")
      ->check(CLI::Range(0, 1024));
  verb->add_option("--held-out-every", capture->held_out_every,
                   "Hold out every N-th view, where the capture names no split; 0 = none")
      ->type_name("N")
      ->check(CLI::Range(0, 1 << 20));
  AddBytes(verb, "--max-ram", &capture->max_ram_bytes, "Memory for decoded pictures; others are read again")
      ->default_str("2GB");
}

int RunTrain(splat::TrainOptions& options, const Context& context) {
  options.progress = context.progress->Sink();
  AnswerTrain(context, options, splat::Train(options));
  return 0;
}

void AddTrain(CLI::App& group, Context& context) {
  const auto options = std::make_shared<splat::TrainOptions>();
  CLI::App* verb = group.add_subcommand("train", "Train a scene from posed photographs, then meet a byte budget");
  verb->add_option("CAPTURE", options->capture.path, "A COLMAP folder, a transforms.json or the folder of one")
      ->required();
  verb->add_option("--out", options->out,
                   "The file; its suffix names the format (.tks .ply .compressed.ply .spz .splat)")
      ->type_name("FILE")
      ->required();
  AddBytes(verb, "--max-bytes", &options->max_bytes, "The file never has more bytes (4MB, 512KiB, 300000)");
  verb->add_option("--max-splats", options->max_splats, "Hard cap on the splats; 0 = by the budget, at most 150,000")
      ->type_name("N")
      ->check(CLI::Range(0, 1 << 28));
  verb->add_option("--iterations", options->iterations, "Steps, a view each; 0 = 7,000, or as --minutes allows")
      ->type_name("N")
      ->check(CLI::Range(0L, 1L << 40));
  verb->add_option("--minutes", options->minutes, "Train for so long at most; 0 = no limit")
      ->type_name("M")
      ->check(CLI::Range(0.0, 1e6));
  verb->add_flag("--resume", options->resume, "Go on from the checkpoint of an interrupted run");
  verb->add_option("--report", options->report, "Write a report: an .html file, or a folder for report.html")
      ->type_name("PATH");
  verb->add_option("--sh-degree", options->sh_degree, "How far colours depend on the viewing angle")
      ->type_name("0-3")
      ->check(CLI::Range(0, 3));
  verb->add_option("--seed", options->seed, "Of everything random")->type_name("S");
  AddCaptureOptions(verb, &options->capture);
  AddBackground(verb, &options->capture.background);
  OnChosen(verb, context, options, RunTrain);
}

// What the command line says about `compress` before it becomes CompressOptions.
struct CompressWords {
  splat::CompressOptions options;
  splat::CaptureOptions capture;
};

int RunCompress(CompressWords& words, const Context& context) {
  splat::CompressOptions& options = words.options;
  words.capture.background = options.background;
  if (!words.capture.path.empty()) options.capture = words.capture;
  options.progress = context.progress->Sink();
  AnswerCompress(context, options, splat::Compress(options));
  return 0;
}

void AddCompress(CLI::App& group, Context& context) {
  const auto words = std::make_shared<CompressWords>();
  splat::CompressOptions& options = words->options;
  CLI::App* verb = group.add_subcommand("compress", "Bring any splat file within a byte budget");
  verb->add_option("IN", options.in, "A .tks, .ply, .compressed.ply, .spz or .splat file")->required();
  AddBytes(verb, "--max-bytes", &options.max_bytes, "The file never has more bytes (4MB, 512KiB, 300000)")->required();
  verb->add_option("--out", options.out, "The file; its suffix names the format")->type_name("FILE")->required();
  verb->add_option("--capture", words->capture.path, "Its photographs: what they show is what counts")
      ->type_name("PATH");
  verb->add_option("--finetune", options.finetune_iterations, "Train what was kept for N steps on the capture")
      ->type_name("N")
      ->check(CLI::Range(0L, 1L << 40));
  verb->add_option("--finetune-minutes", options.finetune_minutes, "The same for so long at most")
      ->type_name("M")
      ->check(CLI::Range(0.0, 1e6));
  verb->add_option("--seed", options.seed, "Of the order of the views in fine-tuning")->type_name("S");
  AddCaptureOptions(verb, &words->capture);
  AddBackground(verb, &options.background);
  OnChosen(verb, context, words, RunCompress);
}

int RunRetarget(splat::RetargetOptions& options, const Context& context) {
  AnswerRetarget(context, splat::Retarget(options));
  return 0;
}

void AddRetarget(CLI::App& group, Context& context) {
  const auto options = std::make_shared<splat::RetargetOptions>();
  CLI::App* verb = group.add_subcommand("retarget", "Meet another byte budget from cached scores, in about a second");
  verb->add_option("FILE", options->file, "A .tks file that train or compress wrote")->required();
  AddBytes(verb, "--max-bytes", &options->max_bytes, "The file never has more bytes (4MB, 512KiB, 300000)")->required();
  verb->add_option("--out", options->out, "Write here instead of in place of FILE")->type_name("FILE");
  OnChosen(verb, context, options, RunRetarget);
}

int RunInfo(std::string& path, const Context& context) {
  AnswerInfo(context, splat::Info(path));
  return 0;
}

void AddInfo(CLI::App& group, Context& context) {
  const auto path = std::make_shared<std::string>();
  CLI::App* verb = group.add_subcommand("info", "Say what is in a splat file, and where its bytes went");
  verb->add_option("FILE", *path, "A .tks, .ply, .compressed.ply, .spz or .splat file")->required();
  OnChosen(verb, context, path, RunInfo);
}

int RunConvert(splat::ConvertOptions& options, const Context& context) {
  options.progress = context.progress->Sink();
  AnswerConvert(context, options, splat::Convert(options));
  return 0;
}

void AddConvert(CLI::App& group, Context& context) {
  const auto options = std::make_shared<splat::ConvertOptions>();
  CLI::App* verb = group.add_subcommand("convert", "Write the same splats in another format");
  verb->add_option("IN", options->in, "A .tks, .ply, .compressed.ply, .spz or .splat file")->required();
  verb->add_option("OUT", options->out, "Its suffix names the format")->required();
  verb->add_option("--spz-version", options->spz_version, "3 for viewers from before 2026")
      ->type_name("N")
      ->check(CLI::IsMember({3, 4}));
  OnChosen(verb, context, options, RunConvert);
}

int RunEval(splat::EvalOptions& options, const Context& context) {
  options.progress = context.progress->Sink();
  AnswerEval(context, options, splat::Eval(options));
  return 0;
}

void AddEval(CLI::App& group, Context& context) {
  const auto options = std::make_shared<splat::EvalOptions>();
  CLI::App* verb = group.add_subcommand("eval", "PSNR and SSIM on the held-out views of a capture, per view and mean");
  verb->add_option("FILE", options->file, "A splat file")->required();
  verb->add_option("--capture", options->capture.path, "A COLMAP folder, a transforms.json or the folder of one")
      ->type_name("PATH")
      ->required();
  verb->add_flag("--all", options->all, "All views, those that were trained on too");
  AddCaptureOptions(verb, &options->capture);
  AddBackground(verb, &options->capture.background);
  OnChosen(verb, context, options, RunEval);
}

// What the command line says about `render` before it becomes RenderViewsOptions.
struct RenderWords {
  splat::RenderViewsOptions options;
  splat::CaptureOptions capture;
  std::string size, up = "-y";
};

int RunRender(RenderWords& words, const Context& context) {
  splat::RenderViewsOptions& options = words.options;
  if (!words.capture.path.empty()) options.capture = words.capture;
  if (!words.size.empty()) {
    const size_t cross = words.size.find('x');
    const auto number = [&](std::string_view text, int* value) {
      const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), *value);
      return failed == std::errc() && end == text.data() + text.size() && *value >= 1 && *value <= 16384;
    };
    if (cross == std::string::npos || !number(std::string_view(words.size).substr(0, cross), &options.width_px) ||
        !number(std::string_view(words.size).substr(cross + 1), &options.height_px)) {
      throw Error(ErrorCode::kBadInput, "--size", "'" + words.size + "' is not a size in pixels",
                  "write WIDTHxHEIGHT, each at most 16384, such as 800x600");
    }
  }
  const double sign = words.up[0] == '-' ? -1 : 1;
  const char axis = words.up.back();
  options.up_in_world = {axis == 'x' ? sign : 0, axis == 'y' ? sign : 0, axis == 'z' ? sign : 0};
  options.progress = context.progress->Sink();
  AnswerRender(context, options, splat::RenderViews(options));
  return 0;
}

void AddRender(CLI::App& group, Context& context) {
  const auto words = std::make_shared<RenderWords>();
  splat::RenderViewsOptions& options = words->options;
  CLI::App* verb = group.add_subcommand("render", "Pictures or a film of the views of a capture, or of an orbit");
  verb->add_option("FILE", options.file, "A splat file")->required();
  verb->add_option("--out", options.out, "A folder for PNGs, F.png for one picture, F.mp4 for a film (needs ffmpeg)")
      ->type_name("PATH")
      ->required();
  verb->add_option("--capture", words->capture.path, "Render its views; with --orbit, on the circle of its cameras")
      ->type_name("PATH");
  verb->add_option("--view", options.view, "This view of the capture alone")->type_name("NAME");
  verb->add_option("--orbit", options.orbit, "So many pictures once around the scene")
      ->type_name("N")
      ->check(CLI::Range(1, 100000));
  verb->add_option("--size", words->size, "Size of the pictures [px]")->type_name("WxH");
  verb->add_option("--up", words->up, "What is up in a scene without a capture")
      ->type_name("AXIS")
      ->check(CLI::IsMember({"x", "y", "z", "-x", "-y", "-z"}));
  verb->add_option("--fps", options.frames_per_s, "Pictures a second of a film")
      ->type_name("R")
      ->check(CLI::Range(1.0, 240.0));
  AddCaptureOptions(verb, &words->capture);
  AddBackground(verb, &options.background);
  OnChosen(verb, context, words, RunRender);
}

}  // namespace

void RegisterSplat(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("splat", "3-D scenes of Gaussian splats within a byte budget");
  group->require_subcommand(1);
  AddTrain(*group, context);
  AddCompress(*group, context);
  AddRetarget(*group, context);
  AddConvert(*group, context);
  AddInfo(*group, context);
  AddRender(*group, context);
  AddEval(*group, context);
}

}  // namespace takt::cli
