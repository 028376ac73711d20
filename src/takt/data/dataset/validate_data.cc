// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "takt/core/base/interrupt.h"
#include "takt/data/dataset/validate_parts.h"

// Data files against the features and the table of episodes.
namespace takt::dataset {
namespace {

namespace fs = std::filesystem;

// What a field holds, in words that do not depend on how nullable it is.
std::string KindText(const Field& field) {
  if (field.kind == ValueKind::kList) return fmt::format("list of {}", KindText(field.children[0]));
  return std::string(ValueKindName(field.kind));
}

void CheckSchema(Validation& v, const ParquetReader& reader, const std::string& name) {
  for (const Field& wanted : DataFields(v.set.info)) {
    const auto at = reader.schema().FindField(wanted.name);
    if (!at) {
      v.Fail("dataset/columns", fmt::format("column '{}' is missing", wanted.name), name, name);
      continue;
    }
    const Field& field = reader.fields()[*at];
    if (KindText(field) != KindText(wanted)) {
      v.Fail("dataset/columns",
             fmt::format("column '{}' is {}, but info.json makes it {}", wanted.name, KindText(field), KindText(wanted)),
             name, name);
    }
  }
  for (const Field& field : reader.fields()) {
    const Feature* feature = v.set.info.Find(field.name);
    if (feature == nullptr) {
      v.Warn("dataset/columns", fmt::format("column '{}' is no feature of info.json", field.name), name, name);
    } else if (feature->IsVideo()) {
      v.Warn("dataset/columns", fmt::format("column '{}' stands beside films of the same name", field.name), name, name);
    }
  }
}

class EpisodeChecker {
 public:
  EpisodeChecker(Validation& v, const EpisodeMeta& episode, const EpisodeData& data)
      : v_(v), episode_(episode), data_(data), name_(fmt::format("episode {}", episode.index)) {}

  void Run() {
    Counting("episode_index", [&](int64_t) { return episode_.index; });
    Counting("frame_index", [&](int64_t i) { return i; });
    Counting("index", [&](int64_t i) { return episode_.from + i; });
    Timestamps();
    TaskIndices();
    StatsMap& computed = v_.computed[episode_.index];
    for (const Feature& feature : v_.set.info.features) {
      if (!feature.IsVideo()) Column(feature, &computed);
    }
  }

 private:
  std::optional<Values> Get(const std::string& column) {
    if (data_.columns.find(column) == data_.columns.end()) return std::nullopt;  // said by CheckSchema
    try {
      return data_.Numbers(column);
    } catch (const Error& error) {
      v_.Fail("dataset/columns", fmt::format("column '{}' {}", column, error.message()), name_);
      v_.data_whole = false;
      return std::nullopt;
    }
  }

  template <class Want>
  void Counting(const std::string& column, const Want& want) {
    const std::optional<Values> values = Get(column);
    if (!values || !std::holds_alternative<std::vector<int64_t>>(*values)) return;
    const auto& all = std::get<std::vector<int64_t>>(*values);
    for (size_t i = 0; i < all.size(); ++i) {
      if (all[i] == want(static_cast<int64_t>(i))) continue;
      v_.Fail("dataset/index", fmt::format("'{}' does not count as the table of episodes says", column),
              fmt::format("{}, frame {}: {}, not {}", name_, i, all[i], want(static_cast<int64_t>(i))));
      return;
    }
  }

  void Timestamps() {
    const std::optional<Values> values = Get("timestamp");
    if (!values || !std::holds_alternative<std::vector<float>>(*values)) return;
    const auto& all = std::get<std::vector<float>>(*values);
    for (size_t i = 0; i < all.size(); ++i) {
      const double wanted = static_cast<double>(i) / v_.set.info.fps;
      // LeRobot's tolerance, and what float32 cannot tell apart.
      if (std::abs(static_cast<double>(all[i]) - wanted) <= 1e-4 + 1e-6 * wanted) continue;
      v_.Fail("dataset/timestamp", "a timestamp is not frame_index / fps",
              fmt::format("{}, frame {}: {:.6g} s, not {:.6g} s", name_, i, all[i], wanted));
      return;
    }
  }

  void TaskIndices() {
    const std::optional<Values> values = Get("task_index");
    if (!values || !std::holds_alternative<std::vector<int64_t>>(*values)) return;
    const auto& all = std::get<std::vector<int64_t>>(*values);
    for (size_t i = 0; i < all.size(); ++i) {
      if (all[i] < 0 || all[i] >= static_cast<int64_t>(v_.set.tasks.size())) {
        v_.Fail("dataset/tasks", "a task_index is not in the table of tasks",
                fmt::format("{}, frame {}: {}", name_, i, all[i]));
        return;
      }
      const std::string& task = v_.set.tasks[static_cast<size_t>(all[i])];
      if (std::find(episode_.tasks.begin(), episode_.tasks.end(), task) == episode_.tasks.end()) {
        v_.Fail("dataset/tasks", "a frame does a task that its episode does not name",
                fmt::format("{}, frame {}: '{}'", name_, i, task));
        return;
      }
    }
  }

