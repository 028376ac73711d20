// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/edit.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/sha256.h"
#include "takt/data/scene/model/scene_io.h"
#include "takt/data/scene/model/walk.h"

namespace takt::scene {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kMaxLogBytes = uint64_t{256} << 20;

std::string ReadLog(const std::filesystem::path& log) {
  return std::filesystem::exists(log) ? ReadTextFile(log, kMaxLogBytes) : std::string();
}

// Where the last whole line of the log begins; the text's end where there is none. A line that a crash cut short has no
// end and does not count.
size_t LastLine(std::string_view text) {
  if (text.empty()) return 0;
  const size_t before = text.size() >= 2 ? text.rfind('\n', text.size() - 2) : std::string_view::npos;
  return before == std::string_view::npos ? 0 : before + 1;
}

struct LogLine {
  std::string inverse, before, after;
};

LogLine ParseLine(std::string_view line, const std::filesystem::path& log) {
  try {
    const Json entry = Json::parse(line);
    return {entry.at("inverse").dump(), entry.at("before").get<std::string>(), entry.at("after").get<std::string>()};
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kBadInput, log.string(), "its last line is no edit of a scene",
                "remove the line; the edits before it can then be taken back");
  }
}

// The ids and those of everything that stands in their nodes.
std::set<std::string> WithDescendants(const Scene& scene, const std::vector<std::string>& ids) {
  std::set<std::string> all(ids.begin(), ids.end());
  Walk(scene, [&](const Node& node, const Node* parent, const Pose&) {
    if (parent != nullptr && all.contains(parent->id)) all.insert(node.id);
  });
  return all;
}

}  // namespace

std::filesystem::path LogOf(const std::filesystem::path& file) { return file.string() + ".log"; }

std::string TreeDigest(const Scene& scene) { return Sha256Hex(std::string_view(FormatScene(scene, Format::kXml))); }

void WriteEdited(const Scene& before, const Scene& scene, const std::filesystem::path& file) {
  const Format format = FormatOf(file);
  const std::filesystem::path log = LogOf(file);
  const Json entry = {{"patch", Json::parse(FormatPatch(Diff(before, scene), Format::kJson))},
                      {"inverse", Json::parse(FormatPatch(Diff(scene, before), Format::kJson))},
                      {"before", TreeDigest(before)},
                      {"after", TreeDigest(scene)}};
  std::string text = ReadLog(log);
  text.resize(text.rfind('\n') + 1);  // npos + 1 is 0
  text += entry.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  if (text.size() > kMaxLogBytes) {
    throw Error(ErrorCode::kBadInput, log.string(), "is full: it would be longer than 256 MiB",
                "move the log away; what it holds can then not be taken back");
  }
  const std::string scene_text = RewriteScene(before, ReadTextFile(file, kMaxSceneBytes), format, scene);
  WriteFileAtomic(log, std::string_view(text));
  WriteFileAtomic(file, std::string_view(scene_text));
}

EditReport Edit(const EditOptions& options) {
  const Scene before = LoadScene(options.file);
  EditResult edit =
      Apply(before, ReadTextFile(options.patch, kMaxSceneBytes), FormatOf(options.patch), options.patch.string());
  EditReport report{.diagnostics = std::move(edit.diagnostics),
                    .touched = std::move(edit.touched),
                    .moved = {},
                    .faults_left = {},
                    .before = TreeDigest(before),
                    .after = {}};
  if (HasErrors(report.diagnostics)) return report;
  if (options.resolve && !report.touched.empty()) {
    RepairOptions repair;
    repair.seed = options.seed;
    repair.assets = options.file.parent_path();
    repair.movable = report.touched;
    RepairResult repaired = Repair(edit.scene, repair);
    const std::set<std::string> ours = WithDescendants(repaired.scene, report.touched);
    for (Fault& fault : repaired.certificate.faults) {
      if (ours.contains(fault.subject) || ours.contains(fault.other)) {
        throw Error(ErrorCode::kInfeasibleBudget, options.patch.string(),
                    "leaves a scene that cannot be repaired by moving only what it touches: " + fault.text,
                    "let more nodes move (takt scene repair), or edit without --resolve");
      }
      report.faults_left.push_back(std::move(fault));
    }
    report.moved = std::move(repaired.moved);
    edit.scene = std::move(repaired.scene);
  }
  report.after = TreeDigest(edit.scene);
  if (report.after != report.before) WriteEdited(before, edit.scene, options.file);
  return report;
}

UndoReport Undo(const std::filesystem::path& file) {
  const std::filesystem::path log = LogOf(file);
  std::string text = ReadLog(log);
  text.resize(text.rfind('\n') + 1);
  const Scene now = LoadScene(file);
  const std::string digest = TreeDigest(now);
  const auto nothing_left = [&] {
    return Error(ErrorCode::kNotFound, log.string(), "holds no edit to take back", "takt scene edit writes the log");
  };
  if (text.empty()) throw nothing_left();
  size_t begin = LastLine(text);
  LogLine line = ParseLine(std::string_view(text).substr(begin), log);
  if (line.after != digest && line.before == digest) {
    // The program ended between the log and the scene: this edit never happened.
    text.resize(begin);
    if (text.empty()) {
      WriteFileAtomic(log, std::string_view(text));
      throw nothing_left();
    }
    begin = LastLine(text);
    line = ParseLine(std::string_view(text).substr(begin), log);
  }
  if (line.after != digest) {
    throw Error(ErrorCode::kBadInput, file.string(), "is not as the last edit in its log left it",
                "it was changed by hand since; take that back first, or remove the log");
  }
  UndoReport report;
  report.inverse = ParsePatch(line.inverse, Format::kJson, log.string()).patch;
  const EditResult edit = Apply(now, report.inverse);
  report.digest = TreeDigest(edit.scene);
  if (HasErrors(edit.diagnostics) || report.digest != line.before) {
    throw Error(ErrorCode::kBadInput, log.string(), "its last edit does not lead back to the scene before it",
                "the log is damaged; remove its last line");
  }
  text.resize(begin);
  report.edits_left = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  // The scene first: a crash in between leaves a line whose edit is already taken back, as above.
  const std::string scene_text = RewriteScene(now, ReadTextFile(file, kMaxSceneBytes), FormatOf(file), edit.scene);
  WriteFileAtomic(file, std::string_view(scene_text));
  WriteFileAtomic(log, std::string_view(text));
  return report;
}

MergeResult MergeFiles(const MergeOptions& options) {
  const Scene base = LoadScene(options.base), ours = LoadScene(options.ours), theirs = LoadScene(options.theirs);
  MergeResult result = Merge(base, ours, theirs);
  if (result.conflicts.empty() || options.keep_conflicts) WriteScene(result.scene, options.out);
  return result;
}

}  // namespace takt::scene
