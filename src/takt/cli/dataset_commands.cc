// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "takt/cli/command.h"
#include "takt/cli/output.h"
#include "takt/core/base/error.h"
#include "takt/data/dataset/convert.h"
#include "takt/data/dataset/info.h"
#include "takt/data/dataset/set_stats.h"
#include "takt/data/dataset/show.h"
#include "takt/data/dataset/validate.h"

namespace takt::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string ByteText(uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  if (bytes < 1000000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::string ShapeText(const dataset::Feature& feature) {
  std::string text;
  for (const int64_t side : feature.shape) text += fmt::format("{}{}", text.empty() ? "" : "x", side);
  return text;
}

int RunInfo(const std::string& path, const Context& context) {
  const dataset::DatasetSummary s = dataset::Summarise(path);
  Json features = Json::array();
  std::vector<std::vector<std::string>> rows;
  for (const dataset::Feature& feature : s.features) {
    features.push_back({{"name", feature.name}, {"dtype", feature.dtype}, {"shape", feature.shape},
                        {"names", feature.names}, {"info", feature.info}});
    std::string note;
    if (feature.IsVideo() && feature.info.is_object()) note = feature.info.value("video.codec", "");
    rows.push_back({feature.name, feature.dtype, ShapeText(feature), note});
  }
  Json tasks = Json::array();
  for (const std::string& task : s.tasks) {
    const auto count = s.task_episodes.find(task);
    tasks.push_back({{"task", task}, {"episodes", count == s.task_episodes.end() ? 0 : count->second}});
  }
  const Json document = {{"dataset", path},
                         {"format", dataset::DatasetFormatName(s.format)},
                         {"robot_type", s.robot_type},
                         {"fps", s.fps},
                         {"episodes", s.episodes},
                         {"frames", s.frames},
                         {"duration_s", s.duration_s},
                         {"shortest_s", s.shortest_s},
                         {"longest_s", s.longest_s},
                         {"tasks", tasks},
                         {"features", features},
                         {"data_files", s.data_files},
                         {"films", s.films},
                         {"missing_files", s.missing_files},
                         {"data_bytes", s.data_bytes},
                         {"film_bytes", s.film_bytes},
                         {"meta_bytes", s.meta_bytes},
                         {"unfinished", s.unfinished},
                         {"notes", s.notes}};
  std::vector<std::pair<std::string, std::string>> fields = {
      {"dataset", path},
      {"format", fmt::format("LeRobot {}{}", dataset::DatasetFormatName(s.format),
                             s.unfinished ? ", open: a writer goes on with it" : "")},
      {"robot", s.robot_type.empty() ? "not said" : s.robot_type},
      {"episodes", fmt::format("{} of {:.2f} to {:.2f} s", s.episodes, s.shortest_s, s.longest_s)},
      {"frames", fmt::format("{} at {} a second: {:.1f} min", s.frames, s.fps, s.duration_s / 60)},
      {"data", fmt::format("{} files, {}", s.data_files, ByteText(s.data_bytes))},
      {"films", fmt::format("{} files, {}", s.films, ByteText(s.film_bytes))},
      {"meta", ByteText(s.meta_bytes)}};
  if (s.missing_files > 0) {
    fields.emplace_back("missing", fmt::format("{} files; takt dataset validate names them", s.missing_files));
  }
  for (size_t i = 0; i < s.tasks.size() && i < 10; ++i) {
    const auto count = s.task_episodes.find(s.tasks[i]);
    fields.emplace_back(i == 0 ? "tasks" : "", fmt::format("{} ({} episodes)", s.tasks[i],
                                                           count == s.task_episodes.end() ? 0 : count->second));
  }
  if (s.tasks.size() > 10) fields.emplace_back("", fmt::format("and {} more", s.tasks.size() - 10));
  for (const std::string& note : s.notes) fields.emplace_back("note", note);
  PrintAnswer(context, document, FormatFields(fields) + FormatTable({"feature", "type", "shape", "coding"}, rows));
  return 0;
}

void AddInfo(CLI::App& group, Context& context) {
  const auto path = std::make_shared<std::string>();
  CLI::App* verb = group.add_subcommand("info", "Say what is in a dataset");
  verb->add_option("DATASET", *path, "The folder with meta/ and data/")->required();
  verb->callback([path, &context] { context.verb = [path, &context] { return RunInfo(*path, context); }; });
}

struct ValidateArguments {
  std::string path;
  dataset::ValidateOptions options;
};

int RunValidate(const ValidateArguments& arguments, const Context& context) {
  const dataset::ValidateReport report =
      dataset::Validate(arguments.path, arguments.options, context.progress->Sink());
  Json diagnostics = Json::array();
  std::string text;
  for (const Diagnostic& d : report.diagnostics) {
    diagnostics.push_back({{"severity", SeverityName(d.severity)},
                           {"code", d.code},
                           {"file", d.file},
                           {"message", d.message},
                           {"hint", d.hint}});
    text += fmt::format("{}: {} [{}]\n", SeverityName(d.severity), d.message, d.code);
    if (!d.hint.empty()) text += fmt::format("  hint: {}\n", d.hint);
  }
  const Json document = {{"dataset", arguments.path},
                         {"ok", report.ok()},
                         {"errors", report.errors},
                         {"warnings", report.warnings},
                         {"notes", report.notes},
                         {"episodes", report.episodes},
                         {"frames", report.frames},
                         {"data_files", report.data_files},
                         {"films", report.films},
                         {"frames_decoded", report.frames_decoded},
                         {"diagnostics", diagnostics}};
  text += fmt::format("{}: {} episodes, {} frames, {} data files, {} films read; {} errors, {} warnings, {} notes\n",
                      arguments.path, report.episodes, report.frames, report.data_files, report.films, report.errors,
                      report.warnings, report.notes);
  PrintAnswer(context, document, text);
  return report.ok() ? 0 : 1;
}

void AddValidate(CLI::App& group, Context& context) {
  const auto arguments = std::make_shared<ValidateArguments>();
  CLI::App* verb = group.add_subcommand("validate", "Check a dataset against itself; exit status 1 where it has faults");
  verb->add_option("DATASET", arguments->path, "The folder with meta/ and data/")->required();
  verb->add_flag("--decode", arguments->options.decode, "Decode every frame of every film and picture");
  verb->add_flag("!--no-stats", arguments->options.statistics, "Do not compute the statistics anew");
  verb->callback([arguments, &context] {
    context.verb = [arguments, &context] { return RunValidate(*arguments, context); };
  });
}

struct ConvertArguments {
  std::vector<std::string> in;
  std::string out;
  std::string format, pictures = "same";
  dataset::ConvertOptions options;
};

int RunConvert(const ConvertArguments& arguments, bool merge, const Context& context) {
  dataset::ConvertOptions options = arguments.options;
  if (arguments.format == "v2.1") options.format = dataset::DatasetFormat::kV21;
  if (arguments.format == "v3.0") options.format = dataset::DatasetFormat::kV30;
  if (arguments.pictures == "h264") options.pictures = dataset::PictureCoding::kH264;
  if (arguments.pictures == "av1") options.pictures = dataset::PictureCoding::kAv1;
  if (arguments.pictures == "png") options.pictures = dataset::PictureCoding::kPng;
  const auto sink = context.progress->Sink();
  const dataset::ConvertReport report =
      merge ? dataset::Merge({arguments.in.begin(), arguments.in.end()}, arguments.out, options, sink)
            : dataset::Convert(arguments.in.front(), arguments.out, options, sink);
  const Json document = {{"dataset", arguments.out},       {"episodes", report.episodes},
                         {"frames", report.frames},        {"tasks", report.tasks},
                         {"films_copied", report.films_copied}, {"films_encoded", report.films_encoded},
                         {"bytes", report.bytes},          {"notes", report.notes}};
  std::string text;
  for (const std::string& note : report.notes) text += fmt::format("note: {}\n", note);
  text += fmt::format("{}: {} episodes, {} frames, {} tasks, {}; films: {} copied, {} encoded\n", arguments.out,
                      report.episodes, report.frames, report.tasks, ByteText(report.bytes), report.films_copied,
                      report.films_encoded);
  PrintAnswer(context, document, text);
  return 0;
}

void AddConvertOptions(CLI::App& verb, const std::shared_ptr<ConvertArguments>& arguments) {
  verb.add_option("--out", arguments->out, "The folder to make; a run that was stopped is gone on with")
      ->type_name("DIR")
      ->required();
  verb.add_option("--format", arguments->format, "Layout of the result (default: that of the input)")
      ->check(CLI::IsMember({"v2.1", "v3.0"}));
  verb.add_option("--pictures", arguments->pictures, "Coding of pictures; 'same' copies films as packets")
      ->check(CLI::IsMember({"same", "h264", "av1", "png"}));
  verb.add_option("--crf", arguments->options.crf, "Quality of films encoded anew, lower is better; -1 = 23 h264, 30 av1")
      ->check(CLI::Range(-1, 63));
  verb.add_option("--preset", arguments->options.preset,
                  "Effort of the encoder: h264 0 (fast) to 8, av1 13 (fast) to 0; -1 = 2, 12")
      ->check(CLI::Range(-1, 13));
  verb.add_option("--data-file-mb", arguments->options.data_file_mb, "v3.0: a data file is full at this size")
      ->check(CLI::Range(1, 4096));
  verb.add_option("--video-file-mb", arguments->options.video_file_mb, "v3.0: a film is full at this size")
      ->check(CLI::Range(1, 4096));
}

void AddConvert(CLI::App& group, Context& context) {
  const auto arguments = std::make_shared<ConvertArguments>();
  arguments->in.resize(1);
  CLI::App* verb = group.add_subcommand(
      "convert", "Write a dataset anew: v2.1 to v3.0 or back, another coding of pictures, some of its episodes");
  verb->add_option("DATASET", arguments->in[0], "The folder with meta/ and data/")->required();
  AddConvertOptions(*verb, arguments);
  verb->add_option("--episodes", arguments->options.episodes, "Only these, in this order: 0,5,7")->delimiter(',');
  verb->callback([arguments, &context] {
    context.verb = [arguments, &context] { return RunConvert(*arguments, false, context); };
  });
}

void AddMerge(CLI::App& group, Context& context) {
  const auto arguments = std::make_shared<ConvertArguments>();
  CLI::App* verb = group.add_subcommand("merge", "Write many datasets with the same features into one, in this order");
  verb->add_option("DATASETS", arguments->in, "Folders with meta/ and data/")->required();
  AddConvertOptions(*verb, arguments);
  verb->callback([arguments, &context] {
    context.verb = [arguments, &context] { return RunConvert(*arguments, true, context); };
  });
}

struct StatsArguments {
  std::string path;
  dataset::SetStatsOptions options;
};

int RunStats(const StatsArguments& arguments, const Context& context) {
  const dataset::SetStatsReport report =
      dataset::ComputeSetStats(arguments.path, arguments.options, context.progress->Sink());
  Json stats = Json::object();
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, s] : report.stats) {
    stats[name] = dataset::StatsToJson(s);
    for (size_t e = 0; e < s.min.size(); ++e) {
      const auto number = [](double v) { return fmt::format("{:.5g}", v); };
      std::vector<std::string> row = {s.min.size() == 1 ? name : fmt::format("{}[{}]", name, e), number(s.min[e])};
      for (const auto& list : s.quantiles) row.push_back(list.empty() ? "" : number(list[e]));
      row.insert(row.end(), {number(s.max[e]), number(s.mean[e]), number(s.std[e]), fmt::format("{}", s.count)});
      rows.push_back(std::move(row));
    }
  }
  const Json document = {{"dataset", arguments.path},
                         {"episodes", report.episodes},
                         {"changed", report.changed},
                         {"written", report.written},
                         {"stats", stats}};
  std::string text = FormatTable({"feature", "min", "q01", "q10", "q50", "q90", "q99", "max", "mean", "std", "count"}, rows);
  text += fmt::format("{}: {} episodes; the statistics of {} differ from what the set says{}\n", arguments.path,
                      report.episodes, report.changed, report.written ? "; written" : "");
  PrintAnswer(context, document, text);
  return 0;
}