  void Column(const Feature& feature, StatsMap* computed) {
    const auto found = data_.columns.find(feature.name);
    if (found == data_.columns.end()) return;
    if (feature.IsImage()) return Pictures(feature, found->second);
    const std::optional<Values> values = Get(feature.name);
    if (!values) return;
    const int64_t wanted = episode_.length * feature.Elements();
    bool even = static_cast<int64_t>(CountValues(*values)) == wanted;
    for (size_t i = 0; even && found->second.kind == ValueKind::kList && i < found->second.length; ++i) {
      even = static_cast<int64_t>(found->second.ListLength(i)) == feature.shape[0];
    }
    if (!even) {
      v_.Fail("dataset/columns", fmt::format("rows of '{}' do not have the shape of info.json", feature.name), name_);
      v_.data_whole = false;
      return;
    }
    if (feature.dtype == "string") return;
    size_t broken = 0;
    std::visit(
        [&](const auto& all) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(all)>, Blobs>) {
            for (const auto value : all) broken += std::isfinite(static_cast<double>(value)) ? 0 : 1;
          }
        },
        *values);
    if (broken > 0) {
      v_.Warn("dataset/non-finite", fmt::format("'{}' holds NaN or infinity", feature.name),
              fmt::format("{}: {} values", name_, broken));
    }
    if (v_.options.statistics) (*computed)[feature.name] = ComputeStats(*values, feature.Elements(), feature.shape);
  }

  void Pictures(const Feature& feature, const Array& column) {
    if (column.kind != ValueKind::kStruct || column.children.empty() ||
        column.children[0].kind != ValueKind::kBinary) {
      return;  // said by CheckSchema
    }
    const size_t last = column.length == 0 ? 0 : column.length - 1;
    for (size_t i = 0; i < column.length; ++i) {
      if (!v_.options.decode && i != 0 && i != last) continue;
      const std::string_view png = column.children[0].Strings()[i];
      const std::string item = fmt::format("{}, frame {}", name_, i);
      try {
        const auto picture = DecodeImage({reinterpret_cast<const uint8_t*>(png.data()), png.size()}, item);
        const auto* image = std::get_if<Image8>(&picture);
        if (image == nullptr || image->height_px != feature.shape[0] || image->width_px != feature.shape[1] ||
            image->channels != 3) {
          v_.Fail("dataset/pictures", fmt::format("a picture of '{}' does not have the shape of info.json", feature.name),
                  item);
          return;
        }
      } catch (const Error& error) {
        v_.Fail("dataset/pictures", fmt::format("a picture of '{}' cannot be decoded", feature.name),
                fmt::format("{}: {}", item, error.message()));
        return;
      }
    }
  }

  Validation& v_;
  const EpisodeMeta& episode_;
  const EpisodeData& data_;
  std::string name_;
};

}  // namespace

std::set<std::string> ValidateData(Validation& v) {
  std::set<std::string> named;
  std::map<std::string, int64_t> rows_wanted;
  std::map<std::string, std::vector<const EpisodeMeta*>> files;
  for (const EpisodeMeta& episode : v.set.episodes) {
    try {
      const std::string name = DataPath(v.set.info, episode).generic_string();
      named.insert(name);
      rows_wanted[name] += episode.length;
      files[name].push_back(&episode);
    } catch (const Error& error) {
      v.Fail("dataset/path", fmt::format("{} {}", error.subject(), error.message()), "", "meta/info.json");
      v.data_whole = false;
    }
  }
  EpisodeReader reader(v.set);
  ProgressUpdate update{"check", 0, v.set.episodes.size(), "episodes", {}};
  for (const auto& [name, episodes] : files) {
    ThrowIfInterrupted();
    update.done += episodes.size();
    const fs::path path = v.set.folder / name;
    if (!fs::exists(path)) {
      v.Fail("dataset/missing-file", "a data file is missing", name, name);
      v.data_whole = false;
      continue;
    }
    bool readable = true;
    try {
      const ParquetReader file(path);
      ++v.report->data_files;
      CheckSchema(v, file, name);
      if (file.num_rows() != rows_wanted[name]) {
        v.Fail("dataset/rows", "a data file does not have the rows of its episodes",
               fmt::format("{}: {} rows, {} frames", name, file.num_rows(), rows_wanted[name]), name);
        readable = file.num_rows() > rows_wanted[name];
        v.data_whole = false;
      }
      for (const Field& field : DataFields(v.set.info)) {
        if (!file.schema().FindField(field.name)) v.data_whole = false;
      }
    } catch (const Error& error) {
      v.Caught(error, "dataset/unreadable");
      v.data_whole = false;
      continue;
    }
    for (const EpisodeMeta* episode : episodes) {
      if (!readable) break;
      ThrowIfInterrupted();
      try {
        const EpisodeData data = reader.Read(*episode);
        EpisodeChecker(v, *episode, data).Run();
      } catch (const Error& error) {
        v.Caught(error, "dataset/unreadable");
        v.data_whole = false;
        break;
      }
    }
    if (v.progress) v.progress(update);
  }
  return named;
}

}  // namespace takt::dataset