void AddStats(CLI::App& group, Context& context) {
  const auto arguments = std::make_shared<StatsArguments>();
  CLI::App* verb = group.add_subcommand("stats", "Compute the statistics of a dataset anew, exactly");
  verb->add_option("DATASET", arguments->path, "The folder with meta/ and data/")->required();
  verb->add_flag("--write", arguments->options.write, "Put them into the dataset");
  verb->add_flag("!--no-pictures", arguments->options.pictures, "Decode no pictures: keep what the set says of them");
  verb->callback([arguments, &context] {
    context.verb = [arguments, &context] { return RunStats(*arguments, context); };
  });
}

struct ShowArguments {
  std::string path, page;
  dataset::ShowOptions options;
};

int RunShow(const ShowArguments& arguments, const Context& context) {
  const dataset::ShowReport report =
      dataset::Show(arguments.path, arguments.page, arguments.options, context.progress->Sink());
  const Json document = {{"dataset", arguments.path}, {"page", arguments.page},       {"episodes", report.episodes},
                         {"shown", report.shown},     {"pictures", report.pictures}, {"bytes", report.bytes}};
  PrintAnswer(context, document,
              fmt::format("{}: {} of {} episodes, {} pictures, {}\n", arguments.page, report.shown, report.episodes,
                          report.pictures, ByteText(report.bytes)));
  return 0;
}

void AddShow(CLI::App& group, Context& context) {
  const auto arguments = std::make_shared<ShowArguments>();
  CLI::App* verb = group.add_subcommand("show", "Write one HTML page with pictures, trajectories and a table of episodes");
  verb->add_option("DATASET", arguments->path, "The folder with meta/ and data/")->required();
  verb->add_option("--out", arguments->page, "The page to write")->type_name("FILE.html")->required();
  verb->add_option("--episodes", arguments->options.episodes, "Which to show: 0,5,7")->delimiter(',');
  verb->add_option("--count", arguments->options.count, "How many to show where --episodes does not say which")
      ->check(CLI::Range(1, 1000));
  verb->add_option("--frames", arguments->options.frames, "Pictures in a strip")->check(CLI::Range(1, 200));
  verb->callback([arguments, &context] {
    context.verb = [arguments, &context] { return RunShow(*arguments, context); };
  });
}

}  // namespace

void RegisterDataset(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("dataset", "Robot demonstrations in LeRobot's formats: check, convert, look into");
  group->require_subcommand(1);
  AddInfo(*group, context);
  AddValidate(*group, context);
  AddConvert(*group, context);
  AddMerge(*group, context);
  AddStats(*group, context);
  AddShow(*group, context);
}

}  // namespace takt::cli
